"""The command line as its users meet it: exit statuses, suggestions, outputs that cannot be
written, and Ctrl-C."""

import json
import os
import time

import pytest
from made_pictures import link_copies


def test_help_and_version_are_status_0(shoal):
    for arguments in (["--help"], ["--version"], ["detect", "--help"], []):
        run = shoal(*arguments)
        assert run.status == 0 and run.out, run
    assert "--batch" in shoal("detect", "--help").out


@pytest.mark.parametrize("arguments, named, suggested", [
    (["detect", "--btach", "4", "x.jpg"], "--btach", "--batch"),
    (["detect", "--jsn", "f", "x.jpg"], "--jsn", "--json"),
    (["detetc", "x.jpg"], "detetc", "detect"),
    (["detect", "--scheduler.queue_dely_ms", "5", "x.jpg"], "queue_dely_ms", "queue_delay_ms"),
])
def test_unknown_words_are_status_2_with_a_suggestion(shoal, arguments, named, suggested):
    run = shoal(*arguments)
    assert run.status == 2, run
    assert named in run.err and suggested in run.err, run
    assert not run.out


@pytest.mark.parametrize("arguments, named", [
    (["detect"], "SOURCE"),
    (["detect", "--batch", "0", "x.jpg"], "batch"),
    (["detect", "--batch", "many", "x.jpg"], "batch"),
    (["detect", "--conf", "1.5", "x.jpg"], "conf"),
    (["detect", "--conf", "nan", "x.jpg"], "conf"),
    (["detect", "--iou", "-0.1", "x.jpg"], "iou"),
    (["detect", "--max-det", "0", "x.jpg"], "max"),
    (["detect", "--precision", "fp17", "x.jpg"], "fp17"),
    (["detect", "--engine", "steam", "x.jpg"], "steam"),
    (["detect", "--imgsz", "-5", "x.jpg"], "imgsz"),
    (["detect", "--classes", "80", "x.jpg"], "80"),
    (["detect", "--json"], "json"),
    (["eval"], "data"),
    (["bench", "--seconds", "-1"], "seconds"),
])
def test_wrong_usage_is_status_2_and_names_the_option(shoal, quick_model, arguments, named):
    verb, *rest = arguments
    run = shoal(verb, *(["-m", quick_model] if rest else []), *rest)
    assert run.status == 2, run
    assert named in run.err, run


def test_a_source_that_is_not_there_is_named(shoal, quick_model, tmp_path):
    run = shoal("detect", "-m", quick_model, tmp_path / "nowhere.jpg")
    assert run.status in (1, 2), run
    assert str(tmp_path / "nowhere.jpg") in run.err, run
    run = shoal("detect", "-m", quick_model, tmp_path / "*.jpg")
    assert run.status in (1, 2) and "*.jpg" in run.err, run
    run = shoal("detect", "-m", quick_model, tmp_path)
    assert run.status in (1, 2) and str(tmp_path) in run.err, run


@pytest.mark.parametrize("option", ["--json", "--coco", "--txt", "--save", "--summary"])
def test_an_output_that_cannot_be_written_is_named(shoal, quick_model, pictures, tmp_path, option):
    blocked = tmp_path / "file"
    blocked.write_text("in the way")
    target = blocked / "out"
    run = shoal("detect", "-m", quick_model, option, target, pictures.good())
    assert run.status in (1, 2), run
    assert str(target) in run.err or str(blocked) in run.err, run
    assert blocked.read_text() == "in the way"


@pytest.mark.parametrize("option", ["--json", "--coco", "--summary"])
def test_a_full_disk_is_said_and_is_not_success(shoal, quick_model, zoo, option):
    run = shoal("detect", "-m", quick_model, option, "/dev/full", zoo / "images/bus.jpg")
    assert run.status in (1, 2), run
    assert "/dev/full" in run.err and "space" in run.err.lower(), run


def test_a_full_disk_for_one_output_leaves_the_others_whole(shoal, quick_model, photos, tmp_path):
    run = shoal("detect", "-m", quick_model, "--json", "/dev/full", "--coco",
                tmp_path / "coco.json", *photos)
    assert run.status == 1, run
    results = json.loads((tmp_path / "coco.json").read_text())
    assert len({entry["image_id"] for entry in results}) > len(photos) // 2


