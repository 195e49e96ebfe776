"""Goal: a running site tells nobody's secrets, opens nothing that it was not allowed to open,
writes for nobody else, says when nothing is analysed, and ends when it is told to. Method: one
site, asked and changed over HTTP as anybody on the machine could."""

import json
import os
import stat
import time

import pytest
from running_site import RunningSite, synthetic

SECRET = "geheim"  # in every secret of these tests, and in nothing else
RETRY = {"retry_min_ms": 100, "retry_max_ms": 500, "connect_timeout_ms": 2000}


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp("site")
    os.mkfifo(folder / "pipe.mp4")
    (folder / "videos").mkdir()
    before = os.umask(0o022)
    try:
        with RunningSite(folder, cameras=[
                synthetic("line", 1, fps=4),
                {"name": "pipe", "url": f"file:{folder / 'pipe.mp4'}", **RETRY}],
                alarms=[{"when": "count >= 0", "cooldown_s": 1}],
                sinks=[{"type": "webhook", "name": "hook", "timeout_ms": 500,
                        "url": f"http://127.0.0.1:9/h?token={SECRET}&key={SECRET}"},
                       {"type": "sqlite", "name": "sql", "path": folder / "rows.sqlite"},
                       {"type": "video", "name": "film", "path": folder / "film"}],
                site={"state_file": folder / "state.json",
                      "allow_urls": ["rtsp://*", "http://*", "synthetic:*",
                                     str(folder / "videos")]}) as running:
            running.wait_for_frames("line", 2)
            yield running
    finally:
        os.umask(before)


def everything_shown(site):
    """What the log and all pages of the site say."""
    pages = ("/api/v1/cameras", "/api/v1/status", "/api/v1/config", "/api/v1/alarms")
    return site.log + "".join(json.dumps(site.get(page)) for page in pages)


@pytest.mark.parametrize("url", [
    "rtsp://admin:{0}@127.0.0.1:9/1?token={0}&user={0}&pwd={0}",
    "http://127.0.0.1:9/cgi?loginuse={0}&loginpas={0}&p={0}&channel=2",
    "rtsp://127.0.0.1:9/user={0}&password={0}&channel=1",
    "rtsp://admin:{0}/{0}@127.0.0.1:9/1"])
def test_no_secret_of_a_camera_is_shown(site, url):
    site.request("POST", "/api/v1/cameras",
                 {"name": "guarded", "url": url.format(SECRET), **RETRY})
    try:
        if "guarded" in site.cameras():
            site.wait_until(lambda: site.status("guarded")["error"], "an error of the camera")
        shown = everything_shown(site)
        assert SECRET not in shown, shown[max(0, shown.find(SECRET) - 300):][:400]
    finally:
        site.request("DELETE", "/api/v1/cameras/guarded")


def test_no_secret_of_a_webhook_is_shown(site):
    site.wait_until(lambda: site.sink("hook")["error"], "the webhook to fail")
    assert SECRET not in everything_shown(site)
    assert "token=***" in site.sink("hook")["error"]


def test_a_hidden_password_is_never_stored(site):
    site.add({"name": "cam", "url": f"rtsp://admin:{SECRET}@127.0.0.1:9/1", **RETRY})
    try:
        url = "rtsp://admin:***@127.0.0.2:9/1"  # another server
        status, answer = site.request("PATCH", "/api/v1/cameras/cam", {"url": url})
        assert status == 400 and "***" in answer["error"]["message"], answer
        status, answer = site.request("POST", "/api/v1/cameras", {"name": "new", "url": url})
        assert status == 400, answer
        # Another path of the same server, as the page would send it.
        status, answer = site.request("PATCH", "/api/v1/cameras/cam",
                                      {"url": "rtsp://admin:***@127.0.0.1:9/2"})
        assert status == 200, answer
        kept = (site.folder / "state.json").read_text()
        assert f"admin:{SECRET}@127.0.0.1:9/2" in kept and "***" not in kept
    finally:
        site.remove("cam")


def test_files_and_special_addresses_are_closed_to_doors(site):
    secret = site.folder / "secret.txt"
    secret.write_text(f"/nowhere/{SECRET}-line\n")
    (site.folder / "videos/link.mp4").symlink_to(secret)
    for url in (str(secret), f"file:{secret}", "/etc/passwd", "/etc/*", "clip.mp4", "/dev/video0",
                f"{site.folder}/videos/../secret.txt", f"{site.folder}/videos/link.mp4",
                "tcp://0.0.0.0:18997?listen=1", "udp://0.0.0.0:5000", "http://169.254.169.254/x",
                "http://[fe80::1]/", "rtsp://224.0.0.1/1", "http://0xa9fea9fe/"):
        status, answer = site.request("POST", "/api/v1/cameras", {"name": "bad", "url": url})
        assert status == 400, (url, answer)
        told = json.dumps(answer) + site.log
        assert SECRET not in told and "files match" not in told and "no such" not in told, told
    site.add({"name": "good", "url": f"{site.folder}/videos/later.mp4"})
    site.remove("good")


def test_no_line_of_the_log_is_somebody_elses(site):
    lines = len(site.lines)
    name = "x\n2026-01-01T00:00:00.000 error alarm: FORGED \x1b[31m\u202e"
    site.request("POST", "/v2/repository/models/pcb/load",
                 {"parameters": {name: "1", "config": "{\"input\":[{\"name\":" + json.dumps(name) +
                                 "}]}"}})
    time.sleep(0.5)
    for line in site.lines[lines:]:
        assert "\x1b" not in line and "\u202e" not in line
        assert "FORGED" not in line or line.index("\\n") < line.index("FORGED"), line


def test_a_camera_without_its_model_is_not_running(site):
    site.wait_for_state("line", "running")
    assert site.request("POST", "/v2/repository/models/pcb/unload", {})[0] == 200
    waiting = site.wait_for_state("line", "waiting")
    assert "model is not loaded" in waiting["error"], waiting
    assert "model is not loaded" in site.log
    assert site.request("POST", "/v2/repository/models/pcb/load", {})[0] == 200
    site.wait_for_state("line", "running")
    site.wait_for_frames("line", 2)


def test_nobody_else_reads_what_it_writes_and_it_ends(site):
    """The last one: ends the site, which has a pipe for a camera."""
    site.wait_until(lambda: site.alarms() and list(site.recordings.glob("*.json")), "an alarm")
    assert "pipe or device" in site.status("pipe")["error"]
    site.stop()
    files = [path for path in site.folder.rglob("*") if path.is_file() and not path.is_symlink()]
    ours = [path for path in files if path.name not in ("site.toml", "secret.txt")]
    assert {path.suffix for path in ours} >= {".json", ".jsonl", ".sqlite", ".mp4"}
    for path in ours:
        assert stat.S_IMODE(path.stat().st_mode) & 0o027 == 0, path
    for folder in ("recordings", "spool", "film"):
        assert stat.S_IMODE((site.folder / folder).stat().st_mode) == 0o750, folder
