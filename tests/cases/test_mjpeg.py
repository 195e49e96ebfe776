"""Pictures over HTTP as cameras send them: motion JPEG in its dialects, and single pictures.

One site watches all of them at once, so that the waiting is shared.
"""

import contextlib
import io
import time

from PIL import Image
import pytest
from rtsp_camera import Login
from rtsp_server import SocketServer
from running_site import RunningSite
import toy
from toy import QUICK

MIXED = "multipart/x-mixed-replace"


def jpeg():
    file = io.BytesIO()
    Image.fromarray(toy.picture()).save(file, "JPEG", quality=95, subsampling=0)
    return file.getvalue()


class Dialect:
    """How one path answers. `part`: what stands before a picture, `line`: how lines end."""

    def __init__(self, content_type, boundary=None, part_type="image/jpeg", line="\r\n", off=0,
                 length=True, chunked=False, version="1.1", login=None):
        self.content_type, self.boundary, self.part_type = content_type, boundary, part_type
        self.line, self.off, self.length = line, off, length
        self.chunked, self.version, self.login = chunked, version, login

    def head(self, more=""):
        kind = f"Content-Type: {self.content_type}\r\n" if self.content_type else ""
        chunked = "Transfer-Encoding: chunked\r\n" if self.chunked else ""
        return f"HTTP/{self.version} 200 OK\r\n{kind}{chunked}{more}\r\n".encode()

    def picture(self, picture):
        if self.boundary is not None:
            lines = [self.boundary]
            if self.part_type:
                lines.append(f"Content-Type: {self.part_type}")
            if self.length:
                lines.append(f"Content-Length: {len(picture) + self.off}")
            picture = (self.line.join([*lines, "", ""])).encode() + picture + self.line.encode()
        return b"%x\r\n%s\r\n" % (len(picture), picture) if self.chunked else picture


STREAMS = {
    "usual": Dialect(f"{MIXED};boundary=frame", "--frame"),
    "quoted": Dialect(f'{MIXED}; boundary="frame"', "--frame"),
    "dashes": Dialect(f"{MIXED};boundary=--frame", "--frame"),
    "more-dashes": Dialect(f"{MIXED};boundary=--frame", "----frame"),
    "no-boundary": Dialect(MIXED, "--frame"),
    "other-boundary": Dialect(f"{MIXED};boundary=frame", "--other"),
    "twice": Dialect(f"{MIXED};boundary=frame", "--frame\r\n--frame"),
    "no-length": Dialect(f"{MIXED};boundary=frame", "--frame", length=False),
    "line-feeds": Dialect(f"{MIXED};boundary=frame", "--frame", line="\n"),
    "line-feeds-only": Dialect(f"{MIXED};boundary=frame", "--frame", line="\n", length=False),
    "chunked": Dialect(f"{MIXED};boundary=frame", "--frame", chunked=True),
    "image-jpg": Dialect(f"{MIXED};boundary=frame", "--frame", part_type="image/jpg"),
    "no-type": Dialect(f"{MIXED};boundary=frame", "--frame", part_type=""),
    "too-long": Dialect(f"{MIXED};boundary=frame", "--frame", off=3),
    "too-short": Dialect(f"{MIXED};boundary=frame", "--frame", off=-3),
    "http-1.0": Dialect(f"{MIXED};boundary=frame", "--frame", version="1.0"),
    "mixed": Dialect("multipart/mixed;boundary=frame", "--frame"),
    "motion-jpeg": Dialect("video/x-motion-jpeg"),
    "octets": Dialect("application/octet-stream"),
    "untyped": Dialect(""),
    "endless-image": Dialect("image/jpeg"),
    "basic": Dialect(f"{MIXED};boundary=frame", "--frame", login=Login("basic", "ad min", "p@/#1")),
    "digest": Dialect(f"{MIXED};boundary=frame", "--frame", login=Login("digest", "u", "se cret")),
    "sha-256": Dialect(f"{MIXED};boundary=frame", "--frame",
                       login=Login("digest-sha256", "u", "secret")),
    "refused": Dialect(f"{MIXED};boundary=frame", "--frame", login=Login("digest", "u", "secret")),
}
LOGINS = {"basic": "ad%20min:p@/#1@", "digest": "u:se%20cret@", "sha-256": "u:secret@",
          "refused": "u:nope@"}


