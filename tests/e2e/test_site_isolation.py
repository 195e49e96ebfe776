"""Goal: what one camera does changes nothing for the others: not their results, not their tracks,
not their rates; and many streams of one model are what each is alone. Method: the same cameras with
and without bad ones, with real servers that are dead, silent, full of garbage or flooding. Cameras
that are not live are compared exactly, live ones by counts of the same run."""

import contextlib

import pytest
from rtsp_server import BlackHole, GarbageServer, SilentServer, StoppingRtspServer
from running_site import Boards, RunningSite, make_clips, relative, synthetic, track_ids

SOON = {"connect_timeout_ms": 700, "read_timeout_ms": 700, "retry_min_ms": 100,
        "retry_max_ms": 500}
ZONES = {"zones": [{"name": "left", "polygon": [[0, 0], [0.5, 0], [0.5, 1], [0, 1]]}]}


@pytest.fixture(scope="module")
def tape(tmp_path_factory):
    clip = Boards(size="480x360", frames=50, seed=9)
    return make_clips(tmp_path_factory.mktemp("tape"), tape=clip)["tape"]


@pytest.fixture
def bad_cameras():
    """Cameras that are not, as they come in the wild: name to keys."""
    with contextlib.ExitStack() as servers:
        def serve(server, scheme="rtsp"):
            return servers.enter_context(server).url("/x").replace("tcp:", f"{scheme}:")
        with BlackHole() as gone:
            nobody = gone.url("/x").replace("tcp:", "rtsp:")
        jpeg_head = (b"HTTP/1.0 200 OK\r\nContent-Type: multipart/x-mixed-replace;boundary=a"
                     b"\r\n\r\n--a\r\nContent-Type: image/jpeg\r\n\r\n\xff\xd8\xff")
        urls = {"refused": nobody,
                "black-hole": serve(BlackHole()),
                "silent": serve(SilentServer()),
                "stops-at-play": serve(StoppingRtspServer("PLAY")),
                "garbage": serve(GarbageServer()),
                "garbage-jpeg": serve(GarbageServer(greeting=jpeg_head), "http")}
        yield {name: {"name": name, "url": url, **SOON} for name, url in urls.items()}


def flood(**keys):
    """Many times more than all the machine can analyse."""
    return synthetic("flood", 5, size="352x288", fps=400, **keys)


def results_with(folder, cameras, others=()):
    """Runs until `cameras`, which are files, are through; their lines by name, and all lines."""
    keeper = synthetic("keeper", 0, paused=True)  # or the site would end with the files
    site = RunningSite(folder, [*others, *cameras, keeper])
    with site:
        site.wait_until(lambda: all(site.cameras()[one["name"]]["state"] == "ended"
                                    for one in cameras), "the end of the files")
        told = site.cameras()
    for one in cameras:
        status = told[one["name"]]
        assert status["analysed"] == status["decoded"], status
        assert not any(status["dropped"].values()), status
    # The last line of each says that its tracks have ended.
    inferred = {one["name"]: [line for line in site.lines_of(one["name"]) if line["inferred"]]
                for one in cameras}
    return inferred, site.lines_of(), told


def test_results_and_tracks_are_the_same_with_and_without_bad_cameras(tmp_path, tape, bad_cameras):
    good = [synthetic("line-1", 1, frames=50, live=False, **ZONES),
            synthetic("line-2", 4, size="640x480", frames=30, live=False),
            {"name": "tape", "url": f"file:{tape}", "live": False}]
    alone, _, _ = results_with(tmp_path / "alone", good)
    among, all_lines, told = results_with(tmp_path / "among", good,
                                          [*bad_cameras.values(), flood()])
    for name, lines in alone.items():
        assert len(lines) in (50, 30)
        assert len(track_ids(lines)) >= 3, f"{name}: nothing is followed, so nothing is compared"
        assert relative(among[name]) == relative(lines), name
    sizes = {"line-1": (320, 240), "line-2": (640, 480), "tape": (480, 360), "flood": (352, 288)}
    assert {(line["camera"], line["width"], line["height"]) for line in all_lines} == {
        (name, *size) for name, size in sizes.items()}
    for name in bad_cameras:
        assert told[name]["analysed"] == 0 and told[name]["connects"] == 0, told[name]
        assert told[name]["state"] in ("waiting", "connecting"), told[name]


