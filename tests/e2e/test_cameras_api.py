"""Goal: clients that others wrote see cameras live: WebSocket, MJPEG players, clips with ranges;
and what is slow, foreign or hostile harms nobody. Behind the routes is tools/fake_site.cpp."""

import asyncio
import hashlib
import json
import os
import pathlib
import re
import signal
import socket
import ssl
import subprocess
import threading
import time

import cv2
import numpy as np
import pytest
import requests
import websockets
from program import BUILD

FAKE_SITE = pathlib.Path(os.environ.get("SHOAL_FAKE_SITE", BUILD / "shoal_fake_site"))
CLIP_BYTES = bytes(range(256)) * 1000
MIB = 1 << 20


class Site:
    """The fake site on a free port, from entering to leaving; leaving drains it."""

    def __init__(self, *arguments):
        self.arguments = [str(a) for a in (FAKE_SITE, "--http", "127.0.0.1:0", *arguments)]

    def __enter__(self):
        self.process = subprocess.Popen(self.arguments, text=True, stdin=subprocess.DEVNULL,
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        line = self.process.stdout.readline()
        found = re.match(r"(https?)://([\d.]+):(\d+)/", line)
        if not found:
            self.process.kill()
            pytest.fail(f"no address: {line} {self.process.communicate()[1]}")
        self.url, self.port = line.strip().rstrip("/"), int(found.group(3))
        self.host = f"127.0.0.1:{self.port}"
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGTERM)
        try:
            out, err = self.process.communicate(timeout=30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.communicate()
            raise
        assert self.process.returncode == 0, out + err

    def api(self, path):
        return f"{self.url}/api/v1{path}"

    def live(self, **options):
        address = self.api("/live").replace("http", "ws", 1)
        return websockets.connect(address, max_size=None, compression=None, **options)

    def get(self, path, **options):
        return requests.get(self.api(path), timeout=30, **options)

    def resident(self):
        status = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+)", status).group(1)) * 1024

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))

    def connect(self):
        return socket.create_connection(("127.0.0.1", self.port), timeout=30)


@pytest.fixture(scope="module")
def fake_site():
    if not FAKE_SITE.exists():
        pytest.fail(f"no program at {FAKE_SITE}; `make build` makes it")
    return FAKE_SITE


@pytest.fixture(scope="module")
def site(fake_site, tmp_path_factory):
    clip = tmp_path_factory.mktemp("clip") / "clip.mp4"
    clip.write_bytes(CLIP_BYTES)
    with Site("--clip", clip, "--stall-ms", "1500") as running:
        yield running


def watch(cameras="*", **more):
    return json.dumps({"type": "watch", "cameras": cameras, **more})


def picture_of(message):
    length = int.from_bytes(message[:4], "little")
    header = json.loads(message[4:4 + length])
    pixels = cv2.imdecode(np.frombuffer(message[4 + length:], np.uint8), cv2.IMREAD_COLOR)
    assert pixels is not None, header
    return header, pixels


async def until(live, wanted, seconds=60):
    """Messages up to the first for which `wanted(text document or None, bytes or None)` holds."""
    async with asyncio.timeout(seconds):
        async for message in live:
            text = json.loads(message) if isinstance(message, str) else None
            if wanted(text, message if text is None else None):
                return text if text is not None else message
    return None


def is_type(kind):
    return lambda text, _: text is not None and text["type"] == kind


def test_the_socket_says_hello_then_states_alarms_and_clips(site):
    async def run():
        async with site.live() as live:
            hello = json.loads(await live.recv())
            assert hello["type"] == "hello" and hello["version"]
            assert [c["name"] for c in hello["cameras"]] == [f"line-{i}" for i in (1, 2, 3, 4)]
            assert all("secret" not in json.dumps(c) for c in hello["cameras"])
            status = await until(live, is_type("status"))
            assert status["site"]["models"][0]["name"] == "pcb"
            alarm = (await until(live, is_type("alarm")))["alarm"]
            assert not alarm["clip_ready"] and alarm["clip"].endswith("/clip.mp4")
            thumbnail = requests.get(site.url + alarm["thumbnail"], timeout=30)
            pixels = cv2.imdecode(np.frombuffer(thumbnail.content, np.uint8), cv2.IMREAD_COLOR)
            assert pixels.shape == (180, 320, 3)
            await until(live, lambda text, _: text is not None and text["type"] == "clip"
                        and text["id"] == alarm["id"])
            assert requests.get(site.url + alarm["clip"], timeout=30).content == CLIP_BYTES
    asyncio.run(run())


