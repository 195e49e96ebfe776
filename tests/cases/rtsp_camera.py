"""A small RTSP camera whose clock, codec, contents and login can be wrong in known ways.

    units = access_units(film("h264", folder))
    with RtspCamera(units, stamp=lambda k: k / 25 * 0.84) as camera:   camera.url("/1")

Every connection gets its own stream from its first unit on, as one RTP packet a NAL unit within the
connection (TCP only). What misbehaves is given as functions of the number of the frame.
"""

import base64
import hashlib
import pathlib
import re
import struct
import time

from program import run_tool
from rtsp_server import SocketServer

CLOCK = 90_000  # of RTP, a second


def film(codec, folder, seconds=4, fps=25, size="320x240", gop=50):
    """A raw film of a moving test picture: "h264" or "hevc"."""
    path = pathlib.Path(folder) / f"film.{codec}"
    if not path.exists():
        encoder = {"h264": ["libx264", "-x264-params", "scenecut=0"],
                   "hevc": ["libx265", "-x265-params", "log-level=none"]}[codec]
        run_tool(["ffmpeg", "-v", "error", "-y", "-f", "lavfi", "-i",
                  f"testsrc2=size={size}:rate={fps}", "-t", seconds, "-pix_fmt", "yuv420p",
                  "-c:v", *encoder, "-preset", "ultrafast", "-bf", 0, "-g", gop, "-f", codec, path])
    return path


def nal_type(nal, codec):
    return nal[0] & 31 if codec == "h264" else nal[0] >> 1 & 63


def access_units(path):
    """Lists of NAL units, one a frame."""
    codec = pathlib.Path(path).suffix[1:]
    nals = [nal for nal in re.split(b"\0\0\0?\1", pathlib.Path(path).read_bytes()) if nal]
    units, seen_picture = [[]], False
    for nal in nals:
        kind = nal_type(nal, codec)
        picture = kind in (1, 5) if codec == "h264" else kind < 32
        first = picture and nal[1 if codec == "h264" else 2] & 0x80
        if seen_picture and (first or not picture):
            units.append([])
            seen_picture = False
        units[-1].append(nal)
        seen_picture = seen_picture or picture
    return units


class Login:
    """method: "basic", "digest" (MD5) or "digest-sha256". `tries`: whether each was right."""

    REALM, NONCE = "IP Camera", "dcd98b7102dd2f0e8b11d0f600bfb0c0"

    def __init__(self, method, user, password):
        self.method, self.user, self.password, self.tries = method, user, password, []

    def challenge(self):
        if self.method == "basic":
            return f'Basic realm="{self.REALM}"'
        algorithm = ', algorithm=SHA-256' if self.method == "digest-sha256" else ""
        return f'Digest realm="{self.REALM}", nonce="{self.NONCE}", qop="auth"{algorithm}'

    def allows(self, method, header):
        """`header`: of Authorization, or "". Without one nothing was tried."""
        if not header:
            return False
        self.tries.append(self._is_right(method, header))
        return self.tries[-1]

    def _is_right(self, method, header):
        kind, _, rest = header.partition(" ")
        if self.method == "basic":
            expected = f"{self.user}:{self.password}".encode()
            return kind.lower() == "basic" and base64.b64decode(rest) == expected
        given = {key: quoted or plain
                 for key, quoted, plain in re.findall(r'(\w+)=(?:"([^"]*)"|([^\s,]+))', rest)}
        digest = hashlib.sha256 if self.method == "digest-sha256" else hashlib.md5

        def hashed(*parts):
            return digest(":".join(parts).encode()).hexdigest()

        whose = hashed(self.user, self.REALM, self.password)
        what = hashed(method, given.get("uri", ""))
        middle = [given[key] for key in ("nc", "cnonce", "qop")] if "qop" in given else []
        return given.get("response") == hashed(whose, self.NONCE, *middle, what)


class RtspCamera(SocketServer):
    scheme = "rtsp"

    def __init__(self, units, stamp=None, fps=25, change=None, login=None, port=0):
        """`stamp(k)`: seconds on the camera's clock; `change(k, unit)`: the NAL units to send."""
        super().__init__(port)
        self.units, self.fps, self.login = units, fps, login
        self.stamp = stamp or (lambda k: k / fps)
        self.change = change or (lambda k, unit: unit)
        self.players = 0

    def description(self):
        sets = [base64.b64encode(nal).decode() for nal in self.units[0] if nal[0] & 31 in (7, 8)]
        return ("v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=cam\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\n"
                "m=video 0 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\na=fmtp:96 packetization-mode=1;"
                f"sprop-parameter-sets={','.join(sets)}\r\na=control:track1\r\n")

    def serve(self, connection):
        stream = connection.makefile("rb")
        while line := stream.readline():
            if line.startswith(b"$") or not line.strip():
                continue  # reports of the receiver
            words = line.decode("latin1").split()
            headers = {}
            while text := stream.readline().decode("latin1").strip():
                key, _, value = text.partition(":")
                headers[key.lower()] = value.strip()
            method = words[0]
            status, extra, body = self.answer(method, headers)
            lines = [f"RTSP/1.0 {status}", f"CSeq: {headers.get('cseq', 0)}", *extra]
            if body:
                lines += ["Content-Type: application/sdp", f"Content-Length: {len(body)}"]
            connection.sendall(("\r\n".join(lines) + "\r\n\r\n" + body).encode())
            if status.startswith("200") and method == "PLAY":
                self.players += 1
                self.play(connection)
                return

    def answer(self, method, headers):
        """(status, more header lines, body)"""
        if method == "OPTIONS":
            return "200 OK", ["Public: OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN"], ""
        if self.login and not self.login.allows(method, headers.get("authorization", "")):
            return "401 Unauthorized", [f"WWW-Authenticate: {self.login.challenge()}"], ""
        if method == "DESCRIBE":
            return "200 OK", [], self.description()
        if method == "SETUP" and "TCP" not in headers.get("transport", ""):
            return "461 Unsupported Transport", [], ""
        if method == "SETUP":
            return "200 OK", ["Session: 1", f"Transport: {headers['transport']}"], ""
        return "200 OK", ["Session: 1"], ""

    def play(self, connection):
        number, begun, k = 0, time.monotonic(), 0
        while not self.stopping.wait(max(0, begun + k / self.fps - time.monotonic())):
            unit = self.change(k, self.units[k % len(self.units)])
            stamp = round(self.stamp(k) * CLOCK) & 0xffffffff
            for i, nal in enumerate(unit):
                last = 0x80 if i == len(unit) - 1 else 0
                packet = struct.pack(">BBHII", 0x80, 96 | last, number & 0xffff, stamp, 7) + nal
                connection.sendall(struct.pack(">cBH", b"$", 0, len(packet)) + packet)
                number += 1
            k += 1
