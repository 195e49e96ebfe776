"""Real receivers of messages on free ports of 127.0.0.1, which a test stops, hangs and starts
again: mosquitto, nats-server, an HTTP server; and the sender that is tested, tools/send_alarms."""

import asyncio
import contextlib
import http.server
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import threading
import time

import nats
import paho.mqtt.client as mqtt
import pytest
from program import BUILD

PATIENCE = 60  # seconds; only a defect waits so long


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def wait_until(true, what):
    deadline = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < deadline, f"waited {PATIENCE} s for {what}"
        time.sleep(0.01)


def program_named(name):
    """Daemons lie in sbin, which is not in everybody's path."""
    found = shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/local/sbin")
    if found is None:
        pytest.fail(f"{name} is not installed; scripts/setup installs it")
    return found


class Daemon:
    """A server of one port that keeps its data in a folder, whichever process serves it."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.port = free_port()
        self.process = None

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        if self.process is not None:
            self.process.kill()
            self.process.wait()

    def start(self):
        log = open(self.folder / "log", "ab")
        self.process = subprocess.Popen(self.command(), cwd=self.folder, stdout=log, stderr=log,
                                        stdin=subprocess.DEVNULL)
        log.close()
        wait_until(self.answers, f"{self.command()[0]} to listen")

    def answers(self):
        assert self.process.poll() is None, (self.folder / "log").read_text()
        with socket.socket() as one:
            return one.connect_ex(("127.0.0.1", self.port)) == 0

    def stop(self, how=signal.SIGTERM):
        self.process.send_signal(how)
        self.process.wait(PATIENCE)
        self.process = None


class Mosquitto(Daemon):
    """With sessions that outlast a SIGTERM. `lines` are more of its configuration."""

    def __init__(self, folder, lines=("allow_anonymous true",)):
        super().__init__(folder)
        user = "user root\n" if os.geteuid() == 0 else ""
        (self.folder / "conf").write_text(
            f"{user}listener {self.port} 127.0.0.1\npersistence true\n"
            f"persistence_location {self.folder}/\n" + "\n".join(lines) + "\n")

    def command(self):
        return [program_named("mosquitto"), "-c", str(self.folder / "conf")]


class NatsServer(Daemon):
    def __init__(self, folder, *arguments, jetstream=True):
        super().__init__(folder)
        self.arguments = list(arguments)
        if jetstream:
            self.arguments += ["--jetstream", "--store_dir", str(self.folder / "store")]

    def command(self):
        return [program_named("nats-server"), "--addr", "127.0.0.1", "--port", str(self.port),
                *self.arguments]


class MqttListener:
    """An independent client with a session of its own, that comes back when the broker does."""

    def __init__(self, port, topic, **options):
        self.messages = []
        self.subscribed = threading.Event()
        self.topic = topic
        client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2, client_id=f"listener-{port}",
                             clean_session=False)
        if "user" in options:
            client.username_pw_set(options["user"], options["password"])
        if "ca" in options:
            client.tls_set(options["ca"])
        client.on_connect = lambda client, *_: client.subscribe(topic, qos=1)
        client.on_subscribe = lambda *_: self.subscribed.set()
        client.on_message = lambda _client, _data, message: self.messages.append(
            (message.topic, message.payload, message.retain))
        client.reconnect_delay_set(0.05, 0.2)
        client.connect("127.0.0.1", port)
        self.client = client

    def __enter__(self):
        self.client.loop_start()
        assert self.subscribed.wait(PATIENCE)
        return self

    def __exit__(self, *_):
        self.client.disconnect()
        self.client.loop_stop()

    def payloads(self, topic):
        return [payload for name, payload, _ in list(self.messages) if name == topic]

    def objects(self, topic):
        return [json.loads(payload) for payload in self.payloads(topic)]


def ask_nats(port, question, **options):
    """Runs `question(connection)` on a fresh connection."""
    async def run():
        connection = await nats.connect(f"nats://127.0.0.1:{port}", **options)
        try:
            return await question(connection)
        finally:
            await connection.close()
    return asyncio.run(asyncio.wait_for(run(), PATIENCE))


class HttpReceiver:
    """Answers POSTs as the test says, and remembers them."""

    def __init__(self):
        self.port = free_port()
        self.requests = []
        self.answer = lambda request: (204, {})
        self.server = None
        self.connections = set()

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        if self.server is not None:
            self.stop()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}/alarms"

    def start(self):
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def setup(self):
                super().setup()
                receiver.connections.add(self.connection)

            def finish(self):
                receiver.connections.discard(self.connection)
                super().finish()

            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                request = (self.path, dict(self.headers), body)
                receiver.requests.append(request)
                status, headers = receiver.answer(request)
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                if status != 204:
                    self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        self.server.daemon_threads = True
        self.server.handle_error = lambda *_: None  # connections that the test cut
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.02,), daemon=True)
        self.thread.start()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join(PATIENCE)
        self.server = None
        for connection in list(self.connections):  # those that were kept alive end as well
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        wait_until(lambda: not self.connections, "connections to end")

    def objects(self):
        return [json.loads(body) for _, _, body in list(self.requests)]


class Sender:
    """tools/send_alarms while it runs; `accepted` are the ids it had on disk."""

    def __init__(self, *arguments, env=None):
        command = [str(BUILD / "send_alarms"), *map(str, arguments)]
        self.process = subprocess.Popen(command, text=True, stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, env=env)
        self.accepted, self.summary, self.errors = [], {}, []
        self.readers = [threading.Thread(target=read, daemon=True)
                        for read in (self._read_output, self._read_errors)]
        for reader in self.readers:
            reader.start()

    def _read_output(self):
        for line in self.process.stdout:
            first, _, rest = line.strip().partition(" ")
            if first == "accepted":
                self.accepted.append(rest)
            else:
                self.summary[first.rstrip(":")] = rest

    def _read_errors(self):
        self.errors.extend(self.process.stderr)

    def kill(self):
        """As a power cut; what it had said until then is in `accepted`."""
        self.process.kill()
        self._join()

    def wait(self):
        try:
            self.process.wait(2 * PATIENCE)
        except subprocess.TimeoutExpired:
            self.kill()
            pytest.fail("the sender did not end: " + "".join(self.errors))
        self._join()
        assert self.process.returncode == 0, "".join(self.errors)
        return self

    def _join(self):
        self.process.wait(PATIENCE)
        for reader in self.readers:
            reader.join(PATIENCE)


def alarm_ids(first, last):
    return [f"1795248000000-line-1-{number}" for number in range(first, last + 1)]


def first_arrivals(ids):
    """The ids in the order in which they arrived for the first time."""
    return list(dict.fromkeys(ids))
