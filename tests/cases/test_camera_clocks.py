"""Cameras whose clocks lie, and cameras that send what no picture can be made of.

All of them are watched by one site at once, so that the waiting is shared, and measured against one
whose clock is right: this machine may be slow.
"""

import contextlib
import datetime
import os

import pytest
from rtsp_camera import RtspCamera, access_units, film
from running_site import RunningSite
from toy import QUICK

FPS = 25
AGE_MAX = 1.0  # s, the default
SECONDS = 24

CLOCKS = {
    "right": lambda k: k / FPS,
    "slow": lambda k: k / FPS * 0.84,
    "slower": lambda k: k / FPS * 0.7,
    "fast": lambda k: k / FPS * 1.3,
    "still": lambda k: 1.0,
    "again": lambda k: k % 75 / FPS,              # begins again every three seconds
    "back": lambda k: k / FPS - k // 125 * 0.5,   # half a second back every five
    "ahead": lambda k: k / FPS + (k >= 100) * 3600,
}
WARNED = {"slow": "0.84", "slower": "0.70", "fast": "1.30", "still": "0.00"}


def scrambled(k, unit):
    """Encrypted by the camera from its 50th frame on, as far as a decoder sees."""
    return unit if k < 50 else [nal[:1] + os.urandom(len(nal) - 1) for nal in unit]


@pytest.fixture(scope="module")
def watched(tmp_path_factory):
    """What a site saw of all of them: STATUS by name, the times of results by name, its log."""
    folder = tmp_path_factory.mktemp("clocks")
    units, other = access_units(film("h264", folder)), access_units(film("hevc", folder))
    cameras = {name: RtspCamera(units, stamp, FPS) for name, stamp in CLOCKS.items()}
    cameras |= {
        "switched": RtspCamera(units, fps=FPS, change=lambda k, unit: unit if k < 50
                               else other[k % len(other)]),
        "scrambled": RtspCamera(units, fps=FPS, change=scrambled),
        "never": RtspCamera(units, fps=FPS, change=lambda k, unit: scrambled(50, unit)),
        # These have reasons to give little.
        "rare": RtspCamera(units, fps=FPS),
        "gated": RtspCamera(units, fps=FPS),
        "paused": RtspCamera(units, fps=FPS)}
    keys = {"rare": {"fps_max": 0.1}, "paused": {"paused": True},
            "gated": {"motion_gate": {"enabled": True, "threshold": 1.0, "refresh_s": 600}}}
    with contextlib.ExitStack() as stack:
        for camera in cameras.values():
            stack.enter_context(camera)
        entries = [{"name": name, "url": camera.url("/1"), "read_timeout_ms": 3000,
                    "fps_max": 3, **keys.get(name, {})} for name, camera in cameras.items()]
        site = stack.enter_context(RunningSite(folder / "site", entries, arguments=QUICK))
        site.wait_until(lambda: site.status("right")["analysed"] >= 3 * SECONDS, "its frames")
        site.wait_until(lambda: all(site.status(name)["error"] for name in WARNED), "warnings")
        site.wait_until(lambda: all(cameras[name].players > 1
                                    for name in ("switched", "scrambled", "never")),
                        "new connections")
        times = {name: [datetime.datetime.fromisoformat(line["time"].replace("Z", "+00:00"))
                        .timestamp() for line in site.lines_of(name)] for name in cameras}
        return site.cameras(), times, site.log


@pytest.mark.parametrize("name", [name for name in CLOCKS if name != "right"])
def test_a_clock_that_lies_costs_no_frames(watched, name):
    status, times, _ = watched
    assert len(times[name]) >= 0.85 * len(times["right"]), status[name]
    assert status[name]["connects"] == 1 and status[name]["state"] == "running"


@pytest.mark.parametrize("name", [name for name in CLOCKS if name != "right"])
def test_a_clock_that_lies_makes_no_holes(watched, name):
    status, times, _ = watched

    def hole(of):
        return max(after - before for before, after in zip(times[of], times[of][1:]))
    assert hole(name) <= max(AGE_MAX, 1.5 * hole("right")), status[name]


def test_a_wrong_clock_is_said_and_a_right_one_is_not(watched):
    status, _, log = watched
    for name, rate in WARNED.items():
        assert f"runs at {rate} of the time" in status[name]["error"]
        assert log.count(f"{name}: the camera's clock") == 1
    assert all(status[name]["error"] is None for name in ("right", "ahead", "rare", "gated"))


@pytest.mark.parametrize("name", ["switched", "scrambled", "never"])
def test_packets_without_pictures_are_an_error_and_a_new_connection(watched, name):
    status, _, log = watched
    assert f"{name}: packets come, but for 3" in log, status[name]
    assert "no picture could be made of them (read_timeout_ms)" in log


@pytest.mark.parametrize("name, state", [("rare", "running"), ("gated", "running"),
                                         ("paused", "paused")])
def test_who_has_a_reason_to_give_little_is_left_alone(watched, name, state):
    status, _, log = watched
    assert status[name]["state"] == state and status[name]["error"] is None
    assert status[name]["connects"] == (0 if state == "paused" else 1)
    assert f"{name}: packets come" not in log