def test_pictures_have_the_width_asked_for_and_boxes_of_the_source(site):
    async def run():
        async with site.live() as live:
            await live.send(watch("*", width=320, fps=30))
            sizes = {"line-1": (1280, 720), "line-2": (640, 480), "line-3": (1920, 1080),
                     "line-4": (800, 600)}
            seen = {}

            def collect(_, message):
                if message is not None:
                    header, pixels = picture_of(message)
                    seen[header["camera"]] = (header, pixels)
                return len(seen) == 4
            await until(live, collect)
            for name, (header, pixels) in seen.items():
                width, height = sizes[name]
                assert (header["width"], header["height"]) == (width, height)
                assert pixels.shape[1] == 320
                assert abs(pixels.shape[0] - 320 * height / width) < 1
                assert pixels.std() > 5, "a board, and not one colour"
                for track in header["tracks"]:
                    x1, y1, x2, y2 = track["box"]
                    assert 0 <= x1 < x2 <= width and 0 <= y1 < y2 <= height
                    assert track["name"] and isinstance(track["id"], int)
            await live.send(watch(["line-2"], width=64, fps=30))
            await until(live, lambda _, m: m is not None and picture_of(m)[1].shape[1] == 64)
            for _ in range(10):
                message = await live.recv()
                if isinstance(message, bytes):
                    assert picture_of(message)[0]["camera"] == "line-2"
    asyncio.run(run())


def test_what_a_client_says_wrong_is_answered_and_the_socket_stays(site):
    async def run():
        async with site.live() as live:
            for wrong, part in (("rubbish", "JSON"), (watch("*", width=7), "width"),
                                (watch("*", colour=1), "unknown key 'colour'")):
                await live.send(wrong)
                error = (await until(live, is_type("error")))["error"]
                assert part in error["message"] and error["code"] in ("corrupt_input",
                                                                      "invalid_argument")
            await live.send(watch(["line-1"]))
            assert await until(live, lambda _, m: m is not None)
    asyncio.run(run())


def test_a_change_of_state_comes_at_once_and_a_new_camera_too(site):
    def change(method, path, body=None):
        answer = requests.request(method, site.api(path), json=body, timeout=30)
        assert answer.ok, answer.text

    def states(text):
        return {c["name"]: c["state"] for c in (text or {}).get("cameras", [])}

    async def run():
        async with site.live() as live:
            await live.recv()
            loop = asyncio.get_running_loop()
            for path, state in (("pause", "paused"), ("resume", "running")):
                await loop.run_in_executor(None, change, "POST", f"/cameras/line-2/{path}")
                await until(live, lambda t, _, s=state: states(t).get("line-2") == s)
            await live.send(watch("*", width=64))
            await loop.run_in_executor(None, change, "POST", "/cameras",
                                       {"name": "extra", "url": "synthetic:pcb"})
            await until(live, lambda _, m: m is not None and picture_of(m)[0]["camera"] == "extra")
            await loop.run_in_executor(None, change, "DELETE", "/cameras/extra")
            await until(live, lambda t, _: bool(states(t)) and "extra" not in states(t))
    asyncio.run(run())


def test_opencv_and_ffmpeg_play_the_stream(site):
    url = site.api("/cameras/line-2/stream.mjpg?width=320&fps=20&boxes=1")
    player = cv2.VideoCapture(url)
    try:
        frames = []
        for _ in range(5):
            there, frame = player.read()
            assert there
            frames.append(frame)
    finally:
        player.release()
    assert all(frame.shape == (240, 320, 3) for frame in frames)
    assert any((frame != frames[0]).any() for frame in frames[1:]), "it moves"
    raw = subprocess.run(["ffmpeg", "-v", "error", "-f", "mpjpeg", "-i", url, "-frames:v", "5",
                          "-f", "rawvideo", "-pix_fmt", "rgb24", "-"],
                         capture_output=True, timeout=60)
    assert raw.returncode == 0, raw.stderr
    assert len(raw.stdout) == 5 * 320 * 240 * 3


