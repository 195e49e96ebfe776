"""`shoal budget` and memory limits on the real program: the plan adds up, what it measures is what
it planned, a limit takes the batch and the lanes but no result, and containers are heard."""

import json
import os
import pathlib
import shutil
import subprocess

import pytest
from program import BINARY, read_lines

MIB = 1024 * 1024
SOURCE = "synthetic:pcb?size=640x480&frames=12&seed=5"


def budget(shoal, *arguments, status=0):
    run = shoal("budget", *arguments, "--json", "-")
    assert run.status == status, run
    return json.loads(run.out)


def part(document, name):
    return next(p["bytes"] for p in document["parts"] if p["name"] == name)


def test_the_plan_adds_up_and_is_aligned(shoal):
    run = shoal("budget", "--memory", "24GiB", "--stream", "1920x1080@30")
    assert run.status == 0, run
    lines = run.out.splitlines()
    assert lines[0].split() == ["component", "formula", "this", "model"]
    names = [line[:15].strip() for line in lines[1:9]]
    assert names == ["weights", "inputs", "outputs", "activations", "workspace", "decode buffers",
                     "queues", "program"]
    assert all(len(line) <= 100 for line in lines), run
    ends = {line.index(" MiB") for line in lines[1:10]}
    assert len(ends) == 1, "one column of figures"
    assert any(line.startswith("fits 24.0 GiB") for line in lines), run
    document = budget(shoal, "--memory", "24GiB", "--stream", "1920x1080@30")
    assert document["sum_bytes"] == sum(p["bytes"] for p in document["parts"])
    assert document["streams_by_memory"] > 100


def test_parts_are_their_formulas(shoal):
    document = budget(shoal, "--batch", "4", "--lanes", "3", "--precision", "fp32",
                      "--memory", "24GiB")
    assert part(document, "inputs") == 3 * 4 * 640 * 640 * 3
    assert part(document, "outputs") == 3 * 4 * 10 * 8400 * 4
    # The first convolution has its f32 input and its output of 16 channels at 320x320.
    assert part(document, "activations") == 3 * 4 * (3 * 640 * 640 + 16 * 320 * 320)
    inspected = json.loads(shoal("inspect", "--json", "-").out)
    assert part(document, "weights") == 4 * inspected["parameters"]


def test_the_largest_batch_fits_and_one_more_does_not(shoal):
    common = ["--memory", "400MiB", "--scheduler.requests_max", "4"]
    largest = budget(shoal, *common)["largest_batch"]
    assert 8 < largest < 1024
    assert budget(shoal, *common, "--batch", largest)["fits"]
    document = budget(shoal, *common, "--batch", largest + 1, status=4)
    assert not document["fits"] and document["fitting"]["batch"] == largest


def test_wrong_amounts_are_named(shoal):
    for arguments, named in ((["--memory", "much"], "--memory"),
                             (["--memory-limit", "120%"], "--memory-limit"),
                             (["--stream", "1920x1080"], "--stream"),
                             (["--model.memory_limit", "-5"], "model.memory_limit")):
        run = shoal("budget", *arguments)
        assert run.status == 2 and named in run.err, run


def test_check_measures_what_was_planned(shoal):
    document = budget(shoal, "--check", "--execution", "spread", "--batch", "4",
                      "--stream", "1280x720@25", "--memory", "8GiB")
    checked = {tuple(p["parts"]): p for p in document["check"]["parts"]}
    for names in (("inputs", "outputs"), ("activations",), ("queues",)):
        row = checked[names]
        assert not row["estimate"]
        assert row["measured_bytes"] == pytest.approx(row["planned_bytes"], rel=0.1), row
    assert checked[("weights", "workspace")]["estimate"]
    assert document["check"]["resident_bytes"] > 50 * MIB
    rate = document["check"]["images_per_second"]
    assert document["streams_by_compute"] == int(rate * 0.7 / 25)


def detect(shoal, path, *arguments):
    run = shoal("detect", SOURCE, "--json", path, "--summary", "-", "--execution", "spread",
                "--precision", "fp32", *arguments)
    assert run.status == 0, run
    return [line["detections"] for line in read_lines(path)], json.loads(run.out), run


