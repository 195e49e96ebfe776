"""Goal: a running site can be changed and ended in every way without a loss: cameras come and go
over REST, hundreds of times, changes outlast a restart, SIGTERM leaves whole files, SIGKILL a site
that starts again. Method: the real program, its doors, its files read by others."""

import json
import re
import sqlite3
import time

import pytest
from running_site import RunningSite, synthetic, table, track_ids, video_seconds


def names_of(site):
    return list(site.cameras())


def test_a_camera_is_added_changed_paused_and_removed_while_the_others_run(tmp_path):
    with RunningSite(tmp_path, [synthetic("a", 1, fps=4)]) as site:
        site.wait_for_state("a", "running")
        since = site.status("a")["since"]

        made = site.add(synthetic("b", 2, size="352x288", fps=10))
        assert made["name"] == "b" and made["config"]["fps_max"] == 0
        site.wait_for_frames("b", 5)
        assert names_of(site) == ["a", "b"], "in the order in which they came"

        before = site.status("b")
        site.patch("b", fps_max=1)
        site.wait_for_frames("b", 1)
        since_patch, begun = time.monotonic(), site.status("b")
        assert begun["config"]["fps_max"] == 1
        assert begun["analysed"] >= before["analysed"], "what it counted stays"
        time.sleep(4)
        slow = site.status("b")
        seconds = time.monotonic() - since_patch
        assert slow["analysed"] - begun["analysed"] <= 1.2 * seconds + 2
        assert slow["dropped"]["rate"] > before["dropped"]["rate"], slow

        paused = site.change("POST", "/api/v1/cameras/b/pause")
        assert paused["config"]["paused"] is True
        site.wait_for_state("b", "paused")
        time.sleep(0.5)
        counted = site.status("b")
        site.patch("b", fps_max=5)
        time.sleep(1.5)
        still = site.status("b")
        assert still["state"] == "paused", "a change does not wake it"
        assert still["decoded"] == counted["decoded"] and still["tracks"] == 0, still
        site.change("POST", "/api/v1/cameras/b/resume")
        site.wait_for_frames("b", 3)

        site.change("PUT", "/api/v1/cameras/b", synthetic("b", 3, size="400x300", fps=5))
        site.wait_until(lambda: site.status("b")["width"] == 400, "another url")
        assert site.status("b")["config"]["fps_max"] == 0, "keys not given have their defaults"

        site.remove("b")
        assert site.request("GET", "/api/v1/cameras/b")[0] == 404
        assert site.request("DELETE", "/api/v1/cameras/b")[0] == 404
        time.sleep(1)
        gone = len(site.lines_of("b"))
        site.wait_for_frames("a", 3)
        assert len(site.lines_of("b")) == gone, "nothing comes of it any more"
        last = site.status("a")
        assert last["since"] == since and last["connects"] == 1, "nobody touched it"
    sizes = [line["width"] for line in site.lines_of("b")]
    assert sorted(sizes) == sizes and set(sizes) == {352, 400}, "first the one, then the other"


def test_what_cannot_be_added_or_changed_is_refused_and_changes_nothing(tmp_path):
    with RunningSite(tmp_path, [synthetic("a", 1), synthetic("b", 2)]) as site:
        site.wait_for_state("a", "running")
        before = {name: status["config"] for name, status in site.cameras().items()}
        wrong = [({"name": "a", "url": "synthetic:pcb"}, "already"),
                 ({"name": "A b", "url": "synthetic:pcb"}, "name"),
                 ({"name": "c"}, "url"),
                 ({"name": "c", "url": "synthetic:pcb", "fps_max": -1}, "fps_max"),
                 ({"name": "c", "url": "synthetic:pcb", "fps": 5}, "fps"),
                 ({"name": "c", "url": "synthetic:pcb", "model": "none"}, "none"),
                 ({"name": "c", "url": "synthetic:pcb", "classes": ["shart"]}, "short"),
                 ({"name": "c", "url": "gopher://x/"}, "gopher")]
        for camera, word in wrong:
            status, answer = site.request("POST", "/api/v1/cameras", camera)
            assert status in (400, 409), (camera, status, answer)
            assert word in answer["error"]["message"], (camera, answer)
        for method, path, body in (("PATCH", "a", {"name": "b"}), ("PATCH", "a", {"fps_max": "x"}),
                                   ("PUT", "a", {"name": "a"}), ("PATCH", "a", {"classes": ["x"]})):
            status, answer = site.request(method, f"/api/v1/cameras/{path}", body)
            assert status in (400, 409), (method, body, status, answer)
        assert {name: status["config"] for name, status in site.cameras().items()} == before
        site.wait_for_frames("a", 2)


