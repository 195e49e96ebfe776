"""Goal: every alarm has its clip, also where the disk was full or the clock jumped back; neither
stops a camera. Method: the real program on a small tmpfs, under libfaketime, with ffprobe as the
reader of its clips."""

import contextlib
import os
import pathlib
import re
import sqlite3
import subprocess

import cv2
import pytest
from rtsp_server import File, MjpegServer, RtspServer
from running_site import Boards, RunningSite, frames_of, make_clips, synthetic, video_seconds

BEFORE, AFTER = 1.5, 1.5
FAKE_TIME = pathlib.Path("/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1")


def rule(**keys):
    return {"name": "any", "when": "count >= 1", "cooldown_s": 4,
            "clip_s": {"before": BEFORE, "after": AFTER}, **keys}


def ready(site, camera=None, least=1):
    """Alarms whose clip is there, the newest first; none until there are enough."""
    found = [one for one in site.alarms()
             if one["clip_ready"] and camera in (None, one["camera"])]
    return found if len(found) >= least else None


def test_every_alarm_has_a_playable_clip_around_it(tmp_path):
    # A key frame every third of a second: so much earlier may a clip begin.
    clip = Boards(size="480x360", fps=15, frames=60, gop=5, seed=4)
    tape = make_clips(tmp_path, tape=clip)["tape"]
    jpegs = [cv2.imencode(".jpg", frame)[1].tobytes() for frame in frames_of(tape, 320)]
    rates = {"rtsp": 15, "web": 6, "made": 5}
    with RtspServer({"/cam": File(tape)}) as server, MjpegServer(jpegs, fps=6) as web:
        cameras = [{"name": "rtsp", "url": server.url("/cam"), "fps_max": 4},
                   {"name": "web", "url": web.url("/x"), "fps_max": 4},
                   synthetic("made", 4, size="480x360", fps=5)]
        with RunningSite(tmp_path / "site", cameras, [rule()]) as site:
            for camera in rates:
                site.wait_until(lambda camera=camera: ready(site, camera, 2),
                                f"two clips of '{camera}'")
            for camera, rate in rates.items():
                alarms = ready(site, camera, 2)
                for number, alarm in enumerate(reversed(alarms)):
                    clip = tmp_path / f"{alarm['id']}.mp4"
                    clip.write_bytes(site.get(alarm["clip"]))
                    seconds, frames = video_seconds(clip)
                    # The first alarm may be the camera's first frame.
                    least = (AFTER if number == 0 else BEFORE + AFTER) * 0.6
                    assert least <= seconds <= BEFORE + AFTER + 2, (camera, seconds)
                    assert 0.4 * rate * least <= frames <= 1.5 * rate * (seconds + 1), (
                        camera, rate, frames, seconds)
                    thumbnail = site.get(alarm["thumbnail"])
                    assert thumbnail[:2] == b"\xff\xd8", camera
                    assert alarm["camera"] == camera and alarm["objects"]
            ids = [one["id"] for one in site.alarms()]
            assert len(ids) == len(set(ids))
            counted = {name: one["alarms"] for name, one in site.cameras().items()}
            assert len(site.alarms()) >= sum(counted.values()) - 3


@pytest.fixture
def small_disks(tmp_path):
    """File systems: a little more than recordings leave free (256 MiB), half a MiB, and 24."""
    if os.geteuid() != 0:
        pytest.skip("mounting needs root")
    folders = []
    try:
        for size in ("264m", "512k", "24m"):
            folder = tmp_path / f"disk-{size}"
            folder.mkdir()
            done = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "none", folder],
                                  capture_output=True, text=True)
            if done.returncode != 0:
                pytest.skip(f"no tmpfs here: {done.stderr}")
            folders.append(folder)
        yield folders
    finally:
        for folder in folders:
            subprocess.run(["umount", "-l", folder], check=True)


def fill(path, most=16 << 20):
    """A file of all the space there is, or of `most` bytes."""
    with open(path, "wb", buffering=0) as file, contextlib.suppress(OSError):
        while file.tell() < most:
            file.write(b"\0" * 4096)
    return path


def test_full_disks_cost_clips_but_no_alarm_and_say_so_and_heal(tmp_path, small_disks):
    """Nobody takes the alarms: they stay in the spool, in memory where there is no room."""
    nobody = {"type": "webhook", "url": "http://127.0.0.1:9/alarms", "timeout_ms": 500}
    places = {"recordings": small_disks[0] / "recordings", "spool": small_disks[1] / "spool"}
    camera = synthetic("a", 4, size="480x360", fps=5)
    with RunningSite(tmp_path / "site", [camera], [rule(cooldown_s=2)], [nobody],
                     site=places) as site:
        site.wait_until(lambda: ready(site), "a clip while there is room")
        known = {one["id"] for one in site.alarms()}
        spooled = site.sink("webhook")["spooled"]
        assert spooled >= 1
        fillers = [fill(disk / "filler") for disk in small_disks[:2]]
        site.wait_until(lambda: site.status("a")["alarms"] >= len(known) + 3, "more alarms")
        assert re.search(r"error clips: .*256 MiB", site.log), site.log
        assert re.search(r"error alarm: .*[Nn]o space", site.log), site.log
        status = site.status("a")
        site.wait_for_frames("a", 5)
        assert status["state"] == "running" and status["errors"] == 0, status
        assert site.sink("results")["error"] is None
        assert site.sink("webhook")["spooled"] >= spooled + 3, "kept in memory"
        for filler in fillers:
            filler.unlink()
        lost = {one["id"] for one in site.alarms()}
        site.wait_until(lambda: any(one["id"] not in lost | known for one in ready(site) or ()),
                        "a clip where there is room again")
        site.wait_until(lambda: len(list(places["spool"].glob("*.alarm"))) >=
                        site.status("a")["alarms"] - 1, "all alarms to be on the disk")
        newest = ready(site)[0]
        clip = tmp_path / "healed.mp4"
        clip.write_bytes(site.get(newest["clip"]))
        assert video_seconds(clip)[1] > 3


