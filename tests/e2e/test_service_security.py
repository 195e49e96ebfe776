"""Goal: nothing that a client sends, withholds or breaks off harms the service or others."""

import concurrent.futures
import hashlib
import http.client
import json
import os
import pathlib
import re
import signal
import socket
import ssl
import struct
import subprocess
import sys
import threading
import time
import zlib

import pytest
from made_pictures import encoded, scene, with_png_size
from program import ROOT
from rest_client import Serving, at_once

MIB = 1 << 20


@pytest.fixture(scope="module")
def door(shoal_bin):
    with Serving("--imgsz", "320", "--service.stall_timeout_ms", "1000",
                 "--service.header_timeout_ms", "1000") as serving:
        yield serving


@pytest.fixture(scope="module")
def picture():
    return encoded(scene(320, 240), "JPEG")


def resident(service):
    status = pathlib.Path(f"/proc/{service.process.pid}/status").read_text()
    return int(re.search(r"VmRSS:\s+(\d+)", status).group(1)) * 1024


def connect(service, timeout=30):
    return socket.create_connection((service.host, service.port), timeout=timeout)


def head(length, path="/v1/detect", fields=""):
    return (f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: image/jpeg\r\n"
            f"Content-Length: {length}\r\n{fields}\r\n").encode()


def status_of(client):
    """The status of the answer that comes, or None where the connection ends without one."""
    received = b""
    try:
        while b"\r\n" not in received:
            more = client.recv(65536)
            if not more:
                return None
            received += more
    except ConnectionError:
        return None
    return int(received.split()[1])


def reason(answer):
    """KServe's errors are text, those of the plain door have a code beside it."""
    error = answer.json["error"]
    return error if isinstance(error, str) else error["message"]


def png_chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png_of_zeros(side):
    """A whole PNG [side, side, 3] of black, which compresses a thousandfold."""
    squeeze = zlib.compressobj(9)
    row = bytes(1 + 3 * side)
    data = b"".join(squeeze.compress(row) for _ in range(side)) + squeeze.flush()
    return (b"\x89PNG\r\n\x1a\n"
            + png_chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0))
            + png_chunk(b"IDAT", data) + png_chunk(b"IEND", b""))


def test_picture_bombs_are_refused_by_their_header(door, picture):
    small = encoded(scene(200, 150), "PNG")
    bomb = with_png_size(small, 30_000, 30_000).ljust(64 * 1024, b"\0")
    whole = png_of_zeros(12_000)
    assert len(bomb) == 64 * 1024 and len(whole) < 450_000
    before = resident(door)
    for data in (bomb, whole):
        started = time.monotonic()
        answers = at_once([lambda data=data: door.post("/v1/detect", data)] * 8)
        assert time.monotonic() - started < 60
        for answer in answers:
            assert answer.status == 413, answer
            assert "pixels" in reason(answer), answer
    assert resident(door) - before < 64 * MIB
    assert door.post("/v1/detect", picture).status == 200


@pytest.mark.parametrize("path", ["/v1/detect", "/v2/models/pcb/infer",
                                  "/v2/models/pcb_boxes/infer", "/v2/repository/index",
                                  "/v2/repository/models/pcb/load", "/v2/trace/setting"])
def test_deeply_nested_json_is_refused(door, path):
    for body in (b"[" * 10_000, b"[" * 10_000 + b"]" * 10_000, b'{"a":' * 10_000,
                 b'{"inputs":' + b"[" * 10_000 + b"]" * 10_000 + b"}",
                 b'{"parameters":' + b'{"a":' * 10_000 + b"1" + b"}" * 10_000 + b"}"):
        answer = door.post(path, body, "application/json")
        assert 400 <= answer.status < 500, (path, body[:20], answer)
        assert reason(answer)
    assert door.get("/v2/health/live").status == 200


