"""Cameras for tests: real servers on free ports of loopback, and servers that misbehave.

    with RtspServer({"/cam": File("clip.mp4"), "/bars": Pattern(640, 360, gop=50)}) as server:
        server.url("/cam")               rtsp://127.0.0.1:PORT/cam, TCP or UDP as the client asks
        server.pause(); server.resume()  SIGSTOP, SIGCONT: frozen with its connections open
        server.kill()                    SIGKILL: connections reset
        server.restart(mounts=None)      again on the same port, with other mounts if given

    RtspServer   gst-rtsp-server in a process of its own (Debian's Python has its bindings). A mount
                 is a list of clips (or one) that plays for ever at its own speed from when the
                 server starts, like a camera: who connects joins in the middle of a group of
                 pictures, and all see the same. No pixels are touched: H.264 of MP4, MKV or raw
                 files goes out as it is. Clips of one mount may differ in size: the stream then
                 changes its size in the middle. dump(mount) gives its elementary stream as a file.
                 loss=0.02 loses that share of the RTP packets of all mounts, at random.
    MjpegServer  HTTP multipart/x-mixed-replace, a thread of the test: url, pause(), resume(),
                 disconnect(), cut_next(). Counts its viewers in `viewers`.
    GarbageServer, SilentServer   accept; then send random bytes without end, or nothing ever.
    BlackHole    a port whose connections are never answered (a full backlog drops the SYNs).
    StoppingRtspServer(stage)     speaks RTSP up to and with the answer to "OPTIONS", "DESCRIBE",
                 "SETUP" or "PLAY", then says nothing more and sends no RTP.

All have .start() and .stop() and are context managers; .port and .url() or .url("/mount").
"""

import dataclasses
import json
import os
import pathlib
import selectors
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time

SYSTEM_PYTHON = "/usr/bin/python3"  # the one that Debian's python3-gi is for


@dataclasses.dataclass(frozen=True)
class File:
    """H.264 in a container that GStreamer's parsers know, or raw (.h264)."""

    path: str
    seconds: float = 0  # of its beginning; 0: all


@dataclasses.dataclass(frozen=True)
class Pattern:
    """A moving test picture, encoded once when the server starts."""

    width: int = 320
    height: int = 240
    fps: int = 25
    gop: int = 25
    seconds: float = 4
    b_frames: int = 0
    pattern: str = "ball"  # of videotestsrc
    bitrate: int = 2000  # kbit/s


class Server:
    """What all servers here have in common."""

    host = "127.0.0.1"
    port = 0
    scheme = "tcp"

    def url(self, path="/"):
        return f"{self.scheme}://{self.host}:{self.port}{path}"

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.stop()


class RtspServer(Server):
    scheme = "rtsp"

    def __init__(self, mounts, port=0, host="127.0.0.1", loss=0.0):
        self.mounts, self.port, self.host, self.loss = mounts, port, host, loss
        self.process = None
        self.folder = tempfile.TemporaryDirectory(prefix="rtsp_server_")

    def _request(self):
        mounts = {}
        for number, (name, clips) in enumerate(self.mounts.items()):
            clips = clips if isinstance(clips, (list, tuple)) else [clips]
            described = []
            for clip in clips:
                fields = {key: str(value) if isinstance(value, pathlib.Path) else value
                          for key, value in dataclasses.asdict(clip).items()}
                described.append({"kind": type(clip).__name__, **fields})
            mounts[name] = {"clips": described, "dump": f"{self.folder.name}/{number}.h264"}
        return json.dumps({"host": self.host, "port": self.port, "loss": self.loss,
                           "mounts": mounts})

    def start(self, timeout=60):
        command = [SYSTEM_PYTHON, __file__, self._request()]
        self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, text=True,
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        with selectors.DefaultSelector() as selector:
            selector.register(self.process.stdout, selectors.EVENT_READ)
            ready = selector.select(timeout)
        line = self.process.stdout.readline() if ready else ""
        if not line.startswith("port "):
            self.process.kill()
            raise RuntimeError(f"the RTSP server does not start (scripts/setup installs what it "
                               f"needs): {self.process.communicate()[1][-2000:]}")
        self.port = int(line.split()[1])
        # Read on, or a chatty server would stop at a full pipe.
        for pipe in (self.process.stdout, self.process.stderr):
            threading.Thread(target=pipe.read, daemon=True).start()
        return self

    def dump(self, mount):
        """The file with the elementary stream of a mount: the truth for what clients decode."""
        return f"{self.folder.name}/{list(self.mounts).index(mount)}.h264"

    def pause(self):
        self.process.send_signal(signal.SIGSTOP)

    def resume(self):
        self.process.send_signal(signal.SIGCONT)

    def kill(self):
        self.process.kill()
        self.process.wait(10)

    def restart(self, mounts=None):
        if self.process.poll() is None:
            self.kill()
        self.mounts = mounts or self.mounts
        return self.start()

    def stop(self):
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(signal.SIGCONT)
            self.kill()
        self.folder.cleanup()


