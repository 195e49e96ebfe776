"""`shoal run` while a test runs: a generated site.toml on free ports, changes over REST, what the
site says of itself, and what its results are. Also clips of boards for cameras to play."""

import collections
import dataclasses
import http.client
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import threading
import time
import urllib.parse

import cv2
import numpy as np
import pytest
from program import BINARY, run_tool

PATIENCE = 90  # seconds; only a defect, or a machine that does nothing else, waits so long


def toml(value):
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, (int, float)):
        return repr(value)
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(toml(one) for one in value) + "]"
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{key} = {toml(one)}" for key, one in value.items()) + " }"
    return json.dumps(str(value))


def table(header, keys):
    return "\n".join([header, *(f"{key} = {toml(value)}" for key, value in keys.items()), ""])


def synthetic(name, seed, size="320x240", fps=5, frames=None, **keys):
    """A camera that shows generated boards."""
    bounded = f"&frames={frames}" if frames else ""
    url = f"synthetic:pcb?size={size}&fps={fps}&seed={seed}{bounded}"
    return {"name": name, "url": url, **keys}


class RunningSite:
    """The program from start() to stop(), kill(), or leaving; start() again takes it up again.

    `model`, `site`, `service`: more keys of these sections. Results of all cameras go to `results`.
    """

    def __init__(self, folder, cameras=(), alarms=(), sinks=(), model=None, site=None,
                 service=None, arguments=(), command=(), env=None):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.results = self.folder / "results.jsonl"
        self.recordings = self.folder / "recordings"
        self.cameras_configured, self.alarm_rules, self.sinks = cameras, alarms, list(sinks)
        # A quarter of the built-in model's pixels: these tests are not about the network.
        self.sections = {
            "model": {"path": "pcb", "shapes": ["320x256"], **(model or {})},
            "service": {"http": "127.0.0.1:0", "grpc": "", "metrics": "127.0.0.1:0",
                        **(service or {})},
            "site": {"recordings": self.recordings, "spool": self.folder / "spool",
                     **(site or {})}}
        self.arguments, self.command, self.env = list(arguments), list(command), env
        self.process = None
        self.lines = []

    def write(self):
        jsonl = {"type": "jsonl", "name": "results", "path": self.results, "queue": 4096}
        parts = [table(f"[{name}]", keys) for name, keys in self.sections.items()]
        parts += [table("[[camera]]", camera) for camera in self.cameras_configured]
        parts += [table("[[alarm]]", alarm) for alarm in self.alarm_rules]
        parts += [table("[[sink]]", sink) for sink in [jsonl, *self.sinks]]
        path = self.folder / "site.toml"
        path.write_text("\n".join(parts))
        return path

    def start(self):
        command = [*self.command, BINARY, "run", self.write(), *self.arguments]
        self.lines = []
        self.process = subprocess.Popen([str(word) for word in command], text=True, env=self.env,
                                        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                        stderr=subprocess.PIPE)
        ready = threading.Event()
        self.reader = threading.Thread(target=self._read, args=(ready,), daemon=True)
        self.reader.start()
        if not ready.wait(120) or self.process.poll() is not None:
            self.kill()
            pytest.fail("not ready:\n" + self.log)
        address = re.search(r"http +http://([\d.]+):(\d+)", self.log)
        self.host, self.port = address.group(1), int(address.group(2))
        self.metrics_port = int(re.search(r"metrics +http://[\d.]+:(\d+)", self.log).group(1))
        return self

    def _read(self, ready):
        for line in self.process.stderr:
            self.lines.append(line)
            if line.strip() == "ready":
                ready.set()
        ready.set()

    @property
    def log(self):
        return "".join(self.lines)

    def __enter__(self):
        return self.start()

    def __exit__(self, failed, *_):
        if failed:
            print(self.log[-6000:])
            self.kill()
        else:
            self.stop()

    def wait(self, timeout=PATIENCE):
        """Until it ends by itself, well."""
        try:
            self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.kill()
            pytest.fail(f"does not end:\n{self.log}")
        self.reader.join(10)
        assert self.process.returncode == 0, self.log

    def stop(self, timeout=PATIENCE):
        """SIGTERM, as a service manager does it."""
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        if self.process is not None:
            self.wait(timeout)
        self.process = None

    def kill(self):
        """SIGKILL: a power failure."""
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
        if self.process is not None:
            self.process.wait()
            self.reader.join(10)
        self.process = None

    # What it says and does.

    def request(self, method, path, body=None, timeout=60):
        """(status, body): JSON where it says so, else bytes."""
        connection = http.client.HTTPConnection(self.host, self.port, timeout=timeout)
        try:
            data = None if body is None else json.dumps(body).encode()
            connection.request(method, path, data, {"Content-Type": "application/json"})
            response = connection.getresponse()
            content = response.read()
            if response.getheader("Content-Type", "").startswith("application/json"):
                content = json.loads(content)
            return response.status, content
        finally:
            connection.close()

    def get(self, path):
        status, content = self.request("GET", path)
        assert status == 200, (path, status, content)
        return content

    def change(self, method, path, body=None, expected=(200, 201, 204)):
        status, content = self.request(method, path, body)
        assert status in expected, (method, path, status, content)
        return content

    def add(self, camera):
        return self.change("POST", "/api/v1/cameras", camera, (201,))

    def patch(self, name, **keys):
        return self.change("PATCH", f"/api/v1/cameras/{name}", keys)

    def remove(self, name):
        return self.change("DELETE", f"/api/v1/cameras/{name}", expected=(204,))

    def cameras(self):
        """STATUS by name, in order."""
        return {one["name"]: one for one in self.get("/api/v1/cameras")["cameras"]}

    def status(self, name):
        return self.get(f"/api/v1/cameras/{name}")

    def alarms(self, count=500):
        return self.get(f"/api/v1/alarms?count={count}")["alarms"]

    def sink(self, name):
        return next(one for one in self.get("/api/v1/status")["sinks"] if one["name"] == name)

    def metrics(self):
        connection = http.client.HTTPConnection(self.host, self.metrics_port, timeout=60)
        try:
            connection.request("GET", "/metrics")
            return connection.getresponse().read().decode()
        finally:
            connection.close()

    def wait_until(self, true, what, timeout=PATIENCE):
        """Waits for a condition; returns what it returned."""
        deadline = time.monotonic() + timeout
        while not (found := true()):
            if self.process is not None and self.process.poll() is not None:
                pytest.fail(f"ended before {what}:\n{self.log[-4000:]}")
            if time.monotonic() > deadline:
                state = json.dumps(self.get("/api/v1/cameras"), indent=1)[:6000]
                pytest.fail(f"waited {timeout} s for {what}\n{state}\n{self.log[-4000:]}")
            time.sleep(0.1)
        return found

    def wait_for_state(self, name, state, timeout=PATIENCE):
        def reached():
            status = self.status(name)
            return status if status["state"] == state else None
        return self.wait_until(reached, f"'{name}' to be {state}", timeout)

    def wait_for_frames(self, name, count, timeout=PATIENCE):
        """So many analysed frames more than now."""
        wanted = self.status(name)["analysed"] + count
        return self.wait_until(lambda: self.status(name)["analysed"] >= wanted,
                               f"{count} frames of '{name}'", timeout)

    def pause_and_account(self, names):
        """Pauses cameras of which each packet is a frame, and waits until every frame that came is
        analysed or dropped for a reason. While they run some are always on their way, how many
        nobody promises."""
        for name in names:
            self.change("POST", f"/api/v1/cameras/{name}/pause")
        for name in names:
            def accounted(name=name):
                status = self.status(name)
                known = status["analysed"] + status["errors"] + sum(status["dropped"].values())
                return status["packets"] == known and status["decoded"] <= status["packets"]
            self.wait_until(accounted, f"every frame of '{name}' to be accounted for")

    def analysed_in(self, names, seconds):
        """Frames of each camera that are analysed in so many seconds."""
        before, begun = self.cameras(), time.monotonic()
        time.sleep(seconds)
        after, ended = self.cameras(), time.monotonic()
        return {name: (after[name]["analysed"] - before[name]["analysed"]) * seconds /
                (ended - begun) for name in names}

    def lines_of(self, name=None):
        """Results written so far, of one camera or all, without alarms; each line whole."""
        lines = map(json.loads, self.results.read_text().split("\n")[:-1])
        return [line for line in lines if "camera" in line and name in (None, line["camera"])]

    def process_figures(self):
        """(resident bytes, threads, open files)"""
        proc = pathlib.Path(f"/proc/{self.process.pid}")
        values = dict(line.split(":", 1) for line in (proc / "status").read_text().splitlines())
        return (int(values["VmRSS"].split()[0]) * 1024, int(values["Threads"]),
                len(os.listdir(proc / "fd")))


