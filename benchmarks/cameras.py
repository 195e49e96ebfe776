#!/usr/bin/env python3
"""Cameras: twenty mixed live streams, and four clips in full beside Ultralytics.

  cameras.py [--parts live,around,dense,clips] [--seconds 60] [--shoal build/release/shoal]
             [--ultralytics VENV/bin/python] [--folder DIR] [--output docs/benchmarks/cameras.md]

live    twenty files that play at their own speed (720p to 4K, 1 to 25 frames a second, made from
        the zoo's videos with ffmpeg) through `shoal run`: each camera's rate, latencies, RSS
dense   the same with B frames and CRF 23 instead of 28: decoding alone is more than two cores
clips   four clips, every frame, as fast as it goes: `shoal run` with live = false beside
        Ultralytics' multi-stream track() on OpenVINO, and the network-only rate of the same minutes
around  what a frame costs beside the network: from the request log of the live run

The machine should do nothing else.
"""
import argparse
import datetime
import json
import os
import re
import signal
import statistics
import subprocess
import tempfile
import time
import urllib.request
from pathlib import Path

from report import say, table

ROOT = Path(__file__).resolve().parent.parent
HERE = Path(__file__).resolve().parent

# (video of the zoo, width, frames a second); heights follow.
LIVE = ([("carnd_test_small1", 1280, fps) for fps in (1, 1, 2, 2, 5, 5, 10, 10, 25, 25)] +
        [("carnd_small2_up1920x1080_h264", 1920, fps) for fps in (1, 2, 5, 5, 10, 25)] +
        [("mosaic9_3840x2160_h264", 3840, fps) for fps in (1, 1, 2, 5)])
CLIPS = ("car-detection", "one-by-one-person-detection", "carnd_test_small1",
         "sam2_05_default_juggle")


def get(port, path):
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as answer:
        return json.load(answer)


def rss_mib(pid):
    text = Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"VmRSS:\s+(\d+)", text).group(1)) / 1024


