"""Strangers at the doors of the whole program: what they may not read, change, keep or hold up."""

import concurrent.futures
import contextlib
import hashlib
import http.client
import json
import os
import re
import signal
import socket
import time

import grpc
from kserve_service import KserveServing
import pytest
from rest_client import Serving
from running_site import RunningSite, synthetic
from toy import QUICK

KEY = "correct-horse-battery"
FOREIGN = {"Origin": "http://evil.example", "Sec-Fetch-Site": "cross-site",
           "Sec-Fetch-Mode": "no-cors", "Content-Type": "text/plain"}
HEALTH = "/grpc.health.v1.Health/"


@pytest.fixture
def keys(tmp_path):
    file = tmp_path / "keys.txt"
    file.write_text(hashlib.sha256(KEY.encode()).hexdigest() + " test\n")
    file.chmod(0o600)
    return file


@pytest.fixture(scope="module")
def open_site(tmp_path_factory):
    """A camera and no keys."""
    with RunningSite(tmp_path_factory.mktemp("site"), [synthetic("line-1", 1)]) as site:
        site.wait_for_frames("line-1", 1)
        yield site


def ask(host, port, method, path, body=None, headers=None):
    connection = http.client.HTTPConnection(host, port, timeout=60)
    try:
        connection.request(method, path, body, headers or {})
        response = connection.getresponse()
        return response.status, dict(response.getheaders()), response.read()
    finally:
        connection.close()


def descriptors(pid):
    return len(os.listdir(f"/proc/{pid}/fd"))


def resident_mib(pid):
    with open(f"/proc/{pid}/status") as status:
        return int(re.search(r"VmRSS:\s+(\d+)", status.read()).group(1)) / 1024


def raw_call(channel, method, message, key=None):
    """A stream of answers to one message of bytes as they are."""
    call = channel.unary_stream(HEALTH + method, request_serializer=lambda data: data,
                                response_deserializer=lambda data: data)
    return call(message, timeout=60, metadata=[("x-api-key", key)] if key else None)


def health_message(name):
    size, length = len(name), b""
    while size > 127:
        length += bytes([size & 127 | 128])
        size >>= 7
    return b"\x0a" + length + bytes([size]) + name


READS = ["/v2", "/v2/models/pcb", "/v2/models/pcb/config", "/v2/models/stats", "/v1/models",
         "/v2/logging", "/api/v1/cameras", "/api/v1/status", "/api/v1/config"]
CHANGES = [("POST", "/v2/repository/models/pcb/unload", "{}"),
           ("POST", "/v2/repository/models/pcb/load", "{}"), ("POST", "/v2/repository/index", "{}"),
           ("POST", "/v2/logging", '{"log_verbose_level":1}'),
           ("POST", "/v2/trace/setting", '{"trace_level":["TIMESTAMPS"]}'),
           ("POST", "/v1/detect", "x"), ("POST", "/v1/vision/detection", "x"),
           ("POST", "/v2/models/pcb_boxes/infer", "{}"), ("DELETE", "/api/v1/cameras/line-1", None),
           ("POST", "/api/v1/cameras/line-1/pause", "")]


def test_foreign_pages_change_and_read_nothing(open_site):
    site = open_site
    before = site.status("line-1")["analysed"]
    for method, path, body in CHANGES:
        assert ask(site.host, site.port, method, path, body, FOREIGN)[0] == 403, path
    for path in READS:
        for headers in (FOREIGN, {"Host": "evil.example"},
                        {"Host": f"evil.example:{site.port}", "Sec-Fetch-Site": "same-origin",
                         "Origin": f"http://evil.example:{site.port}"}):
            assert ask(site.host, site.port, "GET", path, None, headers)[0] == 403, (path, headers)
    for path in ("/metrics", "/trace"):
        for headers in (FOREIGN, {"Host": "evil.example"}):
            assert ask(site.host, site.metrics_port, "GET", path, None, headers)[0] == 403, path
        assert ask(site.host, site.metrics_port, "GET", path)[0] == 200
    site.wait_for_frames("line-1", before + 2)  # it goes on
    for path in READS:
        assert ask(site.host, site.port, "GET", path)[0] == 200, path
    assert ask(site.host, site.port, "GET", "/healthz", None, FOREIGN)[0] == 200