def test_a_closed_pipe_ends_the_run_quietly(shoal, quick_model, photos):
    running = shoal.start("detect", "-m", quick_model, "--json", "-", *photos)
    running.process.stdout.close()
    run = running.wait(60)
    assert run.status in (0, 1), run  # not a signal


@pytest.mark.parametrize("number", ["INT", "TERM"])
def test_an_interrupted_run_keeps_what_is_done(shoal, quick_model, photos, tmp_path, number):
    import signal

    links = link_copies(tmp_path / "many", photos, 6000)
    output, coco, txt = tmp_path / "out.jsonl", tmp_path / "coco.json", tmp_path / "txt"
    running = shoal.start("detect", "-m", quick_model, "--json", output, "--coco", coco, "--txt",
                          txt, "--save", tmp_path / "save", links[0].parent)
    wait_for_lines(running, output, 30)
    running.process.send_signal(getattr(signal, f"SIG{number}"))
    asked = time.monotonic()
    run = running.wait(120)
    assert time.monotonic() - asked < 60, run
    assert run.status in (1, 128 + getattr(signal, f"SIG{number}")), run
    text = output.read_text()
    assert text.endswith("\n")
    lines = [json.loads(line) for line in text.splitlines()]
    assert 30 <= len(lines) < 6000
    assert [line["source"] for line in lines] == [str(link) for link in links[:len(lines)]]
    count = sum(len(line["detections"]) for line in lines)
    assert len(json.loads(coco.read_text())) == count
    rows = sum(len(path.read_text().splitlines()) for path in (txt / "labels").iterdir())
    assert rows == count
    assert "interrupt" in run.err.lower(), run


def wait_for_lines(running, output, count):
    """Until the run has written `count` lines, or ended."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and running.process.poll() is None:
        if output.exists() and output.read_bytes().count(b"\n") >= count:
            break
        time.sleep(0.01)


def test_a_second_interrupt_ends_at_once(shoal, quick_model, photos, tmp_path):
    links = link_copies(tmp_path / "many", photos, 6000)
    output = tmp_path / "out.jsonl"
    running = shoal.start("detect", "-m", quick_model, "--json", output, links[0].parent)
    wait_for_lines(running, output, 10)
    running.interrupt()
    time.sleep(0.05)
    if running.process.poll() is None:
        running.interrupt()
    running.wait(20)
    lines = output.read_text().splitlines()
    assert 10 <= len(lines) < 6000
    for line in lines:
        json.loads(line)


def test_nothing_is_coloured_or_animated_off_a_terminal(shoal, quick_model, pictures):
    run = shoal("detect", "-m", quick_model, pictures.good())
    assert "\x1b" not in run.err + run.out and "\r" not in run.err, run


def test_inspect_tells_what_a_model_is(shoal, quick_model):
    run = shoal("inspect", "-m", quick_model, "--json", "-")
    assert run.status == 0, run
    json.loads(run.out)
    assert "320" in run.out and "gfl_distances" in run.out


def test_bench_writes_the_documented_shape(shoal, quick_model, tmp_path):
    run = shoal("bench", "-m", quick_model, "--seconds", 0.3, "--batch", "1,4", "--json",
                tmp_path / "bench.json")
    assert run.status == 0, run
    report = json.loads((tmp_path / "bench.json").read_text())
    assert set(report) == {"model", "engine", "precision", "scenario", "from", "runs"}
    assert [entry["batch"] for entry in report["runs"]] == [1, 4]
    for entry in report["runs"]:
        assert set(entry) == {"batch", "lanes", "images_per_second", "latency_ms", "memory_bytes"}
        assert set(entry["latency_ms"]) == {"p50", "p90", "p99"}
        latency = entry["latency_ms"]
        assert 0 < latency["p50"] <= latency["p90"] <= latency["p99"]
        assert entry["images_per_second"] > 1 and entry["memory_bytes"] > 10e6


def test_the_program_needs_no_home_and_no_writable_cache(shoal, quick_model, pictures):
    environment = {key: value for key, value in os.environ.items()
                   if key not in ("HOME", "XDG_CACHE_HOME")}
    assert shoal("detect", "-m", quick_model, pictures.good(), env=environment).status == 0
    environment["XDG_CACHE_HOME"] = "/proc/nowhere"
    assert shoal("detect", "-m", quick_model, pictures.good(), env=environment).status == 0