class SocketServer(Server):
    """Accepts, and hands each connection to `serve` on a thread of its own."""

    def __init__(self, port=0):
        self.wanted_port = port

    def start(self):
        self.listener = socket.create_server((self.host, self.wanted_port), backlog=64)
        self.port = self.listener.getsockname()[1]
        self.stopping = threading.Event()
        self.connections = []
        self.threads = [threading.Thread(target=self._accept, daemon=True)]
        self.threads[0].start()
        return self

    def _accept(self):
        while not self.stopping.is_set():
            try:
                connection, _ = self.listener.accept()
            except OSError:
                return
            self.connections.append(connection)
            thread = threading.Thread(target=self._serve, args=(connection,), daemon=True)
            self.threads.append(thread)
            thread.start()

    def _serve(self, connection):
        try:
            self.serve(connection)
        except OSError:
            pass
        finally:
            connection.close()

    def serve(self, connection):
        self.stopping.wait()

    def disconnect(self):
        """Ends all connections there are; new ones are taken."""
        for connection in self.connections:
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
        self.connections.clear()

    def stop(self):
        self.stopping.set()
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self.disconnect()
        for thread in self.threads:
            thread.join(10)


class SilentServer(SocketServer):
    """Says nothing, ever."""


class GarbageServer(SocketServer):
    """Random bytes without end; with `greeting`, behind these bytes."""

    def __init__(self, port=0, greeting=b""):
        super().__init__(port)
        self.greeting = greeting

    def serve(self, connection):
        connection.sendall(self.greeting)
        while not self.stopping.is_set():
            connection.sendall(os.urandom(4096))


class BlackHole(Server):
    """Nobody answers here, not even the kernel, once the backlog is full."""

    def start(self):
        self.listener = socket.socket()
        self.listener.bind((self.host, 0))
        self.listener.listen(0)
        self.port = self.listener.getsockname()[1]
        self.filling = []
        for _ in range(8):
            filling = socket.socket()
            filling.setblocking(False)
            filling.connect_ex((self.host, self.port))
            self.filling.append(filling)
        time.sleep(0.2)
        return self

    def stop(self):
        for one in [*self.filling, self.listener]:
            one.close()