def test_two_cameras_with_one_name_are_refused_at_start(tmp_path, shoal):
    config = tmp_path / "site.toml"
    config.write_text(table("[[camera]]", synthetic("twin", 1)) +
                      table("[[camera]]", synthetic("twin", 2)))
    done = shoal("run", config)
    assert done.status != 0 and "twin" in done.err and "site.toml" in done.err, done


def test_deepstream_clients_add_list_and_remove(tmp_path):
    def form(change, **value):
        return {"key": "sensor", "value": {"camera_id": "line-7", "camera_name": "front door",
                                           "change": change, **value,
                                           "metadata": {"resolution": "1920x1080"}},
                "headers": {"source": "vst", "created_at": "2026-11-21T08:00:00.000Z"}}

    with RunningSite(tmp_path, [synthetic("a", 1)]) as site:
        added = site.change("POST", "/api/v1/stream/add",
                            form("camera_add", camera_url="synthetic:pcb?size=320x240&fps=5"))
        assert added["reason"] == "STREAM_ADD_SUCCESS", added
        site.wait_for_frames("line-7", 3)
        info = site.get("/api/v1/stream/get-stream-info")["stream-info"]
        assert info["stream-count"] == 2
        assert [one["camera_id"] for one in info["stream-info"]] == ["a", "line-7"]
        removed = site.change("POST", "/api/v1/stream/remove", form("camera_remove"))
        assert removed["reason"] == "STREAM_REMOVE_SUCCESS", removed
        assert names_of(site) == ["a"]


@pytest.mark.parametrize("end", ["stop", "kill"])
def test_changes_outlast_a_restart(tmp_path, end):
    cameras = [synthetic(name, seed) for seed, name in enumerate(["a", "b", "c", "d"])]
    site = RunningSite(tmp_path, cameras, site={"state_file": tmp_path / "state.json"})
    with site:
        site.wait_for_state("a", "running")
        site.add(synthetic("new", 9, fps_max=3))
        site.patch("b", fps_max=2)
        site.change("POST", "/api/v1/cameras/c/pause")
        site.remove("d")
        told = site.cameras()
        getattr(site, end)()
        if end == "kill":
            assert (tmp_path / "state.json").stat().st_mode & 0o077 == 0, "passwords are in it"
        site.start()
        again = site.cameras()
        assert list(again) == ["a", "b", "c", "new"]
        assert {name: one["config"] for name, one in again.items()} == {
            name: one["config"] for name, one in told.items()}
        assert again["b"]["config"]["fps_max"] == 2
        site.wait_for_state("c", "paused")
        site.wait_for_frames("new", 2)
        site.change("POST", "/api/v1/cameras/c/resume")
        site.wait_for_frames("c", 2)


def come_and_go(site, rounds, count):
    """Adds and removes `count` cameras `rounds` times; figures of the process after each round."""
    figures = []
    for number in range(rounds):
        for one in range(count):
            kinds = (synthetic(f"n{one}", one, size="160x120", fps=3),
                     {"name": f"n{one}", "url": "rtsp://127.0.0.1:9/x", "retry_min_ms": 100})
            site.add(kinds[(one + number) % 2])
        site.wait_until(lambda: site.status("n1")["analysed"] + site.status("n0")["analysed"] >= 1,
                        "a frame of a new camera")
        for one in range(count):
            site.remove(f"n{one}")
        site.wait_until(lambda: names_of(site) == ["a"] and
                        not re.findall(r"^cam-n", threads_of(site), re.M), "their threads to end")
        figures.append(site.process_figures())
    return figures


def threads_of(site):
    from pathlib import Path
    names = []
    for task in Path(f"/proc/{site.process.pid}/task").iterdir():
        try:
            names.append((task / "comm").read_text())
        except OSError:  # it has just ended
            pass
    return "".join(names)