def test_boxes_are_drawn_where_they_are_asked_for(site):
    def picture(boxes):
        answer = site.get(f"/cameras/line-1/frame.jpg?width=1280&boxes={boxes}")
        assert answer.status_code == 200 and answer.headers["Content-Type"] == "image/jpeg"
        return cv2.imdecode(np.frombuffer(answer.content, np.uint8), cv2.IMREAD_COLOR)

    # Boards are photographs in muted colours; boxes are pure ones.
    def saturated(pixels):
        return int((cv2.cvtColor(pixels, cv2.COLOR_BGR2HSV)[..., 1:] > 200).all(axis=2).sum())
    assert max(saturated(picture(1)) for _ in range(3)) > min(
        saturated(picture(0)) for _ in range(3)) + 200


def test_a_clip_is_sent_by_ranges(site):
    deadline = time.monotonic() + 60
    while True:
        ready = [a for a in site.get("/alarms").json()["alarms"] if a["clip_ready"]]
        if ready or time.monotonic() > deadline:
            break
        time.sleep(0.2)
    url = site.url + ready[0]["clip"]

    def ask(**headers):
        return requests.get(url, headers=headers, timeout=30)
    whole = ask()
    assert whole.status_code == 200 and whole.content == CLIP_BYTES
    assert whole.headers["Accept-Ranges"] == "bytes"
    part = ask(Range="bytes=1000-1999")
    assert part.status_code == 206 and part.content == CLIP_BYTES[1000:2000]
    assert part.headers["Content-Range"] == f"bytes 1000-1999/{len(CLIP_BYTES)}"
    assert ask(Range="bytes=-5").content == CLIP_BYTES[-5:]
    assert ask(Range=f"bytes={len(CLIP_BYTES)}-").status_code == 416
    assert ask(**{"If-None-Match": whole.headers["ETag"]}).status_code == 304
    assert requests.head(url, timeout=30).headers["Content-Length"] == str(len(CLIP_BYTES))


def test_foreign_pages_get_nothing(site):
    evil = {"Origin": "http://evil.example"}
    assert site.get("/cameras", headers=evil).status_code == 403
    assert site.get("/cameras", headers={"Host": "evil.example"}).status_code == 403
    assert requests.delete(site.api("/cameras/line-1"), headers=evil, timeout=30).status_code == 403
    own = {"Origin": f"http://{site.host}"}
    assert site.get("/cameras", headers=own).status_code == 200

    async def connect(origin):
        async with site.live(origin=origin) as live:
            return json.loads(await live.recv())["type"]
    with pytest.raises(websockets.exceptions.InvalidStatus) as refused:
        asyncio.run(connect("http://evil.example"))
    assert refused.value.response.status_code == 403
    assert asyncio.run(connect(f"http://{site.host}")) == "hello"


def test_keys_open_the_socket_by_parameter_or_header(fake_site, tmp_path):
    keys = tmp_path / "keys"
    keys.write_text(hashlib.sha256(b"sesame").hexdigest() + "\n")
    keys.chmod(0o600)
    with Site("--keys", keys) as site:
        async def connect(query="", **options):
            address = site.api("/live").replace("http", "ws", 1) + query
            async with websockets.connect(address, max_size=None, **options) as live:
                return json.loads(await live.recv())["type"]
        for query, options in (("", {}), ("?key=wrong", {})):
            with pytest.raises(websockets.exceptions.InvalidStatus) as refused:
                asyncio.run(connect(query, **options))
            assert refused.value.response.status_code == 401
        assert asyncio.run(connect("?key=sesame")) == "hello"
        assert asyncio.run(connect(additional_headers={"X-API-Key": "sesame"})) == "hello"
        assert site.get("/cameras").status_code == 401
        assert site.get("/cameras?key=sesame").status_code == 200
        assert requests.post(site.api("/cameras?key=sesame"), timeout=30).status_code == 401


def test_all_of_it_over_tls(fake_site, tmp_path):
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
                    "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1",
                    "-keyout", tmp_path / "key.pem", "-out", tmp_path / "cert.pem"],
                   check=True, capture_output=True, timeout=60)
    with Site("--certificate", tmp_path / "cert.pem", "--key", tmp_path / "key.pem") as site:
        trusted = ssl.create_default_context(cafile=str(tmp_path / "cert.pem"))

        async def run():
            async with site.live(ssl=trusted) as live:
                await live.send(watch(["line-3"], width=1920, fps=30))
                for _ in range(3):
                    message = await until(live, lambda _, m: m is not None)
                    assert picture_of(message)[1].shape == (1080, 1920, 3)
        asyncio.run(run())
        answer = requests.get(site.api("/cameras/line-3/stream.mjpg"), stream=True, timeout=30,
                              verify=str(tmp_path / "cert.pem"))
        assert b"\xff\xd8" in next(answer.iter_content(100_000))
        answer.close()