def test_a_site_whose_model_is_gone_is_not_well_and_says_so(tmp_path):
    with RunningSite(tmp_path, [synthetic("line-1", 1)]) as site:
        assert ask(site.host, site.port, "GET", "/healthz")[0] == 200
        models = "/v2/repository/models/pcb"
        assert ask(site.host, site.port, "POST", models + "/unload", "{}")[0] == 200
        assert ask(site.host, site.port, "GET", "/healthz")[0] == 503
        assert ask(site.host, site.port, "GET", "/v2/health/ready")[0] == 503
        site.wait_until(lambda: "unloaded" in site.log and "line-1" in site.log, "a line of it")
        assert ask(site.host, site.port, "POST", models + "/load", "{}")[0] == 200
        site.wait_until(lambda: ask(site.host, site.port, "GET", "/healthz")[0] == 200, "health")


def test_pages_of_allowed_origins_may_call_and_names_are_known(toys, shoal_bin):
    with Serving("-m", f"toy={toys}/toy640.onnx", *QUICK, "--service.allow_origins",
                 '["https://app.example.org"]', "--service.host_names", '["shoal.example.org"]',
                 "--service.model_control", "false") as service:
        page = {"Origin": "https://app.example.org", "Sec-Fetch-Site": "cross-site"}
        asked = {**page, "Access-Control-Request-Method": "POST",
                 "Access-Control-Request-Headers": "content-type"}
        answer = service.request("OPTIONS", "/v1/detect", None, asked)
        assert answer.status == 204
        assert answer.headers["Access-Control-Allow-Origin"] == page["Origin"]
        assert "POST" in answer.headers["Access-Control-Allow-Methods"]
        assert answer.headers["Access-Control-Allow-Headers"] == "content-type"
        picture = (toys / "spots.png").read_bytes()
        answer = service.request("POST", "/v1/detect", picture,
                                 {**page, "Content-Type": "image/png"})
        assert answer.status == 200
        assert answer.headers["Access-Control-Allow-Origin"] == page["Origin"]
        foreign = service.request("OPTIONS", "/v1/detect", None, {**asked, **FOREIGN})
        assert foreign.status == 403
        assert "Access-Control-Allow-Origin" not in foreign.headers
        known = service.request("GET", "/v1/models", None, {"Host": "shoal.example.org:80"})
        assert known.status == 200
        refused = service.request("POST", "/v2/repository/models/toy/unload", b"{}")
        assert refused.status == 403
        assert b"model_control" in refused.body


def test_strangers_keep_little_at_the_grpc_door(toys, keys):
    """Names of 60 MB in calls that stay open, without a key."""
    with KserveServing("-m", f"toy={toys}/toy640.onnx", *QUICK, "--service.api_keys_file",
                       keys) as service, contextlib.ExitStack() as open_channels:
        before = resident_mib(service.process.pid)
        message = health_message(b"A" * (60 << 20))
        for _ in range(6):
            channel = open_channels.enter_context(grpc.insecure_channel(
                service.grpc, options=[("grpc.max_send_message_length", -1),
                                       ("grpc.use_local_subchannel_pool", 1)]))
            with pytest.raises(grpc.RpcError) as refused:
                next(raw_call(channel, "Watch", message))
            assert refused.value.code() in (grpc.StatusCode.UNAVAILABLE,
                                            grpc.StatusCode.RESOURCE_EXHAUSTED)
        assert resident_mib(service.process.pid) - before < 250
        channel = open_channels.enter_context(grpc.insecure_channel(service.grpc))
        assert next(raw_call(channel, "Watch", health_message(b"")))


