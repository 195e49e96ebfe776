"""Goal: the page shows what the server says, live, and can be used: by mouse, keys, on a phone, in
the dark, with a key, and while the server is away. Method: the built page in Chromium, served over
the real routes with invented cameras whose boxes move (tools/fake_site)."""
import hashlib
import re
import signal
import subprocess

import pytest
from browser import Browser, free_port
from playwright.sync_api import expect
from program import BUILD

FAKE_SITE = BUILD / "shoal_fake_site"


class FakeSite:
    """tools/fake_site on a free port, or on a given one to come back at the same address."""

    def __init__(self, *arguments, port=0):
        if not FAKE_SITE.exists():
            pytest.fail(f"no {FAKE_SITE}; `make build` makes it")
        self.process = subprocess.Popen(
            [FAKE_SITE, "--http", f"127.0.0.1:{port}", *map(str, arguments)], text=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
        self.url = self.process.stdout.readline().strip()
        if not self.url.startswith("http"):
            self.close()
            pytest.fail("the fake site does not serve")

    def send(self, number):
        self.process.send_signal(number)

    def close(self):
        self.process.terminate()
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stdout.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    path = tmp_path_factory.mktemp("clip") / "clip.mp4"
    write_clip(path)
    return path


def write_clip(path):
    import cv2
    import numpy
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*"mp4v"), 10, (160, 90))
    for number in range(20):
        writer.write(numpy.full((90, 160, 3), number * 10, numpy.uint8))
    writer.release()
    assert path.stat().st_size > 500


@pytest.fixture(scope="module")
def site(clip):
    with FakeSite("--clip", clip) as running:
        yield running


@pytest.fixture(scope="module")
def browser():
    running = Browser()
    yield running
    running.close()


def tile(page, name):
    return page.locator(f'.tile[data-camera="{name}"]')


# What is on a canvas, read from a copy: reading the page's own one would slow it down.
READ = """canvas => {
  const copy = new OffscreenCanvas(canvas.width, canvas.height);
  const context = copy.getContext("2d", { willReadFrequently: true });
  context.drawImage(canvas, 0, 0);
  const data = context.getImageData(0, 0, canvas.width, canvas.height).data;
  let sum = 0, white = 0;
  for (let i = 0; i < data.length; i += 4) {
    sum = (sum * 31 + data[i] + 256 * data[i + 1]) % 2147483647;
    if (data[i] > 250 && data[i + 1] > 250 && data[i + 2] > 250) ++white;
  }
  return { sum, white };
}"""


def wait_for_change(page, canvas):
    first = canvas.evaluate(READ)["sum"]
    for _ in range(150):
        if canvas.evaluate(READ)["sum"] != first:
            return
        page.wait_for_timeout(100)
    pytest.fail("the picture stands still")


def wait_for_pictures(page, names):
    for name in names:
        expect(tile(page, name).locator(".cover")).to_be_hidden()
        wait_for_change(page, tile(page, name).locator("canvas"))


ALL = ("line-1", "line-2", "line-3", "line-4")


def test_tiles_show_moving_pictures_with_labels_and_figures(browser, site):
    with browser.open(site.url) as page:
        expect(page.locator(".tile")).to_have_count(4)
        wait_for_pictures(page, ALL)
        for name in ALL:
            expect(tile(page, name).locator(".name")).to_have_text(name)
            expect(tile(page, name).locator(".state")).to_have_text("running")
            expect(tile(page, name).locator(".figures")).to_contain_text(
                re.compile(r"[1-9]\d*\.\d in\s+[1-9]\d*\.\d analysed\s+\d+(\.\d)? m?s old"),
                use_inner_text=True)
        # Letters on labels are white, which no board is.
        assert any(tile(page, name).locator("canvas").evaluate(READ)["white"] > 20 for name in ALL)
        expect(page.locator(".summary")).to_have_text("4 of 4 cameras running")
        height = page.evaluate("document.documentElement.scrollHeight")
        assert height <= 768, "the laptop has to scroll"