class Pictures:
    """Everything a camera analyses, as a viewer sees it: its stream.mjpg, decoded, newest last."""

    def __init__(self, site, name, width=160, most=2000):
        self.pictures = collections.deque(maxlen=most)
        query = urllib.parse.urlencode({"width": width, "fps": 30, "boxes": 0})
        self.connection = http.client.HTTPConnection(site.host, site.port, timeout=PATIENCE)
        self.connection.request("GET", f"/api/v1/cameras/{name}/stream.mjpg?{query}")
        self.response = self.connection.getresponse()
        assert self.response.status == 200, self.response.read()
        self.stopping = False
        self.thread = threading.Thread(target=self._read, daemon=True)
        self.thread.start()

    def _read(self):
        try:
            while line := self.response.readline():
                if not line.lower().startswith(b"content-length:"):
                    continue
                length = int(line.split(b":")[1])
                while self.response.readline().strip():
                    pass
                jpeg = np.frombuffer(self.response.read(length), np.uint8)
                self.pictures.append(cv2.imdecode(jpeg, cv2.IMREAD_COLOR))
        except (OSError, http.client.HTTPException, ValueError, AttributeError):
            if not self.stopping:
                raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stopping = True
        if self.connection.sock is not None:
            self.connection.sock.shutdown(2)
        self.connection.close()
        self.thread.join(10)