def test_rates_of_live_cameras_are_the_same_with_and_without_bad_cameras(tmp_path, bad_cameras):
    names, seconds = ["a", "b", "c"], 8
    good = [synthetic(name, seed, fps=4) for seed, name in enumerate(names)]
    with RunningSite(tmp_path, good) as site:
        for name in names:
            site.wait_for_state(name, "running")
        before = site.analysed_in(names, seconds)
        since = {name: site.status(name)["since"] for name in names}
        for camera in [*bad_cameras.values(), flood(priority="low")]:
            site.add(camera)
        for name in bad_cameras:
            site.wait_until(lambda name=name: site.status(name)["attempts"] >= 2,
                            f"'{name}' to fail")
        site.wait_for_frames("flood", 5)
        during = site.analysed_in(names, seconds)
        told = site.cameras()
        site.pause_and_account(["flood"])
        flooding = site.status("flood")
    for name in names:
        assert during[name] >= 0.6 * before[name] >= 1, (before, during)
        assert told[name]["connects"] == 1 and told[name]["state"] == "running", told[name]
        assert told[name]["since"] == since[name], "it never stopped running"
        assert told[name]["errors"] == 0 and told[name]["dropped"]["refused"] == 0, told[name]
    assert flooding["dropped"]["newer"] + flooding["dropped"]["stale"] > 0, flooding


def test_bad_cameras_say_what_is_wrong_and_when_they_try_again(tmp_path, bad_cameras):
    with RunningSite(tmp_path, bad_cameras.values()) as site:
        told = {}
        for name in bad_cameras:
            def waiting(name=name):
                told[name] = site.status(name)
                return told[name]["state"] == "waiting" and told[name]["attempts"] >= 3
            site.wait_until(waiting, f"'{name}' to wait for its third attempt")
        threads = site.process_figures()[1]
    words = {"refused": "refused", "black-hole": "no answer within 700 ms",
             "silent": "no answer within 700 ms", "stops-at-play": "no answer within 700 ms"}
    for name, status in told.items():
        assert status["error"], status
        assert words.get(name, "") in status["error"].lower(), status["error"]
        assert status["retry_at"] and status["retry_at"] > status["since"], status
        assert status["decoded"] == 0 and status["age_ms"] is None, status
    assert threads < 100
    assert not site.lines_of()


def compare_with_runs_alone(folder, frames, compared):
    """25 streams of one model; some of them compared with a run of their own."""
    sizes = ["320x240", "240x320", "400x300", "352x288", "640x480"]
    cameras = [synthetic(f"s{n:02}", 100 + n, size=sizes[n % 5], frames=frames, live=False)
               for n in range(25)]
    together, _, _ = results_with(folder / "together", cameras)
    seen = [track_ids(lines) for lines in together.values()]
    assert sum(map(len, seen)) == len(set().union(*seen)) > 25, "ids are unique in the run"
    for camera in cameras[::25 // compared]:
        name = camera["name"]
        alone, _, _ = results_with(folder / name, [camera])
        assert len(alone[name]) == frames, name
        assert relative(together[name]) == relative(alone[name]), name


def test_25_streams_on_one_model_are_what_each_is_alone(tmp_path):
    compare_with_runs_alone(tmp_path, frames=12, compared=3)


@pytest.mark.slow
def test_25_streams_on_one_model_are_what_each_is_alone_all(tmp_path):
    compare_with_runs_alone(tmp_path, frames=60, compared=25)