def test_figures_curves_queues_and_sinks_are_said(browser, site):
    with browser.open(site.url) as page:
        expect(page.locator(".curve canvas")).to_have_count(4)
        expect(page.locator('[data-curve="images"] .value')).to_have_text("52.5")
        expect(page.locator('[data-curve="latency"] .detail')).to_contain_text("p50 31 ms")
        expect(page.locator('[data-curve="batch"]')).to_contain_text("of 8 at most")
        expect(page.locator('[data-curve="memory"]')).to_contain_text("296 MiB")
        expect(page.locator('[data-curve="memory"]')).to_contain_text("of 7.5 GiB")
        line = page.locator(".status-line")
        expect(line).to_contain_text("1 waiting, 1 of 2 lanes busy, batches up to 8")
        first = line.locator(".chip").first  # trouble comes first, with a sign beside the colour
        expect(first).to_contain_text("3 alarms spooled, 127.0.0.1:1883: connection refused")
        expect(first.locator(".icon")).to_be_visible()


def test_an_alarm_arrives_with_its_thumbnail_and_then_its_clip(browser, site):
    with browser.open(site.url) as page:
        known = set(page.locator(".alarms li[data-alarm]").evaluate_all(
            "items => items.map((item) => item.dataset.alarm)"))
        page.wait_for_function(
            "known => [...document.querySelectorAll('.alarms li[data-alarm]')]"
            ".some((item) => !known.includes(item.dataset.alarm))", arg=list(known))
        newest = page.locator(".alarms li[data-alarm]").first
        expect(newest.locator("img")).to_have_js_property("complete", True)
        assert newest.locator("img").evaluate("image => image.naturalWidth") == 320
        expect(newest).to_contain_text("defect on the belt")
        newest.locator("button").click()
        video = page.locator(".alarm-view video")
        expect(video).to_be_visible()  # the clip became ready while somebody looked
        source = video.get_attribute("src")
        status = page.evaluate("async source => (await fetch(source)).status", source)
        assert status == 200
        page.keyboard.press("Escape")
        expect(page.locator("dialog")).to_have_count(0)


def test_a_camera_that_goes_away_changes_only_its_tile(browser, site):
    with browser.open(site.url) as page:
        wait_for_pictures(page, ALL)
        site.send(signal.SIGUSR1)
        try:
            gone = tile(page, "line-2")
            expect(gone.locator(".cover")).to_be_visible()
            expect(gone.locator(".cover-head")).to_contain_text(re.compile(r"since \d\d:\d\d:\d\d"))
            expect(gone.locator(".cover-next")).to_contain_text(
                re.compile(r"Tries again in \d+ s \(failed 3 times\)"))
            expect(gone.locator(".cover-why")).to_have_text("10.0.0.2:554: connection refused")
            before = gone.locator(".cover-next").inner_text()
            expect(gone.locator(".cover-next")).not_to_have_text(before)  # it counts down
            for name in ("line-1", "line-3", "line-4"):
                assert tile(page, name).get_attribute("data-state") == "running"
                wait_for_change(page, tile(page, name).locator("canvas"))
            expect(page.locator(".summary")).to_have_text("3 of 4 cameras running · 1 waiting")
        finally:
            site.send(signal.SIGUSR2)
        expect(tile(page, "line-2").locator(".cover")).to_be_hidden()
        wait_for_change(page, tile(page, "line-2").locator("canvas"))


