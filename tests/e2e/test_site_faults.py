"""Goal: a camera that dies, freezes, changes or loses packets comes back without a restart; nothing
but its real pictures is ever analysed; its counters say what happened; and the cameras beside it do
not notice. Method: one site, real servers with clips whose every frame is known; each fault has a
camera of its own, added and removed while the others run. Every analysed picture is looked at."""

import contextlib
import ctypes
import os
import random
import subprocess
import threading
import time

import cv2
import pytest
from rtsp_server import File, MjpegServer, RtspServer
from running_site import (Boards, Pictures, RunningSite, distance, frames_of, make_clips,
                          synthetic)

SOON = {"connect_timeout_ms": 3000, "read_timeout_ms": 1500, "retry_min_ms": 100,
        "retry_max_ms": 700}
WIDTH = 160  # of pictures that are compared
# Levels of 255: JPEG and scaling cost less than 2; grey, black and other boards are far beyond.
SAME = 4


@pytest.fixture(scope="module")
def clips(tmp_path_factory):
    return make_clips(tmp_path_factory.mktemp("clips"), small=Boards(seed=11),
                      large=Boards(size="640x480", seed=12, gop=10),
                      dense=Boards(size="480x360", fps=15, frames=60, gop=5, seed=13))


@pytest.fixture(scope="module")
def frames(clips):
    return {name: frames_of(path, WIDTH) for name, path in clips.items()}


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    with RunningSite(tmp_path_factory.mktemp("site"), [
            synthetic("good-1", 1, fps=4), synthetic("good-2", 2, fps=4)]) as site:
        for name in ("good-1", "good-2"):
            site.wait_for_state(name, "running")
        yield site


@pytest.fixture
def site(running):
    """The site, whose two good cameras are the same after the test."""
    before = running.cameras()
    yield running
    after = running.cameras()
    for name in set(after) - set(before):
        running.remove(name)  # of a test that failed
    for name in ("good-1", "good-2"):
        was, now = before[name], after[name]
        assert now["state"] == "running" and now["connects"] == 1, now
        assert now["since"] == was["since"], now
        arrived = now["decoded"] - was["decoded"]
        assert now["analysed"] - was["analysed"] >= 0.6 * arrived > 0, (was, now)


def expect_real(pictures, frames, least=1):
    """Every analysed picture is a frame of the clip: none black, grey, torn or of somebody else."""
    seen = list(pictures)
    assert len(seen) >= least
    worst = max(distance(picture, frames) for picture in seen)
    assert worst < SAME, f"a picture is {worst} from every frame of the clip"


def expect_sum(status):
    """Every decoded frame is analysed or dropped for a reason; at most four are on their way."""
    dropped = sum(count for reason, count in status["dropped"].items() if reason != "no_key_frame")
    told = status["analysed"] + status["errors"] + dropped
    assert -status["dropped"]["damaged"] - 4 <= status["decoded"] - told <= 4, status