def check_rounds(site, rounds, count):
    site.wait_for_frames("a", 5)
    rate = site.analysed_in(["a"], 5)["a"]
    _, threads, files = site.process_figures()
    figures = come_and_go(site, rounds, count)
    assert figures[-1][1] <= threads + 2, "threads as at start (two may be the HTTP server's)"
    assert figures[-1][2] <= files + 4, "open files as at start"
    warm, last = figures[rounds // 2][0], figures[-1][0]
    assert last <= warm * 1.05 + (16 << 20), [figure[0] >> 20 for figure in figures]
    assert site.analysed_in(["a"], 5)["a"] >= 0.6 * rate
    status = site.status("a")
    assert status["connects"] == 1 and status["state"] == "running"


def test_cameras_come_and_go_many_times(tmp_path):
    with RunningSite(tmp_path, [synthetic("a", 1, fps=4)]) as site:
        check_rounds(site, rounds=5, count=32)


@pytest.mark.slow
def test_cameras_come_and_go_a_thousand_times(tmp_path):
    with RunningSite(tmp_path, [synthetic("a", 1, fps=4)]) as site:
        check_rounds(site, rounds=1000, count=32)


def test_sigterm_in_mid_run_leaves_whole_files(tmp_path):
    files = {"mot": tmp_path / "mot.txt", "coco": tmp_path / "coco.json",
             "sqlite": tmp_path / "site.db", "video": tmp_path / "video"}
    sinks = [{"type": kind, "path": path} for kind, path in files.items()]
    alarms = [{"name": "any", "when": "count >= 1", "cooldown_s": 2,
               "clip_s": {"before": 2, "after": 30}}]
    site = RunningSite(tmp_path, [synthetic("a", 1, fps=5), synthetic("b", 4, fps=5)], alarms,
                       sinks)
    with site:
        for name in ("a", "b"):
            site.wait_for_frames(name, 15)
        site.wait_until(site.alarms, "an alarm, whose clip is not through")
        told = site.cameras()
    for name in ("a", "b"):
        lines = site.lines_of(name)
        frames = [line["frame"] for line in lines if line["inferred"]]
        assert frames == sorted(set(frames)) and len(frames) >= told[name]["analysed"] >= 15
        assert track_ids(lines)
    assert site.results.read_text().endswith("}\n"), "the last line is whole"
    coco = json.loads(files["coco"].read_text())
    assert coco, "closed, so it is JSON"
    rows = sqlite3.connect(files["sqlite"]).execute("PRAGMA integrity_check").fetchall()
    assert rows == [("ok",)]
    videos = list(files["video"].rglob("*.mp4"))
    assert len(videos) >= 2
    clips = list(site.recordings.rglob("*.mp4"))
    assert clips, "clips end with what there is"
    for video in [*videos, *clips]:
        seconds, frames = video_seconds(video)
        assert seconds > 0.5 and frames >= 3, (video, seconds, frames)


def test_after_sigkill_it_starts_again_and_knows_its_alarms(tmp_path):
    alarms = [{"name": "any", "when": "count >= 1", "cooldown_s": 2,
               "clip_s": {"before": 1, "after": 1}}]
    sinks = [{"type": "sqlite", "path": tmp_path / "site.db"},
             {"type": "video", "path": tmp_path / "video"}]
    site = RunningSite(tmp_path, [synthetic("a", 1, fps=5)], alarms, sinks)
    with site:
        done = site.wait_until(lambda: [one for one in site.alarms() if one["clip_ready"]],
                               "a clip")
        first = done[-1]["id"]
        site.kill()
        assert site.results.read_text().count("\n") > 5, "lines are not held back"
        site.start()
        site.wait_for_frames("a", 5)
        known = {one["id"]: one for one in site.alarms()}
        assert first in known and known[first]["clip_ready"], "of the run before"
        assert site.get(f"/api/v1/alarms/{first}/clip.mp4")[4:8] == b"ftyp"
        site.wait_until(lambda: any(one["id"] not in known for one in site.alarms()),
                        "an alarm of this run")
        assert all(one["error"] is None for one in site.get("/api/v1/status")["sinks"])
    for clip in site.recordings.rglob("*.mp4"):
        video_seconds(clip)