def test_an_opened_camera_pauses_and_resumes(browser, site):
    with browser.open(site.url) as page:
        tile(page, "line-3").locator("button").click()
        view = page.locator(".camera-view")
        expect(view.locator("h2")).to_have_text("line-3")
        wait_for_change(page, view.locator("canvas"))
        expect(view.locator(".facts").first).to_contain_text("frames/s")
        expect(view).to_contain_text("belt")
        expect(view.locator(".bars li").first).to_contain_text("analysed")
        view.get_by_role("button", name="Pause").click()
        expect(view.locator(".cover-head")).to_contain_text("Paused since")
        assert "paused" in tile(page, "line-3").get_attribute("data-state")
        view.get_by_role("button", name="Resume").click()
        expect(view.locator(".cover")).to_be_hidden()
        wait_for_change(page, view.locator("canvas"))
        page.go_back()  # the address follows what is open
        expect(view).to_have_count(0)


def test_a_camera_is_added_and_removed(browser, site):
    with browser.open(site.url) as page:
        expect(page.locator(".tile")).to_have_count(4)
        watched_name = page.get_by_label("Name", exact=True)
        page.get_by_role("button", name="Add a camera").click()
        page.get_by_role("button", name="Add the camera").click()
        expect(page.locator("dialog [role=alert]")).to_contain_text("needs a name")
        watched_name.fill("door.9")
        page.get_by_label("Address").fill("rtsp://me:secret@10.0.0.9/1")
        page.get_by_text("More settings").click()
        page.get_by_label("Most frames/s analysed").fill("7.5")
        page.get_by_role("button", name="Add the camera").click()
        expect(page.locator("dialog")).to_have_count(0)
        expect(page.locator(".tile")).to_have_count(5)
        wait_for_pictures(page, ["door.9"])
        tile(page, "door.9").locator("button").click()
        view = page.locator(".camera-view")
        view.get_by_text("Configuration").click()
        expect(view.locator("pre")).to_contain_text('"fps_max": 7.5')
        assert "secret" not in view.inner_text()
        view.get_by_role("button", name="Remove").click()
        view.get_by_role("button", name="Remove it").click()
        expect(view).to_have_count(0)
        expect(page.locator(".tile")).to_have_count(4)


def test_what_the_server_refuses_is_said_in_the_form(browser, site):
    watched = browser.open(site.url)
    watched.expected = ("400",)
    with watched as page:
        page.get_by_role("button", name="Add a camera").click()
        page.get_by_label("Name", exact=True).fill("line-1")
        page.get_by_label("Address").fill("rtsp://10.0.0.9/1")
        page.get_by_role("button", name="Add the camera").click()
        expect(page.locator("dialog [role=alert]")).to_contain_text("line-1")
        expect(page.locator(".tile")).to_have_count(4)


def test_only_visible_tiles_are_asked_for_at_their_width(browser, site):
    context = {"device_scale_factor": 2, "has_touch": True, "is_mobile": True}
    watched = browser.open("about:blank", 390, 640, **context)
    asked = []
    with watched as page:
        watched.problems.clear()
        page.on("websocket", lambda socket: socket.on("framesent", lambda text: asked.append(text)))
        watched.expected = ("asks", "connects")  # about:blank is not the page's origin
        page.goto(site.url)
        wait_for_pictures(page, ["line-1"])
        assert '"width":768' in asked[-1] or '"width":736' in asked[-1], asked  # 370 to 380 x 2
        assert "line-4" not in asked[-1], asked
        tile(page, "line-4").scroll_into_view_if_needed()
        wait_for_pictures(page, ["line-4"])
        assert "line-4" in asked[-1], asked
        left = page.evaluate("document.documentElement.scrollWidth")
        assert left <= 390, "the phone has to scroll sideways"
        boxes = [tile(page, name).bounding_box() for name in ALL]
        assert all(above["y"] + above["height"] <= below["y"]
                   for above, below in zip(boxes, boxes[1:]))
        assert page.locator(".alarms").bounding_box()["y"] > boxes[-1]["y"]