def shake_hands(client, site):
    client.sendall((f"GET /api/v1/live HTTP/1.1\r\nHost: {site.host}\r\nUpgrade: websocket\r\n"
                    "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n").encode())
    received = b""
    while b"\r\n\r\n" not in received:
        more = client.recv(65536)
        assert more, received
        received += more
    assert b" 101 " in received.split(b"\r\n")[0], received


def masked(opcode, payload):
    head = bytes([0x80 | opcode])
    if len(payload) < 126:
        head += bytes([0x80 | len(payload)])
    else:
        head += bytes([0x80 | 126]) + len(payload).to_bytes(2, "big")
    return head + bytes(4) + payload  # a mask of zeros changes nothing


def test_two_hundred_sockets_that_do_not_read_cost_little_and_are_cut(site):
    before, idle = site.resident(), site.descriptors()
    clients = []
    try:
        for _ in range(200):
            client = site.connect()
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            shake_hands(client, site)
            client.sendall(masked(1, watch("*", width=1920, fps=30).encode()))
            clients.append(client)

        # Meanwhile somebody who reads sees all cameras, and the routes answer.
        async def look():
            async with site.live() as live:
                await live.send(watch("*", width=320, fps=5))
                seen = set()
                await until(live, lambda _, m: m is not None
                            and (seen.add(picture_of(m)[0]["camera"]) or len(seen) == 4))
        asyncio.run(look())
        assert site.get("/cameras").status_code == 200
        assert site.resident() - before < 200 * MIB

        # The server has let go of them, although they have not read a byte.
        deadline = time.monotonic() + 60
        while site.descriptors() > idle + 20 and time.monotonic() < deadline:
            time.sleep(0.1)
        assert site.descriptors() <= idle + 20
    finally:
        for client in clients:
            client.close()
    assert site.get("/cameras").status_code == 200


@pytest.mark.parametrize("attack", [
    pytest.param(b"\x81\xff" + b"\x7f" + b"\xff" * 7 + bytes(4), id="frame of 2^63 bytes"),
    pytest.param(b"\x81\x05hello", id="not masked"),
    pytest.param(b"\x01\x80" + bytes(4) + (b"\x00\xfe\xff\xff" + bytes(4) + b"x" * 65535) * 2,
                 id="64 KiB in fragments"),
    pytest.param(masked(2, b"x"), id="binary"),
    pytest.param(masked(1, b"\xff\xfe"), id="no UTF-8"),
    pytest.param(masked(1, watch().encode()) * 5000, id="flood of wishes"),
    pytest.param(os.urandom(100_000), id="noise"),
])
def test_hostile_sockets_are_closed(site, attack):
    with site.connect() as client:
        shake_hands(client, site)
        sender = threading.Thread(target=lambda: send_quietly(client, attack), daemon=True)
        sender.start()
        client.settimeout(30)
        try:
            while client.recv(65536):
                pass
        except ConnectionError:
            pass
        sender.join(30)
    assert site.get("/cameras").status_code == 200


def send_quietly(client, data):
    try:
        client.sendall(data)
    except OSError:
        pass


def test_a_stop_closes_sockets_and_streams_in_peace(fake_site):
    async def run(site):
        async with site.live() as live:
            await live.recv()
            stream = site.connect()
            stream.sendall(f"GET /api/v1/cameras/line-1/stream.mjpg HTTP/1.1\r\nHost: {site.host}"
                           "\r\n\r\n".encode())
            assert stream.recv(1000).startswith(b"HTTP/1.1 200")
            site.process.send_signal(signal.SIGTERM)
            with pytest.raises(websockets.exceptions.ConnectionClosed) as closed:
                async with asyncio.timeout(30):
                    while True:
                        await live.recv()
            assert closed.value.rcvd.code == 1001
            stream.settimeout(30)
            while stream.recv(65536):
                pass
            stream.close()
    with Site() as site:
        asyncio.run(run(site))