def test_silent_grpc_connections_leave_descriptors_and_do_not_delay_the_end(tmp_path, keys):
    site = RunningSite(tmp_path, [synthetic("line-1", 1)],
                       alarms=[{"name": "any", "when": "count >= 1", "cooldown_s": 1,
                                "clip_s": {"before": 1, "after": 1}}],
                       service={"api_keys_file": keys, "grpc": "127.0.0.1:0"},
                       command=["prlimit", "--nofile=256:400"])
    with site:
        pid = site.process.pid
        door = int(re.search(r"grpc +[\d.]+:(\d+)", site.log).group(1))
        with contextlib.ExitStack() as held:
            for _ in range(450):
                with contextlib.suppress(OSError):
                    held.enter_context(socket.create_connection((site.host, door), timeout=5))
            for _ in range(10):
                assert descriptors(pid) < 340
                time.sleep(0.1)
            headers = {"X-API-Key": KEY}
            assert ask(site.host, site.port, "GET", "/api/v1/status", None, headers)[0] == 200

            def clip():
                found = json.loads(ask(site.host, site.port, "GET", "/api/v1/alarms?count=20", None,
                                       headers)[2])["alarms"]
                return any(alarm["clip_ready"] for alarm in found)

            site.wait_until(clip, "a clip")
            assert "Too many open files" not in site.log
            started = time.monotonic()
            site.process.send_signal(signal.SIGTERM)
            site.wait()
            # Its own drain_timeout is 30 s; the silent connections take none of it.
            assert time.monotonic() - started < 25
            site.process = None


def test_refused_requests_that_trickle_keep_nobody_out(toys, keys):
    with Serving("-m", f"toy={toys}/toy640.onnx", *QUICK, "--service.api_keys_file", keys,
                 "--service.connections_max", "64") as service, contextlib.ExitStack() as held:
        head = b"POST /v1/detect HTTP/1.1\r\nHost: a\r\nContent-Length: 65000\r\n\r\na"
        for number in range(300):
            client = held.enter_context(socket.socket())
            client.bind((f"127.0.3.{number % 12 + 1}", 0))
            client.settimeout(10)
            client.connect((service.host, service.port))
            with contextlib.suppress(OSError):
                client.sendall(head)
        answer = service.request("GET", "/v1/models", None, {"X-API-Key": KEY})
        assert answer.status == 200
        assert descriptors(service.process.pid) < 200


def test_many_keys_of_json_cost_little(toys):
    """Objects of thousands of keys, each of which used to be compared with all before."""
    keys = ",".join(f'"k{number}":0' for number in range(4095))
    body = ('{"inputs":[' + ",".join(["{" + keys + "}"] * 200) + "]}").encode()
    with Serving("-m", f"toy={toys}/toy640.onnx", *QUICK) as service:
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            answers = list(pool.map(lambda _: service.post("/v2/models/toy/infer", body,
                                                           "application/json"), range(4)))
        assert [answer.status for answer in answers] == [400] * 4
        # Of CPU, in all: the reading of four bodies of 9 MB stops at the first object.
        spent = open(f"/proc/{service.process.pid}/stat").read().rsplit(")", 1)[1].split()
        assert (int(spent[11]) + int(spent[12])) / os.sysconf("SC_CLK_TCK") < 15


def test_an_idle_crowd_of_one_address_gives_way(toys):
    with Serving("-m", f"toy={toys}/toy640.onnx", *QUICK) as service, \
            contextlib.ExitStack() as held:
        for _ in range(600):
            held.enter_context(socket.create_connection((service.host, service.port), timeout=10))
        for _ in range(5):
            assert service.get("/healthz").status == 200
        picture = (service.get("/example.jpg")).body
        assert service.post("/v1/detect", picture).status == 200