def test_the_page_is_used_by_keys_alone(browser, site):
    with browser.open(site.url) as page:
        wait_for_pictures(page, ["line-1"])

        def focused():
            return page.evaluate("document.activeElement.closest('[data-camera]')?.dataset.camera"
                                 " ?? document.activeElement.textContent.trim()")

        seen = []
        for _ in range(12):
            page.keyboard.press("Tab")
            seen.append(focused())
            if seen[-1] == "line-1":
                break
        assert seen[0] == "Skip to the cameras" and "Add a camera" in seen and seen[-1] == "line-1"
        outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
        assert outline == "solid"
        page.keyboard.press("ArrowRight")
        assert focused() == "line-2"
        page.keyboard.press("ArrowDown")
        assert focused() == "line-4"
        page.keyboard.press("Enter")
        expect(page.locator(".camera-view h2")).to_have_text("line-4")
        page.keyboard.press("ArrowLeft")
        expect(page.locator(".camera-view h2")).to_have_text("line-3")
        page.keyboard.press("Escape")
        expect(page.locator("dialog")).to_have_count(0)
        page.wait_for_function("document.activeElement.closest('[data-camera]') !== null")


def test_dark_and_light_follow_the_system_until_told_otherwise(browser, site):
    def ground(page):
        return page.evaluate("getComputedStyle(document.body).backgroundColor.match(/\\d+/g)"
                             ".map(Number).reduce((a, b) => a + b)")

    with browser.open(site.url, scheme="dark") as dark:
        assert ground(dark) < 150
    with browser.open(site.url, scheme="light") as light:
        assert ground(light) > 600
        switch = light.get_by_role("button", name="Colours")
        switch.click()
        expect(switch).to_have_attribute("aria-label", "Colours: dark")
        assert ground(light) < 150
        light.reload()
        assert ground(light) < 150


def test_a_key_is_asked_for_and_kept_by_the_tab(browser, tmp_path):
    keys = tmp_path / "keys"
    keys.write_text(hashlib.sha256(b"secret").hexdigest() + " a test's\n")
    keys.chmod(0o600)
    with FakeSite("--keys", keys) as guarded:
        watched = browser.open(guarded.url)
        watched.expected = ("401", "WebSocket")
        with watched as page:
            dialog = page.locator(".key-dialog")
            dialog.get_by_label("API key").fill("wrong")
            dialog.get_by_role("button", name="Go on").click()
            expect(dialog.get_by_role("alert")).to_contain_text("does not take this key")
            dialog.get_by_label("API key").fill("secret")
            dialog.get_by_role("button", name="Go on").click()
            expect(dialog).to_have_count(0)
            wait_for_pictures(page, ["line-1"])
            image = page.locator(".alarms img").first
            page.wait_for_function("image => image.naturalWidth === 320",
                                   arg=image.element_handle())
            page.reload()
            wait_for_pictures(page, ["line-1"])
            assert page.evaluate("localStorage.length") == 0


def test_a_server_that_goes_away_is_said_and_found_again(browser):
    port = free_port()
    first = FakeSite(port=port)
    watched = browser.open(first.url)
    watched.expected = ("WebSocket", "ERR_CONNECTION")
    with watched as page:
        wait_for_pictures(page, ["line-1"])
        first.close()
        banner = page.locator(".banner")
        expect(banner).to_contain_text(re.compile(r"Connection lost at \d\d:\d\d:\d\d"))
        expect(banner).to_contain_text(re.compile(r"Trying again (in \d+ s|now)\."))
        with FakeSite(port=port):
            expect(banner).to_be_hidden()
            wait_for_pictures(page, ALL)


def test_twenty_cameras_fit_and_all_move(browser):
    with FakeSite("--cameras", "20") as many, browser.open(many.url, 1440, 900) as page:
        expect(page.locator(".tile")).to_have_count(20)
        expect(page.locator(".tile .cover:visible")).to_have_count(0)
        assert page.evaluate("document.documentElement.scrollHeight") <= 900
        assert page.locator(".mosaic").evaluate("box => box.scrollHeight <= box.clientHeight")
        for name in ("line-1", "line-20"):
            wait_for_change(page, tile(page, name).locator("canvas"))
