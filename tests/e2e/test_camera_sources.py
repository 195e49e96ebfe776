"""Cameras over real servers: what comes is the real picture, and what does not come ends in time.

The truth for each RTSP stream is its elementary stream, decoded from a file.
"""

import json
import random
import subprocess
import threading
import time

import cv2
import numpy as np
import pytest
from program import BUILD
from rtsp_server import (BlackHole, File, GarbageServer, MjpegServer, Pattern, RtspServer,
                         SilentServer, StoppingRtspServer)

PROBE = BUILD / "probe_stream"
SLACK = 20  # seconds that a loaded machine may take for what takes none


class Probe:
    """probe_stream while it runs; its lines, parsed, with the wall clock of their arrival."""

    def __init__(self, *arguments):
        self.process = subprocess.Popen([str(PROBE), *map(str, arguments)], text=True,
                                        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
        self.lines, self.changed = [], threading.Condition()
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self):
        for line in self.process.stdout:
            with self.changed:
                self.lines.append(json.loads(line))
                self.changed.notify_all()

    @property
    def frames(self):
        return [line for line in self.lines if "frame" in line]

    @property
    def last(self):
        return self.lines[-1]

    def wait_for_frames(self, count, timeout=60):
        with self.changed:
            came = self.changed.wait_for(lambda: len(self.frames) >= count, timeout)
        assert came, self.lines[-3:]

    def finish(self, timeout=60):
        try:
            self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.process.kill()
            pytest.fail(f"probe_stream hangs: {self.lines[-3:]}")
        self.reader.join(10)
        assert "packets" in self.last or "packet" in self.last, self.lines[-3:]
        return self


def probe(*arguments, timeout=60):
    return Probe(*arguments).finish(timeout)


def hashes_of(path):
    done = probe(path)
    assert done.last["damaged"] == 0 and "error" not in done.last
    return [frame["hash"] for frame in done.frames]


@pytest.fixture(scope="module")
def server():
    mounts = {"/short": Pattern(320, 240, gop=10), "/long": Pattern(480, 272, gop=50, b_frames=2),
              "/sizes": [Pattern(320, 240, seconds=1), Pattern(480, 272, seconds=1)]}
    with RtspServer(mounts) as running:
        yield running


@pytest.mark.parametrize("transport", [[], ["--udp"]], ids=["tcp", "udp"])
def test_every_frame_is_the_real_one_and_they_come_as_they_are_sent(server, transport):
    truth = hashes_of(server.dump("/short"))
    done = probe(server.url("/short"), *transport, "--frames", 60)
    assert "error" not in done.last and done.last["damaged"] == 0, done.last
    got = [frame["hash"] for frame in done.frames]
    assert set(got) <= set(truth)
    at = truth.index(got[0])
    assert got == [truth[(at + i) % len(truth)] for i in range(60)]
    times = [frame["media_ms"] for frame in done.frames]
    if times[0] == -1:  # libavformat's parser does not know when its first frame began
        times = times[1:]
    assert np.allclose(np.diff(times), 40, atol=1)
    assert all(frame["age_ms"] >= 0 for frame in done.frames)


def test_who_joins_between_two_key_frames_gets_no_grey_frame(server):
    truth = hashes_of(server.dump("/long"))
    waited = []
    for _ in range(3):
        done = probe(server.url("/long"), "--frames", 8)
        assert done.frames[0]["key"]
        assert {frame["hash"] for frame in done.frames} <= set(truth)
        waited.append(done.last["before_key"])
        time.sleep(random.uniform(0.2, 0.9))
    assert max(waited) > 0  # a group is two seconds long: one of them did join in its middle


def test_the_size_may_change_in_the_middle_of_a_stream(server):
    truth = set(hashes_of(server.dump("/sizes")))
    done = probe(server.url("/sizes"), "--frames", 80)
    assert {(frame["width"], frame["height"]) for frame in done.frames} == {(320, 240), (480, 272)}
    assert {frame["hash"] for frame in done.frames} <= truth
    assert done.last["format_changes"] >= 2 and done.last["damaged"] == 0