def test_a_limit_takes_the_batch_but_no_result(shoal, tmp_path):
    free, summary, _ = detect(shoal, tmp_path / "free.jsonl", "--batch", "64")
    assert "memory allows" not in summary["engine"]
    tight, summary, run = detect(shoal, tmp_path / "tight.jsonl", "--batch", "64",
                                 "--memory-limit", "100MiB")
    assert "memory allows batch" in summary["engine"], summary
    assert "the memory limit leaves 100.0 MiB" in run.err, run
    assert tight == free and any(tight)
    one, summary, run = detect(shoal, tmp_path / "one.jsonl", "--lanes", "2",
                               "--memory-limit", "55MiB")
    assert "1 of 2 lanes" in summary["engine"], summary
    assert one == free


def test_the_process_stays_under_its_limit(shoal, tmp_path):
    source = SOURCE.replace("frames=12", "frames=150")
    run = shoal("detect", source, "--summary", "-", "--batch", "256", "--execution", "spread",
                "--process.memory_limit", "400MiB", timeout=120)
    assert run.status == 0, run
    assert "memory allows batch" in json.loads(run.out)["engine"], run
    assert 200 * 1024 < run.peak_kib <= 400 * 1024, run.peak_kib


def test_where_nothing_fits_the_plan_is_said_and_nothing_is_loaded(shoal):
    run = shoal("detect", SOURCE, "--memory-limit", "20MiB")
    assert run.status == 3, run
    for word in ("one picture on one lane needs", "weights", "activations", "leaves 20.0 MiB"):
        assert word in run.err, run
    assert run.peak_kib < 110 * 1024, run.peak_kib
    run = shoal("detect", SOURCE, "--process.memory_limit", "32MiB")
    assert run.status == 3 and "process.memory_limit 32MiB" in run.err, run


@pytest.mark.skipif(shutil.which("taskset") is None, reason="no taskset to narrow the affinity")
def test_lanes_follow_the_affinity(shoal, tmp_path):
    core = str(min(os.sched_getaffinity(0)))
    run = subprocess.run(["taskset", "-c", core, str(BINARY), "detect", SOURCE, "--summary", "-",
                          "--execution", "spread"], capture_output=True, text=True, timeout=120)
    assert run.returncode == 0, run.stderr
    assert "1 lane," in json.loads(run.stdout)["engine"]


def group_files(folder):
    """The files of this process's groups, as seen under the mount of /sys/fs/cgroup."""
    groups = [line.split(":", 2) for line in
              pathlib.Path("/proc/self/cgroup").read_text().splitlines()]
    mounts = [line.split() for line in
              pathlib.Path("/proc/self/mountinfo").read_text().splitlines()
              if " - cgroup" in line]
    for fields in mounts:
        dash = fields.index("-")
        v2 = fields[dash + 1] == "cgroup2"
        options = fields[-1].split(",")
        for _, names, path in groups:
            if (v2 and names) or (not v2 and not set(names.split(",")) & set(options)):
                continue
            top = fields[3]
            inner = path if top == "/" else path.removeprefix(top)
            yield pathlib.Path(fields[4]), pathlib.Path(folder + fields[4] + inner), v2, options


def test_a_container_is_heard(tmp_path):
    """Files of a container's making, in a mount name space of the test's own."""
    if os.geteuid() != 0 or subprocess.run(["unshare", "-m", "true"]).returncode != 0:
        pytest.skip("mounting needs root and unshare")
    mounted = []
    for point, group, v2, options in group_files(str(tmp_path)):
        group.mkdir(parents=True, exist_ok=True)
        if v2:
            (group / "memory.max").write_text("734003200\n")
            (group / "cpu.max").write_text("50000 100000\n")
        if "memory" in options:
            (group / "memory.limit_in_bytes").write_text("734003200\n")
        if "cpu" in options:
            (group / "cpu.cfs_quota_us").write_text("50000\n")
            (group / "cpu.cfs_period_us").write_text("100000\n")
        mounted.append(f"mount --bind {tmp_path}{point} {point}")
    if not mounted:
        pytest.skip("no control groups are mounted here")
    script = " && ".join(dict.fromkeys(mounted)) + f" && {BINARY} doctor --batches 1,2 --batch 2"
    run = subprocess.run(["unshare", "-m", "sh", "-c", script], capture_output=True, text=True,
                         timeout=120)
    assert run.returncode == 0, run.stderr
    assert "1 core " in run.stdout and "container limit 0.7 GiB" in run.stdout, run.stdout
