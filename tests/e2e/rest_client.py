"""`shoal serve` while a test runs, and a client of the standard library for its plain door."""

import http.client
import json
import re
import secrets
import signal
import subprocess
import threading
import time

import pytest
from program import BINARY


class Serving:
    """The service on a free port of loopback, from entering to leaving; leaving drains it."""

    def __init__(self, *arguments):
        # A loaded machine is slow, not wrong: what waits long is still answered.
        self.arguments = [BINARY, "serve", "--http", "127.0.0.1:0", "--grpc", "", "--metrics", "",
                          "--scheduler.timeout_ms", "60000", *arguments]
        self.lines = []

    def __enter__(self):
        self.process = subprocess.Popen([str(a) for a in self.arguments], text=True,
                                        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                        stderr=subprocess.PIPE)
        ready = threading.Event()
        self.reader = threading.Thread(target=self._read, args=(ready,), daemon=True)
        self.reader.start()
        if not ready.wait(120) or self.process.poll() is not None:
            self.process.kill()
            self.process.wait()
            pytest.fail("not ready: " + "".join(self.lines))
        address = re.search(r"http://([\d.]+):(\d+)", "".join(self.lines))
        self.host, self.port = address.group(1), int(address.group(2))
        return self

    def _read(self, ready):
        for line in self.process.stderr:
            self.lines.append(line)
            if line.strip() == "ready":
                ready.set()
        ready.set()

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise
        self.reader.join(5)
        assert self.process.returncode == 0, "".join(self.lines)

    @property
    def url(self):
        return f"http://{self.host}:{self.port}"

    def request(self, method, path, body=None, headers=None, timeout=60):
        connection = http.client.HTTPConnection(self.host, self.port, timeout=timeout)
        try:
            connection.request(method, path, body=body, headers=headers or {})
            response = connection.getresponse()
            return Answer(response.status, dict(response.getheaders()), response.read())
        finally:
            connection.close()

    def get(self, path):
        return self.request("GET", path)

    def post(self, path, body, content_type="image/jpeg", **options):
        return self.request("POST", path, body, {"Content-Type": content_type}, **options)

    def post_form(self, path, files=(), fields=()):
        """`files`: (field, file name, bytes); `fields`: (field, text)."""
        body, content_type = form(files, fields)
        return self.post(path, body, content_type)

    def post_json(self, path, document):
        return self.post(path, json.dumps(document).encode(), "application/json")


class Answer:
    def __init__(self, status, headers, body):
        self.status, self.headers, self.body = status, headers, body

    def __repr__(self):
        return f"{self.status} {self.body[:500]!r}"

    @property
    def json(self):
        assert self.headers["Content-Type"] == "application/json", self
        return json.loads(self.body)


def form(files=(), fields=()):
    boundary = secrets.token_hex(12)
    parts = [f'name="{name}"\r\n\r\n'.encode() + text.encode() for name, text in fields]
    for name, file, data in files:
        head = f'name="{name}"; filename="{file}"\r\nContent-Type: image/jpeg\r\n\r\n'
        parts.append(head.encode() + data)
    head = f"--{boundary}\r\nContent-Disposition: form-data; ".encode()
    body = b"".join(head + part + b"\r\n" for part in parts) + f"--{boundary}--\r\n".encode()
    return body, f"multipart/form-data; boundary={boundary}"


def at_once(calls, timeout=120):
    """Runs the calls in threads; their results in order."""
    results = [None] * len(calls)

    def run(index):
        results[index] = calls[index]()

    threads = [threading.Thread(target=run, args=(i,)) for i in range(len(calls))]
    for thread in threads:
        thread.start()
    deadline = time.monotonic() + timeout
    for thread in threads:
        thread.join(max(0, deadline - time.monotonic()))
    assert not any(thread.is_alive() for thread in threads), "a call hangs"
    return results