def frames_of(path, width):
    """All frames of a video file, reduced to `width`, by OpenCV: what a camera may show."""
    video = cv2.VideoCapture(str(path))
    frames = []
    while True:
        read, frame = video.read()
        if not read:
            return frames
        height = round(frame.shape[0] * width / frame.shape[1])
        frames.append(cv2.resize(frame, (width, height), interpolation=cv2.INTER_AREA))


def distance(picture, frames):
    """Mean absolute difference to the nearest of the frames, in levels of 255, where blocks of 4x4
    pixels are one: JPEG and ways of scaling differ in less. No frame of this size: 255."""
    same = [frame for frame in frames if frame.shape == picture.shape]
    return min((float(np.mean(cv2.absdiff(coarse(picture), coarse(frame)))) for frame in same),
               default=255.0)


def coarse(picture):
    return cv2.resize(picture, None, fx=0.25, fy=0.25, interpolation=cv2.INTER_AREA)


@dataclasses.dataclass(frozen=True)
class Boards:
    """A clip of generated boards, with a key frame every `gop` frames."""

    size: str = "320x240"
    fps: int = 10
    frames: int = 40
    gop: int = 40
    seed: int = 1


def make_clips(folder, **clips):
    """Writes NAME.mp4, H.264, for each NAME=Boards(...); their paths by name."""
    made, paths = folder / "made", {}
    run_tool([BINARY, "detect", *(f"synthetic:pcb?size={one.size}&fps={one.fps}&seed={one.seed}"
                                  f"&frames={one.frames}" for one in clips.values()),
              "--quiet", "--conf", "1", "--imgsz", "64", "--save", made])
    for number, (name, one) in enumerate(clips.items(), 1):
        source = made / f"synthetic-pcb{f'-{number}' if number > 1 else ''}.mp4"
        paths[name] = folder / f"{name}.mp4"
        run_tool(["ffmpeg", "-v", "error", "-y", "-i", source, "-c:v", "libx264", "-preset",
                  "veryfast", "-threads", "1", "-crf", "20", "-g", str(one.gop), "-bf", "0",
                  "-sc_threshold", "0", "-pix_fmt", "yuv420p", paths[name]])
    shutil.rmtree(made)
    return paths


def relative(lines):
    """Results without what depends on the run: frame, size, boxes, and track ids renamed to the
    order in which they appear."""
    numbers = {}
    told = []
    for line in lines:
        objects = []
        for one in line["detections"]:
            track = one.get("track_id")
            if track is not None:
                track = numbers.setdefault(track, len(numbers))
            box = one["box"]
            objects.append((one["name"], one["confidence"], box["x1"], box["y1"], box["x2"],
                            box["y2"], track))
        told.append((line["frame"], line["width"], line["height"], tuple(objects)))
    return told


def track_ids(lines):
    return {one["track_id"] for line in lines for one in line["detections"]
            if one.get("track_id") is not None}


def video_seconds(path):
    """Duration and count of frames of a video, by ffprobe, which decodes it whole."""
    done = run_tool(["ffprobe", "-v", "error", "-count_frames", "-select_streams", "v:0",
                     "-show_entries", "stream=nb_read_frames:format=duration", "-of", "json", path])
    assert not done.stderr, done.stderr
    found = json.loads(done.stdout)
    return float(found["format"]["duration"]), int(found["streams"][0]["nb_read_frames"])
