"""Goal: the page over the real `shoal run`: boxes of the real detector move, alarms arrive with
their picture and a clip that plays, a camera without an answer says so alone, and the page of
`serve` is beside it. Method: small synthetic lines, a port where nobody listens, Chromium."""
import re
import signal
import subprocess
import threading

import pytest
from browser import Browser, free_port
from playwright.sync_api import expect
from program import BINARY
from test_dashboard import tile, wait_for_change, wait_for_pictures

SITE = """
[[camera]]
name = "line-1"
url = "synthetic:pcb?size=640x480&fps=6&seed=1"
zones = [{{ name = "belt", polygon = [[0.05,0.05],[0.95,0.05],[0.95,0.95],[0.05,0.95]] }}]

[[camera]]
name = "away"
url = "http://me:secret@127.0.0.1:{port}/video"

[[alarm]]
name = "anything on the belt"
when = "zone == 'belt' and count >= 1"
cooldown_s = 3
clip_s = {{ before = 1, after = 1 }}

[service]
http = "127.0.0.1:0"
grpc = ""
metrics = ""
"""


class SiteRun:
    """`shoal run` in a folder of its own; `url` once it is ready."""

    def __init__(self, folder):
        (folder / "site.toml").write_text(SITE.format(port=free_port()))
        self.lines = []
        self.process = subprocess.Popen([BINARY, "run", "site.toml", "--imgsz", "320"], cwd=folder,
                                        text=True, stdin=subprocess.DEVNULL,
                                        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        ready = threading.Event()
        self.reader = threading.Thread(target=self._read, args=(ready,), daemon=True)
        self.reader.start()
        if not ready.wait(120) or self.process.poll() is not None:
            self.close()
            pytest.fail("not ready: " + "".join(self.lines))
        self.url = re.search(r"http://[\d.]+:\d+", "".join(self.lines)).group() + "/"

    def _read(self, ready):
        for line in self.process.stderr:
            self.lines.append(line)
            if line.strip() == "ready":
                ready.set()
        ready.set()

    def close(self):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(60)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.reader.join(5)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    site = SiteRun(tmp_path_factory.mktemp("run"))
    yield site
    site.close()


@pytest.fixture(scope="module")
def browser():
    running = Browser()
    yield running
    running.close()


def test_the_page_of_a_real_site(run, browser):
    with browser.open(run.url) as page:
        wait_for_pictures(page, ["line-1"])
        gone = tile(page, "away")
        expect(gone.locator(".cover-head")).to_contain_text("No picture since")
        expect(gone.locator(".cover-next")).to_contain_text(re.compile("Tries again in|Trying"))
        expect(gone.locator(".cover-why")).to_contain_text("refused")
        assert "secret" not in page.content()
        newest = page.locator(".alarms li:has([data-ready=true])").last
        expect(newest).to_contain_text("anything on the belt")
        page.wait_for_function("item => item.querySelector('img').naturalWidth > 0",
                               arg=newest.element_handle())
        newest.locator("button").click()
        video = page.locator(".alarm-view video")
        expect(video).to_be_visible()
        page.wait_for_function("video => video.readyState >= 2 && video.videoWidth === 640",
                               arg=video.element_handle())
        assert 0.9 < video.evaluate("video => video.duration") < 6  # 1 s after it, up to 1 before
        page.keyboard.press("Escape")
        expect(page.locator('[data-curve="images"] .value')).not_to_have_text("0.0")


def test_cameras_are_added_paused_and_removed_while_it_runs(run, browser):
    with browser.open(run.url) as page:
        page.get_by_role("button", name="Add a camera").click()
        page.get_by_label("Name", exact=True).fill("line-9")
        page.get_by_label("Address").fill("synthetic:pcb?size=320x240&fps=5&seed=9")
        page.get_by_role("button", name="Add the camera").click()
        expect(page.locator("dialog")).to_have_count(0)
        wait_for_pictures(page, ["line-9"])
        tile(page, "line-9").locator("button").click()
        view = page.locator(".camera-view")
        wait_for_change(page, view.locator("canvas"))
        view.get_by_role("button", name="Pause").click()
        expect(view.locator(".cover-head")).to_contain_text("Paused since")
        view.get_by_role("button", name="Resume").click()
        expect(view.locator(".cover")).to_be_hidden()
        view.get_by_role("button", name="Remove").click()
        view.get_by_role("button", name="Remove it").click()
        expect(tile(page, "line-9")).to_have_count(0)


def test_the_page_to_try_pictures_has_moved_aside(run, browser):
    with browser.open(run.url + "try") as page:
        expect(page).to_have_title("Shoal: try it with a picture")