def test_model_names_do_not_lead_out_of_the_repository(tmp_path):
    secret = tmp_path / "secret" / "1"
    secret.mkdir(parents=True)
    (secret / "model.onnx").write_bytes((ROOT / "models" / "pcb.onnx").read_bytes())
    repository = tmp_path / "repository"
    inside = repository / "inside" / "1"
    inside.mkdir(parents=True)
    (inside / "model.onnx").write_bytes((secret / "model.onnx").read_bytes())
    names = ["../secret", "..%2fsecret", "%2e%2e/secret", "%2e%2e%2fsecret", "inside/../../secret",
             "..", ".", "%00", "inside%00", "/etc/passwd", "%2fetc%2fpasswd", "..%5csecret",
             "inside%0d%0aX: y", str(tmp_path / "secret"), "~", "a" * 5000]
    with Serving("--repository", repository, "--imgsz", "320") as service:
        assert service.get("/v2/models/inside/ready").status == 200
        for name in names:
            raw = name.replace(" ", "%20")
            for method, path in (("POST", f"/v2/repository/models/{raw}/load"),
                                 ("GET", f"/v2/models/{raw}/config"), ("GET", f"/v2/models/{raw}"),
                                 ("POST", f"/v1/models/{raw}/detect")):
                answer = service.request(method, path, b"{}" if method == "POST" else None,
                                         {"Content-Type": "application/json"})
                assert 400 <= answer.status < 500, (path, answer)
                assert b"root:" not in answer.body
        index = service.post("/v2/repository/index", b"", "application/json").json
        assert {model["name"] for model in index} <= {"inside", "inside_boxes"}, index


def infer(door, inputs, binary=b""):
    document = json.dumps({"inputs": inputs}).encode()
    return door.request("POST", "/v2/models/pcb/infer", document + binary,
                        {"Content-Type": "application/octet-stream",
                         "Inference-Header-Content-Length": str(len(document))})


def test_sizes_and_shapes_that_cannot_be_are_refused(door):
    (known,) = door.get("/v2/models/pcb").json["inputs"]

    def tensor(shape, size, name=known["name"]):
        return [{"name": name, "datatype": known["datatype"], "shape": shape,
                 "parameters": {"binary_data_size": size}}]

    huge = 1 << 62
    for shape, size, sent in (([1, 3, 320, 320], 100, 100), ([1, 3, 320, 320], 1228800, 100),
                              ([1, 3, 320, 320], 100, 1228800), ([1, 3, 320, 320], -1, 0),
                              ([1, 3, 320, 320], huge, 4), ([-1, 3, 320, 320], 4, 4),
                              ([1, 3, -320, -320], 1228800, 1228800), ([huge, 4, 4, 4], 0, 0),
                              ([1 << 32, 1 << 32, 1, 1], 0, 0), ([0, 3, 320, 320], 0, 0),
                              ([], 4, 4), ([1, 3, 320, 320] * 20, 4, 4)):
        answer = infer(door, tensor(shape, size), bytes(sent))
        assert 400 <= answer.status < 500, (shape, size, sent, answer)
        assert reason(answer)
    for length in ("-1", "99999999999999999999", "5", "abc", "0x10"):
        answer = door.request("POST", "/v2/models/pcb/infer", b'{"inputs": []}',
                              {"Inference-Header-Content-Length": length})
        assert 400 <= answer.status < 500, (length, answer)