class MjpegServer(SocketServer):
    scheme = "http"

    def __init__(self, jpegs, fps=10, port=0, lengths=True):
        """`jpegs`: whole files, shown in turn. `lengths`: parts carry Content-Length."""
        super().__init__(port)
        self.jpegs, self.fps, self.lengths = list(jpegs), fps, lengths
        self.running = threading.Event()
        self.running.set()
        self.viewers = 0
        self.cut = False

    def pause(self):
        """Sends no more pictures; keeps the connections."""
        self.running.clear()

    def resume(self):
        self.running.set()

    def cut_next(self):
        """The next part ends in the middle of its picture (its length says so)."""
        self.cut = True

    def serve(self, connection):
        connection.recv(65536)
        self.viewers += 1
        connection.sendall(b"HTTP/1.0 200 OK\r\nServer: camera\r\nCache-Control: no-cache\r\n"
                           b"Content-Type: multipart/x-mixed-replace;boundary=frame\r\n\r\n")
        number, due = 0, time.monotonic()
        while not self.stopping.is_set():
            if not self.running.wait(0.1):
                due = time.monotonic()
                continue
            jpeg = self.jpegs[number % len(self.jpegs)]
            if self.cut:
                self.cut = False
                jpeg = jpeg[:len(jpeg) // 2]
            length = f"Content-Length: {len(jpeg)}\r\n" if self.lengths else ""
            head = f"--frame\r\nContent-Type: image/jpeg\r\n{length}\r\n"
            connection.sendall(head.encode() + jpeg + b"\r\n")
            number += 1
            due += 1 / self.fps
            self.stopping.wait(max(0, due - time.monotonic()))

    def stop(self):
        self.running.set()
        super().stop()


class StoppingRtspServer(SocketServer):
    scheme = "rtsp"
    STAGES = ("OPTIONS", "DESCRIBE", "SETUP", "PLAY")

    def __init__(self, stage, port=0):
        super().__init__(port)
        self.last = self.STAGES.index(stage)

    def serve(self, connection):
        sdp = ("v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=cam\r\nt=0 0\r\nm=video 0 RTP/AVP 96\r\n"
               "c=IN IP4 127.0.0.1\r\na=rtpmap:96 H264/90000\r\na=fmtp:96 packetization-mode=1\r\n"
               "a=control:track1\r\n")
        stream = connection.makefile("rb")
        while True:
            request = stream.readline().decode().split()
            headers = {}
            while (line := stream.readline().decode().strip()):
                key, _, value = line.partition(":")
                headers[key.lower()] = value.strip()
            if not request:
                return
            if request[0] in self.STAGES and self.STAGES.index(request[0]) > self.last:
                self.stopping.wait()
                return
            lines = ["RTSP/1.0 200 OK", f"CSeq: {headers.get('cseq', '0')}"]
            body = ""
            if request[0] == "OPTIONS":
                lines.append("Public: OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN")
            elif request[0] == "DESCRIBE":
                body = sdp
                lines += ["Content-Type: application/sdp", f"Content-Length: {len(body)}"]
            elif request[0] == "SETUP":
                transport = headers["transport"]
                if "TCP" not in transport:
                    transport += ";server_port=50000-50001"
                lines += ["Session: 1", f"Transport: {transport}"]
            elif request[0] == "PLAY":
                lines.append("Session: 1")
            connection.sendall(("\r\n".join(lines) + "\r\n\r\n" + body).encode())
            if request[0] == "TEARDOWN":
                return


# What follows runs in the server's process, with Debian's Python.

def read_clip(gst, clip):
    """Access units in order of decoding: (bytes, dts, pts, is_key, duration), ns from 0."""
    parse = ("h264parse config-interval=-1 ! "
             "video/x-h264,stream-format=byte-stream,alignment=au ! appsink name=out sync=false")
    if clip["kind"] == "Pattern":
        frames = int(clip["fps"] * clip["seconds"])
        head = (f"videotestsrc pattern={clip['pattern']} num-buffers={frames} ! "
                f"video/x-raw,width={clip['width']},height={clip['height']},"
                f"framerate={clip['fps']}/1,format=I420 ! x264enc speed-preset=superfast threads=1"
                f" key-int-max={clip['gop']} bframes={clip['b_frames']} bitrate={clip['bitrate']}"
                f" option-string=scenecut=0 !")
    elif clip["path"].endswith((".h264", ".264")):
        head = "filesrc name=file !"
    else:
        head = "filesrc name=file ! parsebin !"
    pipeline = gst.parse_launch(f"{head} {parse}")
    if clip["kind"] == "File":
        pipeline.get_by_name("file").set_property("location", clip["path"])
    pipeline.set_state(gst.State.PLAYING)
    sink = pipeline.get_by_name("out")
    units = []
    while (sample := sink.emit("pull-sample")) is not None:
        buffer = sample.get_buffer()
        key = not buffer.has_flags(gst.BufferFlags.DELTA_UNIT)
        data = buffer.extract_dup(0, buffer.get_size())
        rate = sample.get_caps().get_structure(0).get_fraction("framerate")
        period = 40_000_000
        if rate[0] and rate.value_numerator > 0:
            period = gst.SECOND * rate.value_denominator // rate.value_numerator
        dts = buffer.dts if buffer.dts != gst.CLOCK_TIME_NONE else len(units) * period
        pts = buffer.pts if buffer.pts != gst.CLOCK_TIME_NONE else dts
        units.append((data, dts, pts, key, period))
    pipeline.set_state(gst.State.NULL)
    if not units:
        raise RuntimeError(f"no H.264 in {clip}")
    first = units[0][1]
    limit = clip.get("seconds", 0) if clip["kind"] == "File" else 0
    kept = [(data, dts - first, pts - first, key, period) for data, dts, pts, key, period in units
            if not limit or dts - first < limit * gst.SECOND]
    return kept


class Station:
    """One mount: plays its access units for ever from when the server started."""

    def __init__(self, gst, mount):
        self.gst, self.units, self.length = gst, [], 0
        for clip in mount["clips"]:
            units = read_clip(gst, clip)
            self.units += [(data, dts + self.length, pts + self.length)
                           for data, dts, pts, _, _ in units]
            self.length += units[-1][1] + units[-1][4]
        with open(mount["dump"], "wb") as file:
            for data, _, _ in self.units:
                file.write(data)
        self.started = time.monotonic_ns()

    def play(self, source, stopped):
        """Pushes from now on, in the middle of wherever the station is."""
        gst = self.gst
        now = time.monotonic_ns() - self.started
        index = sum(1 for unit in self.units if unit[1] < now % self.length)
        round_ = now // self.length
        zero = None  # running time of the pipeline at the station's time 0
        while not stopped.is_set():
            if index == len(self.units):
                index, round_ = 0, round_ + 1
            data, dts, pts = self.units[index]
            due = self.started + round_ * self.length + dts
            if stopped.wait(max(0, due - time.monotonic_ns()) / 1e9):
                return
            clock = source.get_clock()
            if clock is None:
                continue
            if zero is None:
                zero = clock.get_time() - source.get_base_time() - (due - self.started)
            buffer = gst.Buffer.new_wrapped(data)
            buffer.pts = max(0, zero + round_ * self.length + pts)
            buffer.dts = max(0, zero + round_ * self.length + dts)
            if source.emit("push-buffer", buffer) != gst.FlowReturn.OK:
                return
            index += 1


def serve(request):
    import gi
    gi.require_version("Gst", "1.0")
    gi.require_version("GstRtspServer", "1.0")
    from gi.repository import GLib, Gst, GstRtspServer
    Gst.init(None)
    server = GstRtspServer.RTSPServer()
    server.set_address(request["host"])
    server.set_service(str(request["port"]))

    def configure(_factory, media, station):
        source = media.get_element().get_by_name_recurse_up("src")
        stopped = threading.Event()
        media.connect("unprepared", lambda _media: stopped.set())
        threading.Thread(target=station.play, args=(source, stopped), daemon=True).start()

    for name, mount in request["mounts"].items():
        factory = GstRtspServer.RTSPMediaFactory()
        factory.set_launch("( appsrc name=src is-live=true format=time max-bytes=0 "
                           "caps=video/x-h264,stream-format=byte-stream,alignment=au ! "
                           "rtph264pay pt=96 config-interval=0 ! "
                           f"identity name=pay0 drop-probability={request['loss']} )")
        factory.set_shared(True)
        factory.connect("media-configure", configure, Station(Gst, mount))
        server.get_mount_points().add_factory(name, factory)
    if server.attach(None) == 0:
        sys.exit(f"cannot listen at {request['host']}:{request['port']}")
    GLib.timeout_add_seconds(2, lambda: (server.get_session_pool().cleanup(), True)[1])
    print("port", server.get_bound_port(), flush=True)
    GLib.MainLoop().run()


if __name__ == "__main__":
    serve(json.loads(sys.argv[1]))