def test_the_comparison_of_pictures_knows_wrong_ones(frames):
    for name, own in frames.items():
        assert all(distance(frame, own) == 0 for frame in own)
        for grey in (0, 16, 128):
            flat = own[0].copy()
            flat[:] = grey
            assert distance(flat, own) > 2 * SAME
        torn = own[0].copy()
        torn[torn.shape[0] // 2:] = 128
        assert distance(torn, own) > SAME, name
    assert distance(frames["small"][0], frames["large"]) > 2 * SAME


def test_a_camera_that_is_dead_at_start_joins_when_it_is_there(site, clips, frames):
    with RtspServer({"/cam": File(clips["small"])}) as server:
        server.kill()
        site.add({"name": "late", "url": server.url("/cam"), **SOON})
        with Pictures(site, "late", WIDTH) as pictures:
            site.wait_until(lambda: site.status("late")["attempts"] >= 3, "attempts")
            away = site.status("late")
            assert away["state"] in ("waiting", "connecting") and away["connects"] == 0, away
            server.restart()
            status = site.wait_for_state("late", "running")
            site.wait_for_frames("late", 5)
            status = site.status("late")
            assert (status["width"], status["height"]) == (320, 240)
            assert status["error"] is None and status["attempts"] == 0, status
            assert status["connects"] == 1 and status["codec"] == "h264", status
            expect_sum(status)
            expect_real(pictures.pictures, frames["small"], 3)
        site.remove("late")


def test_a_camera_that_is_killed_comes_back_with_another_size(site, clips, frames):
    with RtspServer({"/cam": File(clips["small"])}) as server:
        site.add({"name": "back", "url": server.url("/cam"), **SOON})
        with Pictures(site, "back", WIDTH) as pictures:
            site.wait_for_frames("back", 5)
            server.kill()
            away = site.wait_for_state("back", "waiting")
            assert away["error"] and away["retry_at"], away
            site.wait_until(lambda: site.status("back")["attempts"] >= 2, "attempts")
            counted = site.status("back")["analysed"]
            time.sleep(1)
            assert site.status("back")["analysed"] == counted, "nothing is analysed meanwhile"
            assert site.status("back")["tracks"] == 0, "its tracks have ended"
            server.restart({"/cam": File(clips["large"])})
            site.wait_until(lambda: site.status("back")["width"] == 640, "the other size")
            site.wait_for_frames("back", 5)
            status = site.status("back")
            assert status["connects"] == 2 and status["error"] is None, status
            expect_real(pictures.pictures, frames["small"] + frames["large"], 6)
        site.remove("back")
    sizes = [(line["width"], line["height"]) for line in site.lines_of("back")
             if line["inferred"]]
    turn = sizes.index((640, 480))
    assert set(sizes[:turn]) == {(320, 240)} and set(sizes[turn:]) == {(640, 480)}


def test_who_joins_in_the_middle_waits_for_a_key_frame(site, clips, frames):
    with RtspServer({"/cam": File(clips["small"])}) as server:  # a key frame every four seconds
        for attempt in range(4):  # once in 40 it happens to be at the key frame
            site.add({"name": "mid", "url": server.url("/cam"), **SOON, "read_timeout_ms": 8000})
            with Pictures(site, "mid", WIDTH) as pictures:
                site.wait_for_frames("mid", 3)
                expect_real(pictures.pictures, frames["small"])
            status = site.status("mid")
            site.remove("mid")
            if status["dropped"]["no_key_frame"] > 0:
                break
            time.sleep(0.5)
    assert status["dropped"]["no_key_frame"] > 0, status
    assert status["connects"] == 1
    assert status["packets"] >= status["decoded"] + status["dropped"]["no_key_frame"], status


def test_a_stream_that_changes_its_size_goes_on(site, clips, frames):
    both = [File(clips["dense"], seconds=2), File(clips["large"], seconds=2)]
    with RtspServer({"/cam": both}) as server:
        site.add({"name": "two", "url": server.url("/cam"), **SOON})
        with Pictures(site, "two", WIDTH) as pictures:
            def sizes():
                return [line["width"] for line in site.lines_of("two") if line["inferred"]]
            site.wait_until(lambda: sum(a != b for a, b in zip(sizes(), sizes()[1:])) >= 2,
                            "two changes of size")
            expect_real(pictures.pictures, frames["dense"] + frames["large"], 5)
        status = site.status("two")
        assert status["connects"] == 1, "the same connection"
        site.remove("two")
    for line in site.lines_of("two"):
        width, height = line["width"], line["height"]
        assert (width, height) in ((480, 360), (640, 480))
        for one in line["detections"]:
            assert 0 <= one["box"]["x1"] <= one["box"]["x2"] <= width
            assert 0 <= one["box"]["y1"] <= one["box"]["y2"] <= height


def test_a_frozen_camera_is_away_and_comes_back(site, clips, frames):
    with RtspServer({"/cam": File(clips["dense"])}) as server:
        site.add({"name": "ice", "url": server.url("/cam"), **SOON})
        with Pictures(site, "ice", WIDTH) as pictures:
            site.wait_for_frames("ice", 5)
            server.pause()
            away = site.wait_for_state("ice", "waiting")
            assert "no answer within" in away["error"] and "timeout)" in away["error"], away
            counted = site.status("ice")["analysed"]
            time.sleep(1.5)
            away = site.status("ice")
            assert away["analysed"] == counted and away["age_ms"] > 1400, away
            server.resume()
            site.wait_until(lambda: site.status("ice")["analysed"] > counted, "frames again")
            site.wait_for_frames("ice", 5)
            status = site.status("ice")
            assert status["connects"] >= 2 and status["state"] == "running", status
            expect_real(pictures.pictures, frames["dense"], 6)
        site.remove("ice")


def test_frames_that_were_held_up_are_not_analysed_late(site, clips, frames):
    """A short freeze: everything of it arrives at once afterwards."""
    with RtspServer({"/cam": File(clips["dense"])}) as server:
        site.add({"name": "held", "url": server.url("/cam"), **SOON, "read_timeout_ms": 20000,
                  "age_max_ms": 700})
        site.wait_for_frames("held", 10)
        before = site.status("held")
        server.pause()
        time.sleep(3)
        server.resume()
        site.wait_until(lambda: site.status("held")["dropped"]["stale"] >
                        before["dropped"]["stale"] + 5, "old frames to be dropped")
        site.wait_for_frames("held", 10)
        status = site.status("held")
        assert status["connects"] == 1, status
        assert status["analysed"] - before["analysed"] >= 10
        expect_sum(status)
        site.remove("held")


def test_a_frozen_mjpeg_camera_a_cut_picture_and_a_hang_up(site, clips):
    shown = frames_of(clips["small"], 320)[:20]
    jpegs = [cv2.imencode(".jpg", frame, [cv2.IMWRITE_JPEG_QUALITY, 92])[1].tobytes()
             for frame in shown]
    with MjpegServer(jpegs, fps=8) as server:
        site.add({"name": "web", "url": server.url("/video"), **SOON})
        with Pictures(site, "web", 320) as pictures:
            site.wait_for_frames("web", 5)
            assert site.status("web")["codec"] == "mjpeg"
            server.cut_next()
            site.wait_until(lambda: site.status("web")["dropped"]["damaged"] == 1, "a cut picture")
            site.wait_for_frames("web", 5)
            assert site.status("web")["connects"] == 1, "a cut picture costs no connection"
            server.pause()
            away = site.wait_for_state("web", "waiting")
            assert "read_timeout" in away["error"] or "connect_timeout" in away["error"], away
            server.resume()
            site.wait_for_frames("web", 5)
            connects = site.status("web")["connects"]
            assert connects >= 2
            server.disconnect()
            site.wait_until(lambda: site.status("web")["connects"] > connects, "it to come back")
            site.wait_for_frames("web", 3)
            expect_real(pictures.pictures, shown, 10)
        expect_sum(site.status("web"))
        site.remove("web")


class Wire:
    """A network namespace at the other end of a wire that loses packets while it is told to."""

    def __init__(self):
        mark = f"{random.getrandbits(24):06x}"
        self.namespace, self.ours, self.theirs = f"shoal-{mark}", f"sh{mark}a", f"sh{mark}b"
        net = f"10.{random.randrange(200, 250)}.{random.randrange(1, 250)}"
        self.address = f"{net}.2"
        self.made = False
        if os.geteuid() != 0:
            pytest.skip("a network namespace needs root")
        for command in (f"ip netns add {self.namespace}",
                        f"ip link add {self.ours} type veth peer name {self.theirs} "
                        f"netns {self.namespace}",
                        f"ip addr add {net}.1/30 dev {self.ours}", f"ip link set {self.ours} up",
                        f"ip -n {self.namespace} addr add {net}.2/30 dev {self.theirs}",
                        f"ip -n {self.namespace} link set {self.theirs} up",
                        f"ip -n {self.namespace} link set lo up"):
            done = subprocess.run(command.split(), capture_output=True, text=True)
            if done.returncode != 0:
                self.close()
                pytest.skip(f"no network namespace here: {command}: {done.stderr}")
            self.made = True

    def lose(self, losing):
        """One packet in 25; where the kernel has no netem, what is above a rate too low for it."""
        device = f"tc -n {self.namespace} qdisc %s dev {self.theirs} root"
        if not losing:
            subprocess.run((device % "del").split(), capture_output=True)
            return
        done = None
        for how in ("netem loss 4%", "tbf rate 900kbit burst 3000 limit 4000"):
            done = subprocess.run(f"{device % 'replace'} {how}".split(), capture_output=True,
                                  text=True)
            if done.returncode == 0:
                return
        self.close()
        pytest.skip(f"this kernel cannot lose packets: {done.stderr}")

    def within(self, call):
        """Calls it in the namespace: what it starts stays there."""
        def run():
            handle = os.open(f"/run/netns/{self.namespace}", os.O_RDONLY)
            if ctypes.CDLL(None, use_errno=True).setns(handle, 0x40000000) == 0:  # of the network
                done.append(call())
            os.close(handle)
        done = []
        thread = threading.Thread(target=run)  # threads have namespaces of their own
        thread.start()
        thread.join(90)
        assert done, "cannot enter the network namespace"

    def close(self):
        if self.made:
            subprocess.run(["ip", "netns", "del", self.namespace], capture_output=True)


@pytest.fixture
def wire():
    wire = Wire()
    yield wire
    wire.close()


def test_packets_lost_on_udp_cost_frames_and_never_show_wrong_ones(site, clips, frames, wire):
    server = RtspServer({"/cam": File(clips["dense"])}, host=wire.address)
    with contextlib.ExitStack() as stack:
        wire.within(server.start)
        stack.callback(server.stop)
        site.add({"name": "udp", "url": server.url("/cam"), "transport": "udp", **SOON,
                  "read_timeout_ms": 4000})
        with Pictures(site, "udp", WIDTH) as pictures:
            site.wait_for_frames("udp", 5)
            clean = site.status("udp")
            wire.lose(True)
            site.wait_until(lambda: site.status("udp")["dropped"]["damaged"] >=
                            clean["dropped"]["damaged"] + 5, "damage")
            wire.lose(False)
            site.wait_until(lambda: site.status("udp")["state"] == "running", "its return")
            healed = site.status("udp")
            site.wait_for_frames("udp", 15)
            status = site.status("udp")
            assert status["state"] == "running"
            assert status["decoded"] - healed["decoded"] >= 15
            expect_real(pictures.pictures, frames["dense"], 15)
        assert status["dropped"]["no_key_frame"] > clean["dropped"]["no_key_frame"], status
        site.remove("udp")