class HttpCamera(SocketServer):
    scheme = "http"

    def __init__(self, fps=5):
        super().__init__()
        self.fps, self.picture = fps, jpeg()
        self.connections_of, self.requests_of = {}, {}
        self.broken = False  # snapshots fail

    def serve(self, connection):
        stream = connection.makefile("rb")
        first = True
        while line := stream.readline():
            method, path, _ = line.decode("latin1").split()
            headers = {}
            while text := stream.readline().decode("latin1").strip():
                key, _, value = text.partition(":")
                headers[key.lower()] = value.strip()
            name = path.strip("/")
            self.requests_of[name] = self.requests_of.get(name, 0) + 1
            self.connections_of[name] = self.connections_of.get(name, 0) + first
            first = False
            if not self.answer(connection, method, name, headers):
                return

    def answer(self, connection, method, name, headers):
        """True: the connection stays for the next request."""
        if name == "moved":
            connection.sendall(b"HTTP/1.1 302 Found\r\nLocation: /usual\r\n"
                               b"Content-Length: 0\r\n\r\n")
            return True
        if name.startswith("snapshot"):
            status = "503 Busy" if self.broken else "200 OK"
            connection.sendall(f"HTTP/1.1 {status}\r\nContent-Type: image/jpeg\r\n"
                               f"Content-Length: {len(self.picture)}\r\n\r\n".encode() +
                               self.picture)
            return True
        dialect = STREAMS[name]
        if dialect.login and not dialect.login.allows(method, headers.get("authorization", "")):
            connection.sendall("HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n"
                               f"WWW-Authenticate: {dialect.login.challenge()}\r\n\r\n".encode())
            return True
        connection.sendall(dialect.head())
        due = time.monotonic()
        while not self.stopping.wait(max(0, due - time.monotonic())):
            connection.sendall(dialect.picture(self.picture))
            due += 1 / self.fps
        return False


@pytest.fixture(scope="module")
def seen(tmp_path_factory, toys):
    """Once every stream has given some frames: (connections, requests), STATUS, lines, the log;
    then STATUS of an address that fails, and of a camera while its model is away and after."""
    folder = tmp_path_factory.mktemp("mjpeg")
    with HttpCamera() as camera, contextlib.ExitStack() as stack:
        names = [*STREAMS, "moved", "snapshot", "snapshot-slow"]
        entries = [{"name": name, "retry_max_ms": 2000, "fps_max": 2,
                    "url": camera.url(f"/{name}").replace("//", f"//{LOGINS.get(name, '')}")}
                   for name in names]
        del entries[-1]["fps_max"]
        site = stack.enter_context(RunningSite(
            folder / "site", entries, arguments=QUICK,
            model={"path": toys / "toy640.onnx", "shapes": []}))
        playing = [name for name in names if name != "refused"]
        site.wait_until(lambda: all(site.status(name)["analysed"] >= 5 for name in playing),
                        "five frames of each")
        status, lines, log = site.cameras(), {n: site.lines_of(n) for n in names}, site.log
        connections, requests = dict(camera.connections_of), dict(camera.requests_of)
        camera.broken = True
        broken = site.wait_for_state("snapshot", "waiting")
        # Beside the model there is one of its boxes, with a longer name.
        model = min((one["name"] for one in site.change("POST", "/v2/repository/index", {})
                     if one["state"] == "READY"), key=len)
        site.change("POST", f"/v2/repository/models/{model}/unload", {})
        away = site.wait_for_state("usual", "waiting")
        site.change("POST", f"/v2/repository/models/{model}/load", {})
        back = site.wait_for_state("usual", "running")
        yield (connections, requests), status, lines, log, (broken, away, back)


@pytest.mark.parametrize("name", [*(name for name in STREAMS if name != "refused"), "moved"])
def test_every_dialect_of_motion_jpeg_plays(seen, name):
    _, status, lines, _, _ = seen
    assert status[name]["state"] == "running" and status[name]["connects"] == 1, status[name]
    assert status[name]["dropped"]["damaged"] == 0
    assert {d["name"] for d in lines[name][-1]["detections"]} == {"red", "green", "blue"}


@pytest.mark.parametrize("name", ["snapshot", "snapshot-slow"])
def test_an_address_of_one_picture_is_asked_again_and_tracked(seen, name):
    (connections, requests), status, lines, log, _ = seen
    assert status[name]["state"] == "running" and status[name]["connects"] == 1, status[name]
    assert connections[name] == 1 and requests[name] >= 5
    ids = {d["name"]: {o["track_id"] for line in lines[name][3:] for o in line["detections"]
                       if o["name"] == d["name"]} for d in lines[name][-1]["detections"]}
    assert set(ids) == {"red", "green", "blue"} and all(len(each) == 1 for each in ids.values())
    assert f"{name}: the stream ended" not in log


def test_a_picture_that_is_refused_is_asked_for_with_pauses(seen):
    broken, _, _ = seen[-1]
    assert "the server answers 503" in broken["error"] and broken["retry_at"]


def test_a_camera_whose_model_is_away_waits_for_it_and_says_so(seen):
    _, away, back = seen[-1]
    assert "the model is not loaded" in away["error"] and away["attempts"] == 0
    assert back["error"] is None and back["connects"] == away["connects"] == 1


def test_a_wrong_password_over_http_is_tried_once(seen):
    _, status, _, _, _ = seen
    assert "refuses this user or password (401)" in status["refused"]["error"]
    assert STREAMS["refused"].login.tries == [False]