class Site:
    """`shoal run` with this configuration, until the block ends."""

    def __init__(self, shoal, text, folder, *options):
        self.config = folder / "site.toml"
        self.config.write_text(text)
        self.log = open(folder / "run.log", "w+")
        self.process = subprocess.Popen([str(shoal), "run", str(self.config), *options],
                                        stderr=self.log, stdout=self.log)

    def port(self, patience=60):
        end = time.monotonic() + patience
        while time.monotonic() < end:
            text = Path(self.log.name).read_text()
            found = re.search(r"http://127\.0\.0\.1:(\d+)/\n", text)
            if found and "ready" in text:
                return int(found.group(1))
            if self.process.poll() is not None:
                break
            time.sleep(0.2)
        told = Path(self.log.name).read_text()[-800:]
        raise SystemExit("shoal run does not become ready: " + told)

    def stop(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        self.process.wait(60)
        return Path(self.log.name).read_text()


class Report:
    def __init__(self, arguments):
        self.arguments = arguments
        self.folder = Path(arguments.folder or tempfile.mkdtemp(prefix="cameras-"))
        self.folder.mkdir(exist_ok=True)
        self.small = arguments.zoo / "models/picodet_s_320_fp32.onnx"
        self.large = arguments.zoo / "models/yolo11n_640_dq8.onnx"

    def video(self, name):
        return self.arguments.zoo / "video" / f"{name}.mp4"

    def made(self, name, fps, dense):
        path = self.folder / f"{name}-{fps}{'-dense' if dense else ''}.mp4"
        coded = [] if dense else ["-bf", "0", "-crf", "28"]
        if not path.exists():
            subprocess.run(["ffmpeg", "-v", "error", "-nostdin", "-y", "-stream_loop", "-1",
                            "-i", self.video(name), "-an",
                            "-vf", f"fps={fps}", "-t", "20", "-c:v", "libx264", "-preset",
                            "veryfast", *coded, "-g", str(max(2, fps)), path], check=True)
        return path

    def ceiling(self, model):
        text = subprocess.run(
            [self.arguments.shoal, "bench", "-m", model, "--from", "device", "--precision", "bf16",
             "--batch", "1,8", "--seconds", "4", "--json", "-"],
            capture_output=True, text=True, check=True, timeout=120).stdout
        return max(run["images_per_second"] for run in json.loads(text)["runs"])

    def head(self, model, log=""):
        return (f'[model]\npath = "{model}"\nprecision = "bf16"\n[service]\nhttp = "127.0.0.1:0"\n'
                f'grpc = ""\nmetrics = ""\nrequest_log = "{log}"\n[site]\n'
                f'recordings = "{self.folder}/rec"\nspool = "{self.folder}/spool"\n')

    def live(self):
        return "## Twenty live cameras\n\n" + self.cameras(dense=False)

    def dense(self):
        return "## Twenty live cameras of twice the bit rate\n\n" + self.cameras(dense=True)

    def cameras(self, dense):
        log = self.folder / "requests.jsonl"
        log.unlink(missing_ok=True)  # of the run before
        text = self.head(self.small, log)
        for number, (name, width, fps) in enumerate(LIVE):
            text += (f'[[camera]]\nname = "c{number:02}-{width}-{fps}"\n'
                     f'url = "file:{self.made(name, fps, dense)}"\nloop = true\n')
        text += f'[[sink]]\ntype = "jsonl"\npath = "{self.folder}/results.jsonl"\n'
        sizes = [self.made(name, fps, dense).stat().st_size for name, _, fps in LIVE]
        sent = 8 * sum(sizes) / 20e6
        say(f"twenty cameras, {sent:.0f} Mbit/s")
        site = Site(self.arguments.shoal, text, self.folder)
        port = site.port()
        time.sleep(10)
        before = {camera["name"]: camera for camera in get(port, "/api/v1/cameras")["cameras"]}
        begun, memory, ages = time.monotonic(), [], {name: [] for name in before}
        while time.monotonic() - begun < self.arguments.seconds:
            time.sleep(0.37)  # no multiple of a period
            memory.append(rss_mib(site.process.pid))
            for camera in get(port, "/api/v1/cameras")["cameras"]:
                ages[camera["name"]].append(camera["age_ms"])
        after = {camera["name"]: camera for camera in get(port, "/api/v1/cameras")["cameras"]}
        seconds = time.monotonic() - begun
        site.stop()
        rows, shares = [], []
        for number, (_, width, fps) in enumerate(LIVE):
            name = f"c{number:02}-{width}-{fps}"
            rate = (after[name]["analysed"] - before[name]["analysed"]) / seconds
            drops = {reason: count - before[name]["dropped"][reason]
                     for reason, count in after[name]["dropped"].items()
                     if count > before[name]["dropped"][reason]}
            shares.append(rate / fps)
            rows.append([f"{width}x{after[name]['height']}", fps, f"{rate:.2f}",
                         f"{rate / fps:.2f}", f"{after[name]['latency_ms']['p50']:.0f}",
                         f"{statistics.quantiles(ages[name], n=100)[98] - 1000 / fps:.0f}",
                         ", ".join(f"{k} {v}" for k, v in drops.items()) or "-"])
        total, wanted = sum(float(row[2]) for row in rows), sum(fps for _, _, fps in LIVE)
        text = (f"`shoal run`, picodet_s_320_fp32 in bf16, {seconds:.0f} s; a source loops every "
                f"20 s; {sent:.0f} Mbit/s together. {total:.1f} frames/s are analysed of "
                f"{wanted}; the least share of a camera is {min(shares):.2f}. RSS "
                f"{memory[0]:.0f} MiB at the start, {max(memory):.0f} at most, "
                f"{memory[-1]:.0f} at the end. Latency: from capture to result. Age: of the "
                "newest result at any time, beyond the source's period.\n\n")
        return text + table(
            ["picture", "source fps", "analysed/s", "share", "latency p50 ms", "age p99 ms",
             "not analysed"], rows)

    def around(self):
        path = self.folder / "requests.jsonl"
        if not path.exists():
            return "## Around the network\n\nNot measured: needs the part `live`."
        lines = [json.loads(line) for line in path.read_text().splitlines() if line.strip()]
        lines = [line for line in lines if line["status"] == "ok"][200:]
        mean = {key: statistics.mean(line[key] for line in lines) for key in
                ("decode_ms", "queue_ms", "preprocess_ms", "inference_ms", "postprocess_ms")}
        batch = statistics.mean(line["batch_size"] for line in lines)
        around = mean["preprocess_ms"] + mean["postprocess_ms"]
        return ("## Around the network\n\nFrom the request log of the live run, means over "
                f"{len(lines)} frames, batches of {batch:.1f}: letterbox "
                f"{mean['preprocess_ms']:.3f} ms and boxes {mean['postprocess_ms']:.3f} ms beside "
                f"{mean['inference_ms']:.2f} ms of the network: "
                f"{around / mean['inference_ms']:.1%}. Decoding and conversion to RGB take "
                f"{mean['decode_ms']:.2f} ms.")

    def shoal_clips(self):
        text = self.head(self.large)
        for name in CLIPS:
            text += f'[[camera]]\nname = "{name}"\nurl = "file:{self.video(name)}"\nlive = false\n'
        begun = time.monotonic()
        site = Site(self.arguments.shoal, text, self.folder)
        site.port()
        ready = time.monotonic()
        site.process.wait(600)
        seconds = time.monotonic() - ready
        log = Path(site.log.name).read_text()
        frames = int(re.search(r"([\d,]+) frames analysed", log).group(1).replace(",", ""))
        say(f"  shoal {frames} frames in {seconds:.1f} s ({ready - begun:.1f} s to load)")
        return frames, frames / seconds

    def ultralytics_clips(self):
        result = subprocess.run(
            [self.arguments.ultralytics, HERE / "ultralytics_streams.py", self.large,
             *[self.video(name) for name in CLIPS]],
            capture_output=True, text=True, timeout=900,
            env={**os.environ, "YOLO_VERBOSE": "false"})
        if result.returncode != 0:
            return None, result.stderr[-300:]
        told = json.loads(result.stdout.splitlines()[-1])
        say(f"  ultralytics {told}")
        return told["frames"], told["frames"] / told["seconds"]

    def clips(self):
        rows = []
        for _ in range(self.arguments.rounds):
            ceiling = self.ceiling(self.large)
            frames, rate = self.shoal_clips()
            rows.append(["Shoal", frames, f"{rate:.1f}", f"{ceiling:.1f}", f"{rate / ceiling:.2f}"])
            if self.arguments.ultralytics:
                frames, rate = self.ultralytics_clips()
                cell = f"{rate:.1f}" if frames else rate
                share = f"{rate / ceiling:.2f}" if frames else "-"
                rows.append(["Ultralytics track()", frames, cell, f"{ceiling:.1f}", share])
        return ("## Four clips in full\n\nyolo11n_640_dq8, bf16; " + ", ".join(CLIPS) +
                "; every frame, decoded, tracked; the rounds alternate. Ultralytics runs the same "
                "file on OpenVINO.\n\n" +
                table(["what", "frames", "frames/s", "network only", "share"], rows))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--parts", default="live,around,dense,clips",
                        type=lambda text: text.split(","))
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--shoal", default=ROOT / "build/release/shoal")
    parser.add_argument("--ultralytics", default="")
    parser.add_argument("--zoo", type=Path,
                        default=Path(os.environ.get("SHOAL_ZOO", ROOT / "../shared/zoo")))
    parser.add_argument("--folder", default="", help="keeps the made clips for the next run")
    parser.add_argument("--output", default="")
    arguments = parser.parse_args()
    arguments.zoo = arguments.zoo.resolve()
    report = Report(arguments)
    text = (f"# Cameras\n\nBy `benchmarks/cameras.py`, {datetime.date.today()}, {os.cpu_count()} "
            f"cores; load of the machine before the run {os.getloadavg()[0]:.2f}.\n\n" +
            "\n\n".join(getattr(report, part)().rstrip() for part in arguments.parts) + "\n")
    if arguments.output:
        Path(arguments.output).write_text(text)
    print(text)


if __name__ == "__main__":
    main()