def test_clients_that_leave_after_sending_leave_no_work(door, picture):
    def counted():
        (stats,) = door.get("/v2/models/pcb_boxes/stats").json["model_stats"]
        return stats["inference_count"]

    before = counted()
    crowd = [connect(door) for _ in range(64)]
    for client in crowd:
        client.sendall(head(len(picture)) + picture)
    for client in crowd:  # with a reset, as a process that dies leaves
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        client.close()
    assert door.post("/v1/detect", picture).status == 200
    assert counted() - before < 60
    half = [connect(door) for _ in range(64)]
    for client in half:
        client.sendall(head(len(picture)) + picture[:len(picture) // 2])
        client.close()
    assert door.post("/v1/detect", picture).status == 200


def test_uploads_that_stall_and_heads_that_trickle_are_cut(door, picture):
    stalled = connect(door)
    stalled.sendall(head(len(picture)) + picture[:len(picture) // 2])
    trickle = connect(door)
    started = time.monotonic()
    refused = None
    for letter in head(10).decode():
        try:
            trickle.sendall(letter.encode())
        except OSError:
            break
        assert door.get("/v2/health/live").status == 200
        time.sleep(0.1)
        if time.monotonic() - started > 30:
            break
    refused = status_of(trickle)
    assert refused in (408, None) and time.monotonic() - started < 20
    assert status_of(stalled) == 408


def test_bodies_over_the_limit_are_refused_at_once(door):
    client = connect(door)
    client.sendall(head(65 * MIB))
    assert status_of(client) == 413
    inflating = zlib.compress(bytes(80 * MIB), 9)
    answer = door.request("POST", "/v1/detect", inflating,
                          {"Content-Type": "image/jpeg", "Content-Encoding": "deflate"})
    assert answer.status == 413, answer
    assert resident(door) < 2048 * MIB


def test_eight_bodies_of_50_mb_at_once_leave_nothing_behind(door, picture):
    assert door.post("/v1/detect", picture).status == 200
    before = resident(door)
    body = bytes(50_000_000)
    for _ in range(2):
        answers = at_once([lambda: door.post("/v1/detect", body)] * 8)
        assert all(answer.status in (400, 415, 422, 503) for answer in answers), answers
        assert any(answer.status != 503 for answer in answers)
    deadline = time.monotonic() + 20
    while resident(door) > before + 32 * MIB and time.monotonic() < deadline:
        time.sleep(0.1)
    assert resident(door) <= before + 32 * MIB, (before, resident(door))
    assert door.post("/v1/detect", picture).status == 200


@pytest.mark.parametrize("fields", [
    "Content-Length: 4\r\nContent-Length: 5\r\n", "Content-Length: 4, 4\r\n",
    "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n", "Transfer-Encoding : chunked\r\n",
    "Transfer-Encoding: chunked\r\n X: y\r\n", "Content-Length: 4\nX: y\r\n"])
def test_requests_of_two_meanings_end_the_connection(door, fields):
    client = connect(door)
    client.sendall(f"POST /v1/detect HTTP/1.1\r\nHost: localhost\r\n{fields}\r\n".encode()
                   + b"0\r\n\r\nGET /v2/health/live HTTP/1.1\r\nHost: localhost\r\n\r\n")
    received = b""
    while more := client.recv(65536):
        received += more
    assert received.startswith(b"HTTP/1.1 400 ") and received.count(b"HTTP/1.1") == 1, received


def test_ten_thousand_idle_connections_do_not_keep_others_out(door, picture):
    script = ROOT / "src/service/http/testdata/idle_connections.py"
    crowd = subprocess.Popen([sys.executable, script, str(door.port), "10000"])
    try:
        while crowd.poll() is None:
            assert door.post("/v1/detect", picture).status == 200
            time.sleep(0.05)
    finally:
        crowd.kill()
        crowd.wait()
    assert len(os.listdir(f"/proc/{door.process.pid}/fd")) < 3000
    assert door.post("/v1/detect", picture).status == 200


def test_keys_are_asked_for_at_every_door_but_health(tmp_path, picture):
    keys = tmp_path / "keys"
    keys.write_text(hashlib.sha256(b"first").hexdigest() + "  a client\n")
    keys.chmod(0o600)
    with Serving("--imgsz", "320", "--service.api_keys_file", keys,
                 "--metrics", "127.0.0.1:0") as service:
        def status(path, headers, port=service.port):
            connection = http.client.HTTPConnection(service.host, port, timeout=30)
            connection.request("GET", path, headers=headers)
            return connection.getresponse().status

        metrics = int(re.search(r"metrics +http://[\d.]+:(\d+)",
                                "".join(service.lines)).group(1))
        for path in ("/v2/health/live", "/v2/health/ready", "/openapi.json"):
            assert status(path, {}) == 200
        # DeepStack's clients send their key in the form: that door asks by itself.
        keyless = service.post_form("/v1/vision/detection", [("image", "a.jpg", picture)])
        assert keyless.status == 401, keyless
        for path in ("/v2", "/v1/models", "/v2/models/pcb", "/nothing"):
            assert status(path, {}) == 401
            assert status(path, {"X-API-Key": "second"}) == 401
            assert status(path, {"Authorization": "Bearer first"}) in (200, 404)
        assert status("/metrics", {}, metrics) == 401
        assert status("/metrics", {"X-API-Key": "first"}, metrics) == 200
        keys.write_text(hashlib.sha256(b"second").hexdigest() + "\n")
        service.process.send_signal(signal.SIGHUP)
        deadline = time.monotonic() + 30
        while status("/v1/models", {"X-API-Key": "second"}) != 200:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        assert status("/v1/models", {"X-API-Key": "first"}) == 401


def test_tls_serves_who_shows_a_certificate(tmp_path, picture):
    def make(name, *more):
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                        "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", "/CN=localhost",
                        "-addext", "subjectAltName=IP:127.0.0.1", "-keyout",
                        tmp_path / f"{name}.key", "-out", tmp_path / f"{name}.pem", *more],
                       check=True, capture_output=True)

    make("ca")
    for name in ("server", "client"):
        make(name, "-CA", tmp_path / "ca.pem", "-CAkey", tmp_path / "ca.key",
             "-addext", "basicConstraints=critical,CA:FALSE")
    with Serving("--imgsz", "320", "--http", "0.0.0.0:0",
                 "--service.tls_certificate", tmp_path / "server.pem",
                 "--service.tls_key", tmp_path / "server.key",
                 "--service.tls_client_ca", tmp_path / "ca.pem") as service:
        context = ssl.create_default_context(cafile=tmp_path / "ca.pem")

        def detect():
            connection = http.client.HTTPSConnection("127.0.0.1", service.port, context=context,
                                                     timeout=30)
            connection.request("POST", "/v1/detect", picture, {"Content-Type": "image/jpeg"})
            response = connection.getresponse()
            return response.status, response.read()

        with pytest.raises((ssl.SSLError, ConnectionError, http.client.RemoteDisconnected)):
            detect()
        context.load_cert_chain(tmp_path / "client.pem", tmp_path / "client.key")
        status, body = detect()
        assert status == 200 and "detections" in json.loads(body)


def test_killed_under_load_and_started_again_no_client_hangs(picture):
    stop = threading.Event()
    answered = []
    endings = []

    def client(port):
        while not stop.is_set():
            try:
                connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
                connection.request("POST", "/v1/detect", picture, {"Content-Type": "image/jpeg"})
                answered.append(connection.getresponse().status)
            except TimeoutError:
                endings.append("hang")
            except (OSError, http.client.HTTPException) as failure:
                endings.append(type(failure).__name__)
                time.sleep(0.05)

    service = Serving("--imgsz", "320")
    service.__enter__()
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        clients = [pool.submit(client, service.port) for _ in range(16)]
        try:
            while len(answered) < 50:
                time.sleep(0.02)
            service.process.kill()
            service.process.wait()
            before = len(answered)
            again = Serving("--imgsz", "320", "--http", f"127.0.0.1:{service.port}")
            with again:
                deadline = time.monotonic() + 60
                while len(answered) < before + 50 and time.monotonic() < deadline:
                    time.sleep(0.02)
                assert len(answered) >= before + 50, "clients come back by themselves"
                stop.set()
                concurrent.futures.wait(clients, 60)
        finally:
            stop.set()
            service.process.kill()
    assert set(answered) <= {200, 503} and "hang" not in endings