def test_a_file_of_the_zoo_goes_over_rtsp_unchanged(zoo):
    clip = zoo / "video" / "carnd_small2_up1920x1080_h264.mp4"
    with RtspServer({"/road": File(clip, seconds=1.5)}) as server:
        truth = set(hashes_of(server.dump("/road")))
        done = probe(server.url("/road"), "--frames", 15)
    assert {frame["hash"] for frame in done.frames} <= truth
    assert done.frames[0]["width"] == 1920 and done.last["damaged"] == 0


@pytest.mark.parametrize("transport", [[], ["--udp"]], ids=["tcp", "udp"])
def test_a_server_that_freezes_is_a_read_timeout_and_comes_back(transport):
    with RtspServer({"/cam": Pattern()}) as server:
        running = Probe(server.url("/cam"), *transport, "--read-ms", 1500)
        running.wait_for_frames(10)
        frozen = time.monotonic()
        server.pause()
        done = running.finish(1.5 + SLACK)
        assert done.last["code"] == "deadline_exceeded", done.last
        assert "no answer within 1500 ms (read_timeout)" in done.last["error"]
        assert time.monotonic() - frozen > 1.4
        while_frozen = probe(server.url("/cam"), *transport, "--connect-ms", 800)
        assert while_frozen.last["code"] == "deadline_exceeded", while_frozen.last
        assert "(connect_timeout)" in while_frozen.last["error"]
        server.resume()
        assert len(probe(server.url("/cam"), *transport, "--frames", 5).frames) == 5


def test_a_server_that_is_killed_is_an_error_at_once_and_comes_back_with_another_size():
    with RtspServer({"/cam": Pattern(320, 240)}) as server:
        running = Probe(server.url("/cam"))  # with ten seconds to wait for
        running.wait_for_frames(5)
        server.kill()
        done = running.finish(10 + SLACK)
        assert done.last.get("code") != "deadline_exceeded", done.last  # not a time-out: at once
        assert probe(server.url("/cam")).last["code"] == "unavailable"
        port = server.port
        server.restart({"/cam": Pattern(480, 272)})
        assert server.port == port
        assert probe(server.url("/cam"), "--frames", 2).frames[0]["width"] == 480


def test_packets_that_get_lost_cost_frames_and_never_show_wrong_ones():
    clip = Pattern(320, 240, gop=12, bitrate=4000, pattern="snow", seconds=2)
    with RtspServer({"/cam": clip}, loss=0.01) as server:
        truth = set(hashes_of(server.dump("/cam")))
        done = probe(server.url("/cam"), "--udp", "--frames", 40, timeout=90)
    assert {frame["hash"] for frame in done.frames} <= truth
    assert done.last["damaged"] > 0 and done.last["before_key"] > 0, done.last


@pytest.mark.parametrize("stage", StoppingRtspServer.STAGES)
@pytest.mark.parametrize("transport", [[], ["--udp"]], ids=["tcp", "udp"])
def test_an_rtsp_server_that_falls_silent_is_a_timeout_wherever_it_does(stage, transport):
    with StoppingRtspServer(stage) as server:
        done = probe(server.url("/cam"), *transport, "--connect-ms", 700, "--read-ms", 600,
                     timeout=SLACK)
    assert done.last["code"] == "deadline_exceeded", done.last
    which = "600 ms (read_timeout)" if stage == "PLAY" else "700 ms (connect_timeout)"
    assert f"no answer within {which}" in done.last["error"]
    assert done.last["ms"] >= 590


@pytest.mark.parametrize("scheme", ["rtsp", "http"])
def test_nobody_and_nothing_there_is_a_timeout(scheme):
    for kind in (BlackHole, SilentServer):
        with kind() as server:
            url = server.url("/x").replace("tcp:", f"{scheme}:")
            done = probe(url, "--connect-ms", 700, timeout=SLACK)
        assert done.last["code"] == "deadline_exceeded", (kind, done.last)
        assert "no answer within 700 ms (connect_timeout)" in done.last["error"]


@pytest.mark.parametrize("greeting", [
    b"", b"HTTP/1.0 200 OK\r\n\r\n", b"RTSP/1.0 200 OK\r\nCSeq: 1\r\n\r\n",
    b"HTTP/1.0 200 OK\r\nContent-Type: multipart/x-mixed-replace;boundary=a\r\n\r\n--a\r\n"
    b"Content-Type: image/jpeg\r\nContent-Length: 2000000000\r\n\r\n\xff\xd8\xff",
    b"HTTP/1.0 200 OK\r\nContent-Type: multipart/x-mixed-replace;boundary=a\r\n\r\n--a\r\n"
    b"Content-Type: image/jpeg\r\n\r\n\xff\xd8\xff"])
