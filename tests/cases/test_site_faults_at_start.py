"""Goal: `shoal run` says what it cannot use and ends with status 3 (2 where an option is wrong):
never a crash, never a wait without an end. Method: each thing that can be in the way, made here; no
model is loaded before the site is open, so each run takes a moment."""

import fcntl
import os
import subprocess

import pytest
from program import BINARY
from running_site import table

CAMERA = table("[[camera]]", {"name": "a", "url": "synthetic:pcb?size=64x64&frames=5"})
HOOK = table("[[sink]]", {"type": "webhook", "name": "hook", "url": "http://127.0.0.1:9/x"})


def run(folder, *arguments, text="", timeout=120, site=()):
    """Ends by itself; (status, what it said)."""
    sections = {"recordings": folder / "recordings", "spool": folder / "spool", **dict(site)}
    path = folder / "site.toml"
    path.write_text(table("[service]", {"http": "", "grpc": "", "metrics": ""}) +
                    table("[site]", sections) + CAMERA + text)
    done = subprocess.run([BINARY, "run", path, *map(str, arguments)], capture_output=True,
                          text=True, timeout=timeout, stdin=subprocess.DEVNULL)
    return done.returncode, done.stderr


@pytest.mark.parametrize("key, place, says", [
    ("recordings", "/proc/x", "/proc/x"),
    ("spool", "/proc/x", "/proc/x"),
    ("recordings", "FILE", "expected a folder"),
    ("spool", "FILE", "expected a folder"),
    ("recordings", "PIPE", "expected a folder"),
    ("spool", "PIPE", "expected a folder"),
    ("state_file", "PIPE", "a pipe or device")])
def test_a_place_that_cannot_be_used_is_named(tmp_path, key, place, says):
    (tmp_path / "FILE").write_text("x")
    os.mkfifo(tmp_path / "PIPE")
    where = place if place.startswith("/") else tmp_path / place
    status, said = run(tmp_path, text=HOOK, site={key: where})
    assert status == 3 and says in said, (status, said)


def test_a_spool_that_another_process_uses_is_named(tmp_path):
    (tmp_path / "spool").mkdir()
    with open(tmp_path / "spool/lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        status, said = run(tmp_path, text=HOOK)
    assert status == 3 and "another process uses this spool" in said, (status, said)


@pytest.mark.parametrize("sink, says", [
    ({"type": "jsonl", "path": "PIPE"}, "pipe"),
    ({"type": "video", "path": "recordings/video"}, "lies in site.recordings"),
    ({"type": "mqtt", "url": "mqtt://h", "topic": "a\r\nPUB b"}, "topic"),
    ({"type": "nats", "url": "nats://h", "topic": "a\x00b"}, "topic"),
    ({"type": "webhook", "url": "http://h/x", "secret_file": "OPEN"}, "chmod 600")])
def test_a_sink_that_cannot_work_is_refused(tmp_path, sink, says):
    os.mkfifo(tmp_path / "PIPE")
    (tmp_path / "OPEN").write_text("secret\n")
    (tmp_path / "OPEN").chmod(0o644)
    sink = {key: tmp_path / value if key in ("path", "secret_file") else value
            for key, value in sink.items()}
    status, said = run(tmp_path, text=table("[[sink]]", sink))
    assert status == 2 and says in said, (status, said)


def test_keys_that_everybody_can_read_are_refused(tmp_path):
    keys = tmp_path / "keys"
    keys.write_text("0" * 64 + "\n")
    keys.chmod(0o644)
    status, said = run(tmp_path, "--service.api_keys_file", keys)
    assert status == 2 and f"chmod 600 '{keys}'" in said, (status, said)


@pytest.mark.parametrize("text", ["[{key}]\n", "{key} = 1\n", "x = {{ {key} = 1 }}\n",
                                  "s = '''\n'''\n[[{key}]]\n"])
def test_keys_nested_without_end_are_refused(tmp_path, text):
    status, said = run(tmp_path, "--check", text="\n" + text.format(key=".".join("a" * 100_000)))
    assert status == 3 and "parts" in said and len(said) < 1000, (status, said[:1000])


def test_twenty_thousand_cameras_are_checked_in_a_moment(tmp_path):
    many = "".join(table("[[camera]]", {"name": f"c{one}", "url": f"synthetic:pcb?seed={one}"})
                   for one in range(20_000))
    status, said = run(tmp_path, "--check", text=many)
    assert status == 0 and "20001 cameras" in said, said
    status, said = run(tmp_path, text=many)
    assert status == 2 and "at most 1024 cameras" in said, said


@pytest.mark.parametrize("text", [
    '[[camera]]\nname = "LONG"\nurl = "synthetic:pcb"\n',
    '[[camera]]\nname = "b"\nurl = "gopher://LONG"\n',
    '[[camera]]\nname = "b"\nurl = "synthetic:LONG"\n',
    '[[camera]]\nname = "b"\nurl = "synthetic:pcb"\nLONG = 1\n',
    '[[camera]]\nname = "b"\nurl = "synthetic:pcb"\nmodel = "LONG"\n',
    '[[alarm]]\nwhen = "LONG"\n', '[[alarm]]\nname = "LONG!"\nwhen = "count > 1"\n',
    '[[alarm]]\nwhen = "count > 1"\ncameras = ["LONG"]\n',
    '[[sink]]\ntype = "LONG"\n', '[LONG]\nx = 1\n', '[model.LONG]\npath = "pcb"\n'])
def test_what_is_quoted_is_shortened(tmp_path, text):
    status, said = run(tmp_path, "--check", text="\n" + text.replace("LONG", "x" * 5_000_000))
    assert status in (2, 3) and len(said) < 5000, (status, said[:5000])


@pytest.mark.parametrize("url, says", [
    ("tcp://0.0.0.0:18997?listen=1", "connect"), ("udp://239.1.1.1:5000", "multicast"),
    ("http://169.254.169.254/latest", "link-local"), ("rtsp://[::]/1", "all addresses"),
    ("rtsp://admin:***@10.0.0.5/1", "hidden password"),
    ("synthetic:pcb?size=16384x16384", "7680x4320")])
def test_urls_that_no_camera_should_have_are_refused(tmp_path, url, says):
    status, said = run(tmp_path, "--check", text=table("[[camera]]", {"name": "b", "url": url}))
    assert status == 2 and says in said, (status, said)