def test_a_full_disk_costs_sinks_their_results_and_heals(tmp_path, small_disks):
    disk = small_disks[2]
    everywhere = {"name": "all", "polygon": [[0, 0], [1, 0], [1, 1], [0, 1]]}
    sinks = [{"type": "sqlite", "path": disk / "site.db"},
             {"type": "video", "path": disk / "video", "segment_s": 2}]
    camera = synthetic("a", 4, size="480x360", fps=15, zones=[everywhere])
    with RunningSite(tmp_path / "site", [camera], sinks=sinks) as site:
        def rows():
            return int(site.sink("sqlite")["written"].split()[0])
        site.wait_until(lambda: rows() >= 3, "rows while there is room")
        filler = fill(disk / "filler", most=32 << 20)
        site.wait_until(lambda: site.sink("sqlite")["error"] and site.sink("video")["error"],
                        "both sinks to say that they cannot write")
        told = {name: site.sink(name) for name in ("sqlite", "video")}
        for sink in told.values():
            assert re.search("full|[Nn]o space|free", sink["error"]), told
        before = site.status("a")
        site.wait_for_frames("a", 5)
        after = site.status("a")
        assert after["state"] == "running" and after["connects"] == before["connects"] == 1
        assert site.sink("results")["error"] is None, "another disk"
        filler.unlink()
        then = rows()
        site.wait_until(lambda: rows() > then and site.sink("sqlite")["error"] is None,
                        "rows where there is room again")
        site.wait_until(lambda: site.sink("video")["error"] is None, "video, too")
    check, = sqlite3.connect(disk / "site.db").execute("PRAGMA integrity_check").fetchone()
    assert check == "ok"
    videos = sorted((disk / "video").rglob("*.mp4"))
    assert videos and video_seconds(videos[-1])[1] >= 1, "the last one plays"


def test_recordings_are_bounded_and_the_oldest_go_first(tmp_path):
    with RunningSite(tmp_path, [synthetic("a", 4, size="640x480", fps=8)],
                     [rule(cooldown_s=1)], site={"recordings_max": "1MiB"}) as site:
        first = site.wait_until(lambda: ready(site), "a clip")[-1]

        def gone():
            taken = sum(one.stat().st_size for one in site.recordings.rglob("*") if one.is_file())
            assert taken <= 2 << 20, f"{taken >> 10} KiB"
            return site.request("GET", first["clip"])[0] == 404
        site.wait_until(gone, "the first clip to go")
        assert ready(site), "the newest stay"
        assert site.get(ready(site)[0]["clip"])


def test_a_clock_that_jumps_back_stops_nothing_and_reorders_nothing(tmp_path):
    if not FAKE_TIME.exists():
        pytest.fail("libfaketime is not installed; scripts/setup installs it")
    offset = tmp_path / "offset"
    offset.write_text("+0\n")
    env = {**os.environ, "LD_PRELOAD": str(FAKE_TIME), "FAKETIME_NO_CACHE": "1",
           "FAKETIME_TIMESTAMP_FILE": str(offset), "FAKETIME_DONT_FAKE_MONOTONIC": "1",
           "DONT_FAKE_MONOTONIC": "1"}
    database = {"type": "sqlite", "path": tmp_path / "site.db"}
    camera = synthetic("a", 4, size="480x360", fps=5)
    with RunningSite(tmp_path / "site", [camera], [rule(cooldown_s=2)], [database],
                     env=env) as site:
        site.wait_until(lambda: ready(site), "a clip before the jump")
        before = site.alarms()
        old, at = site.status("a"), len(site.lines_of("a"))
        offset.write_text("-7200\n")
        site.wait_for_frames("a", 15)
        site.wait_until(lambda: any(one["id"] not in {two["id"] for two in before}
                                    for one in ready(site) or ()), "a clip after the jump")
        status = site.status("a")
        assert status["connects"] == 1 and status["dropped"]["stale"] == old["dropped"]["stale"]
        assert 0 <= status["age_ms"] < 5000 and status["latency_ms"]["p50"] < 5000, status
        rates = site.analysed_in(["a"], 4)
        assert rates["a"] >= 0.5 * 20
        assert all(one["error"] is None for one in site.get("/api/v1/status")["sinks"])
        known = {one["id"] for one in before}
        alarms = [one["id"] in known for one in site.alarms()]
        assert alarms == sorted(alarms) and not alarms[0], "the newest first"
    lines = [line for line in site.lines_of("a") if line["inferred"]]
    frames = [line["frame"] for line in lines]
    assert frames == sorted(set(frames))
    times = [line["time"] for line in lines]
    assert times[-1] < times[0], "the clock did jump"
    assert at < len(lines)