@pytest.mark.parametrize("scheme", ["rtsp", "http"])
def test_garbage_without_end_is_an_error_in_bounded_time_and_memory(greeting, scheme):
    with GarbageServer(greeting=greeting) as server:
        url = server.url("/x").replace("tcp:", f"{scheme}:")
        command = ["/usr/bin/env", "bash", "-c", 'ulimit -v 1500000; exec "$@"', "-", str(PROBE),
                   url, "--connect-ms", "700", "--read-ms", "700"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=10 + SLACK)
    last = json.loads(done.stdout.splitlines()[-1])
    assert done.returncode == 1 and last["frames"] == 0, last
    assert last["code"] in ("deadline_exceeded", "corrupt_input", "unavailable"), last


def test_a_password_stands_in_no_message():
    with SilentServer() as server:
        url = f"rtsp://admin:s3cret@{server.host}:{server.port}/x"
        done = probe(url, "--connect-ms", 300, timeout=SLACK)
    assert "admin:***@" in done.last["error"] and "s3cret" not in done.last["error"]


def jpegs(size, count=12):
    width, height = size
    pictures = []
    for number in range(count):
        picture = np.full((height, width, 3), 40 + 10 * number, np.uint8)
        cv2.circle(picture, (20 + 10 * number, height // 2), 15, (0, 200, 255), -1)
        pictures.append(cv2.imencode(".jpg", picture)[1].tobytes())
    return pictures


@pytest.mark.parametrize("lengths", [True, False])
def test_mjpeg_over_http(lengths):
    with MjpegServer(jpegs((320, 240)), fps=20, lengths=lengths) as server:
        done = probe(server.url("/video"), "--frames", 30)
    assert done.last["codec"] == "mjpeg" and done.last["damaged"] == 0, done.last
    assert "error" not in done.last
    assert (done.frames[0]["width"], done.frames[0]["height"]) == (320, 240)
    assert len({frame["hash"] for frame in done.frames}) == 12
    # It carries no times: those of arrival count, not 25 frames a second that it does not have.
    times = [frame["media_ms"] for frame in done.frames]
    assert times == sorted(times) and times[-1] - times[0] > 25 * 50 * 0.8


def test_mjpeg_at_a_picture_a_second_connects_at_once():
    with MjpegServer(jpegs((320, 240)), fps=1) as server:
        done = probe(server.url("/video"), "--frames", 3)
    assert "error" not in done.last
    assert done.frames[0]["ms"] < 1000 * SLACK


def test_a_jpeg_that_is_cut_off_is_no_frame_and_the_next_one_is():
    with MjpegServer(jpegs((320, 240)), fps=20) as server:
        running = Probe(server.url("/video"), "--frames", 30)
        running.wait_for_frames(5)
        server.cut_next()
        done = running.finish()
    assert done.last["damaged"] == 1 and len(done.frames) == 30
    assert len({frame["hash"] for frame in done.frames}) == 12


def test_mjpeg_that_stops_is_a_read_timeout_and_one_that_hangs_up_an_end():
    with MjpegServer(jpegs((320, 240)), fps=20) as server:
        running = Probe(server.url("/video"), "--read-ms", 800)
        running.wait_for_frames(5)
        server.pause()
        done = running.finish(SLACK)
        assert done.last["code"] == "deadline_exceeded", done.last
        server.resume()
        running = Probe(server.url("/video"))
        running.wait_for_frames(5)
        server.disconnect()
        assert running.finish(SLACK).last["frames"] >= 5


def test_detect_reads_a_camera(shoal, quick_model, tmp_path, server):
    output = tmp_path / "out.jsonl"
    running = shoal.start("detect", server.url("/short"), "-m", quick_model, "--json", output, "-q")
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and (not output.exists() or
                                           output.read_text().count("\n") < 5):
        time.sleep(0.1)
    running.interrupt()
    running.wait(90)
    lines = [json.loads(line) for line in output.read_text().splitlines()]
    good = [line for line in lines if "error" not in line]
    assert len(good) >= 5, lines[:3]
    assert all((line["width"], line["height"]) == (320, 240) for line in good)
