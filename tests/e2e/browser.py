"""Debian's Chromium by Playwright, and what every page of a test has to keep to: no errors, no
request to elsewhere."""

import shutil
import socket
import urllib.parse

import pytest
from playwright.sync_api import expect, sync_playwright

# A loaded machine is slow, not wrong.
PATIENCE = 30_000  # ms


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Browser:
    def __init__(self):
        path = shutil.which("chromium")
        if path is None:
            pytest.fail("no chromium; scripts/setup installs it")
        expect.set_options(timeout=PATIENCE)
        self.playwright = sync_playwright().start()
        self.chromium = self.playwright.chromium.launch(
            executable_path=path, args=["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"])

    def close(self):
        self.chromium.close()
        self.playwright.stop()

    def open(self, url, width=1366, height=768, scheme="dark", **options):
        context = self.chromium.new_context(viewport={"width": width, "height": height},
                                            color_scheme=scheme, **options)
        page = context.new_page()
        page.set_default_timeout(PATIENCE)
        watched = Watched(page, url)
        page.goto(url)
        return watched


class Watched:
    """A page and what it did wrong; leaving it fails the test for any of that."""

    def __init__(self, page, url):
        self.page, self.problems = page, []
        self.expected = ()  # words of console errors that belong to the test
        origin = urllib.parse.urlsplit(url).netloc

        def asked(request):
            parts = urllib.parse.urlsplit(request.url)
            if parts.scheme not in ("blob", "data") and parts.netloc != origin:
                self.problems.append(f"asks {request.url}")

        page.on("request", asked)
        page.on("websocket", lambda socket: self._socket(socket.url, origin))
        page.on("pageerror", lambda error: self.problems.append(f"throws {error}"))
        page.on("console", lambda message: message.type in ("error", "warning")
                and self.problems.append(f"{message.type}: {message.text}"))

    def _socket(self, url, origin):
        if urllib.parse.urlsplit(url).netloc != origin:
            self.problems.append(f"connects to {url}")

    def __enter__(self):
        return self.page

    def __exit__(self, kind, *_):
        self.page.context.close()
        left = [problem for problem in self.problems
                if not any(word in problem for word in self.expected)]
        if kind is None and left:
            pytest.fail("\n".join(["the page misbehaves:", *left]))
