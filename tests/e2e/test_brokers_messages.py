"""What brokers and webhooks get, seen by clients that are not ours: topics, forms, headers, and
who may talk to whom. docs/messages.md describes it; its examples are compared here."""

import asyncio
import base64
import hashlib
import hmac
import json
import os
import pathlib
import re
import signal
import time

import pytest
from brokers import (HttpReceiver, Mosquitto, MqttListener, NatsServer, Sender, alarm_ids,
                     ask_nats, program_named, wait_until)
from program import ROOT, run_tool

PAGE = (ROOT / "docs/messages.md").read_text()


def example(title):
    """The JSON under a heading of the page, on one line."""
    block = re.search(rf"## {re.escape(title)}\n.*?```json\n(.*?)\n```", PAGE, re.DOTALL)
    return json.loads(block.group(1))


def same_shape(got, wanted, where=""):
    """The same keys in the same order, and values of the same types."""
    if isinstance(wanted, dict):
        assert list(got) == list(wanted), where
        for key in wanted:
            same_shape(got[key], wanted[key], f"{where}.{key}")
    elif isinstance(wanted, list):
        assert isinstance(got, list), where
        if wanted and got:
            same_shape(got[0], wanted[0], f"{where}[0]")
    elif wanted is not None and got is not None:
        assert type(got) is type(wanted), (where, got, wanted)


@pytest.fixture
def mosquitto(tmp_path):
    with Mosquitto(tmp_path / "broker") as broker:
        yield broker


@pytest.fixture
def certificate(tmp_path):
    """Of 127.0.0.1, signed by itself: (certificate, key)."""
    files = tmp_path / "own.crt", tmp_path / "own.key"
    run_tool(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
              "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1",
              "-out", files[0], "-keyout", files[1]])
    return files


def check_alarm(alarm, number):
    same_shape(alarm, example("An alarm"))
    assert alarm["version"] == 1
    assert alarm["id"] == alarm_ids(number, number)[0]
    assert alarm["frame"] == 412 + number
    assert base64.b64decode(alarm["thumbnail_jpeg"]) == bytes(
        (i * 7 + number) % 256 for i in range(40))


def test_mqtt_own_form(mosquitto, tmp_path):
    with MqttListener(mosquitto.port, "shoal/#") as listener:
        sender = Sender("--spool", tmp_path / "spool", "--count", 2, "--results", 3,
                        "--mqtt", f"mqtt://127.0.0.1:{mosquitto.port}").wait()
        wait_until(lambda: listener.payloads("shoal/available")[-1:] == [b"offline"], "offline")
        topics = [topic for topic, _, _ in listener.messages]
        assert topics[0] == topics[-1] == "shoal/available"
        assert listener.payloads("shoal/available") == [b"online", b"offline"]
        results = listener.objects("shoal/line-1/results")
        alarms = listener.objects("shoal/alarms")
    assert [result["frame"] for result in results] == list(range(3, 9))
    assert set(results[0]) >= {"camera", "time", "frame", "detections", "zones", "lines", "events"}
    assert len(alarms) == 2
    for number, alarm in enumerate(alarms, 1):
        check_alarm(alarm, number)
    assert sender.summary["mqtt"].startswith("6 results, 2 alarms; delivered 2")


def test_mqtt_says_offline_when_the_sender_is_killed(mosquitto, tmp_path):
    with MqttListener(mosquitto.port, "else/available") as listener:
        sender = Sender("--spool", tmp_path / "spool", "--topic", "else", "--linger", 60000,
                        "--mqtt", f"mqtt://127.0.0.1:{mosquitto.port}")
        wait_until(lambda: listener.payloads("else/available") == [b"online"], "online")
        sender.kill()
        wait_until(lambda: listener.payloads("else/available") == [b"online", b"offline"], "will")
    with MqttListener(mosquitto.port, "else/#") as late:
        wait_until(lambda: late.messages, "the retained message")
        assert late.messages[0] == ("else/available", b"offline", True)


def test_mqtt_frigates_form(mosquitto, tmp_path):
    with MqttListener(mosquitto.port, "frigate/#") as listener:
        Sender("--spool", tmp_path / "spool", "--count", 2, "--results", 2,
               "--frigate", f"mqtt://127.0.0.1:{mosquitto.port}").wait()
        wait_until(lambda: listener.payloads("frigate/available")[-1:] == [b"offline"], "offline")
        events = listener.objects("frigate/events")
        reviews = listener.objects("frigate/reviews")
        pictures = listener.payloads("frigate/line-1/short/snapshot")
        counts = {topic: payload for topic, payload, _ in listener.messages
                  if topic.count("/") >= 2 and not topic.endswith("/snapshot")}
        alarms = listener.objects("frigate/alarms")
    assert len(events) == 4
    assert pictures == [bytes((i * 7 + number) % 256 for i in range(40)) for number in (1, 2)]
    same_shape(reviews[-1], json.loads(re.search(
        r"A review begins.*?```json\n(.*?)\n```", PAGE, re.DOTALL).group(1)))
    assert reviews[0]["type"] == "new" and reviews[-1]["after"]["severity"] == "alert"
    wanted = example("Frigate's form")
    for event in events:
        same_shape(event, wanted)
        assert event["type"] == "new"
        assert event["before"]["false_positive"] and not event["after"]["false_positive"]
        assert event["after"]["label"] == "short"
        assert event["after"]["box"] == [10, 21, 110, 220]
        assert event["after"]["area"] == 100 * 199
        assert event["after"]["current_zones"] == ["belt"]
        assert event["after"]["entered_zones"] == ["belt", "gate"]
        assert re.fullmatch(r"1795248000\.000000-[0-9a-z]{6}", event["after"]["id"])
    # Each once: they do not change.
    assert counts == {"frigate/line-1/all": b"1", "frigate/line-1/all/active": b"1",
                      "frigate/line-1/short": b"1", "frigate/line-1/short/active": b"1",
                      "frigate/belt/all": b"1", "frigate/belt/short": b"1",
                      "frigate/gate/all": b"0"}
    topics = [topic for topic, _, _ in listener.messages]
    assert all(topics.count(topic) == 1 for topic in counts)
    assert [alarm["id"] for alarm in alarms] == alarm_ids(1, 2)


def test_mqtt_over_tls_with_a_password(tmp_path, certificate):
    passwords = tmp_path / "passwords"
    passwords.touch(0o600)
    run_tool([program_named("mosquitto_passwd"), "-b", passwords, "box", "secret"])
    lines = ["allow_anonymous false", f"password_file {passwords}",
             f"certfile {certificate[0]}", f"keyfile {certificate[1]}"]
    with Mosquitto(tmp_path / "broker", lines) as broker:
        arguments = ("--spool", tmp_path / "spool", "--count", 1, "--user", "box",
                     "--mqtt", f"mqtts://127.0.0.1:{broker.port}")
        wrong = Sender(*arguments, "--password", "guess", "--ca", certificate[0],
                       "--patience", 500).wait()
        assert "delivered 0" in wrong.summary["mqtt"] and "spooled 1" in wrong.summary["mqtt"]
        assert "not authorised" in wrong.summary["mqtt"].lower(), wrong.summary
        unknown = Sender(*arguments, "--password", "secret", "--patience", 500).wait()
        assert "delivered 0" in unknown.summary["mqtt"], "signed by nobody that the system knows"
        right = Sender(*arguments, "--password", "secret", "--ca", certificate[0]).wait()
        assert "delivered 1" in right.summary["mqtt"], right.summary


def test_nats_without_a_stream_reaches_who_listens(tmp_path):
    with NatsServer(tmp_path / "server", "--user", "box", "--pass", "secret") as server:
        url = f"nats://127.0.0.1:{server.port}"

        async def listen(connection):
            messages = []

            async def keep(message):
                messages.append((message.subject, json.loads(message.data)))
            await connection.subscribe("site.>", cb=keep)
            await connection.flush()
            sender = Sender("--spool", tmp_path / "spool", "--count", 2, "--results", 3,
                            "--nats", url, "--topic", "site", "--user", "box", "--password",
                            "secret")
            await asyncio.to_thread(sender.wait)
            await connection.flush()
            while len(messages) < 8:
                await asyncio.sleep(0.01)
            return messages

        messages = ask_nats(server.port, listen, user="box", password="secret")
        assert {subject for subject, _ in messages} == {"site.results.line-1",
                                                        "site.alarms.line-1"}
        alarms = [body for subject, body in messages if subject == "site.alarms.line-1"]
        for number, alarm in enumerate(alarms, 1):
            check_alarm(alarm, number)
        refused = Sender("--spool", tmp_path / "other", "--count", 1, "--nats", url,
                         "--user", "box", "--password", "guess", "--patience", 500).wait()
        assert "spooled 1" in refused.summary["nats"], refused.summary


def test_nats_over_tls(tmp_path, certificate):
    with NatsServer(tmp_path / "server", "--tls", "--tlscert", str(certificate[0]),
                    "--tlskey", str(certificate[1]), jetstream=False) as server:
        arguments = ("--spool", tmp_path / "spool", "--count", 1,
                     "--nats", f"tls://127.0.0.1:{server.port}")
        unknown = Sender(*arguments, "--patience", 500).wait()
        assert "delivered 0" in unknown.summary["nats"], unknown.summary
        right = Sender(*arguments, "--ca", certificate[0]).wait()
        assert "delivered 1" in right.summary["nats"], right.summary


def test_webhook_body_headers_and_signature(tmp_path):
    with HttpReceiver() as receiver:
        Sender("--spool", tmp_path / "spool", "--count", 2, "--webhook", receiver.url,
               "--secret", "key", "--user", "box", "--password", "pass").wait()
        for number, (path, headers, body) in enumerate(receiver.requests, 1):
            check_alarm(json.loads(body), number)
            name = alarm_ids(number, number)[0]
            assert path == "/alarms"
            assert headers["Content-Type"] == "application/json"
            assert headers["X-Shoal-Id"] == headers["Idempotency-Key"] == name
            digest = hmac.new(b"key", body, hashlib.sha256).hexdigest()
            assert headers["X-Shoal-Signature"] == "sha256=" + digest
            assert headers["Authorization"] == "Basic " + base64.b64encode(b"box:pass").decode()
        assert len(receiver.requests) == 2


@pytest.mark.parametrize("status", [408, 429, 500, 503])
def test_webhook_tries_again_what_may_pass(tmp_path, status):
    with HttpReceiver() as receiver:
        receiver.answer = lambda _: (status if len(receiver.requests) < 3 else 200, {})
        sender = Sender("--spool", tmp_path / "spool", "--count", 2,
                        "--webhook", receiver.url).wait()
        first = alarm_ids(1, 1)[0]
        assert [headers["X-Shoal-Id"] for _, headers, _ in receiver.requests] == (
            [first, first, first, alarm_ids(2, 2)[0]])
        assert "delivered 2, refused 0" in sender.summary["webhook"], sender.summary


@pytest.mark.parametrize("status", [400, 401, 404, 410, 413])
def test_webhook_lets_go_of_what_is_refused_and_says_so(tmp_path, status):
    with HttpReceiver() as receiver:
        receiver.answer = lambda _: (status if len(receiver.requests) == 1 else 204, {})
        sender = Sender("--spool", tmp_path / "spool", "--count", 2,
                        "--webhook", receiver.url).wait()
        assert [alarm["id"] for alarm in receiver.objects()] == alarm_ids(1, 2)
        assert "delivered 1, refused 1" in sender.summary["webhook"], sender.summary
        said = [line for line in sender.errors if alarm_ids(1, 1)[0] in line]
        assert len(said) == 1 and str(status) in said[0] and "error" in said[0], sender.errors


def test_webhook_follows_redirects_at_home_only(tmp_path):
    with HttpReceiver() as receiver, HttpReceiver() as stranger:
        elsewhere = True

        def answer(request):
            if request[0] == "/there":
                return 200, {}
            return 307, {"Location": stranger.url if elsewhere else "/there"}

        receiver.answer = answer
        sender = Sender("--spool", tmp_path / "spool", "--count", 1, "--webhook", receiver.url)
        wait_until(lambda: len(receiver.requests) >= 3, "attempts")
        elsewhere = False
        sender.wait()
        assert receiver.requests[-1][0] == "/there"
        assert receiver.requests[-1][2] == receiver.requests[0][2]
        assert stranger.requests == []


def test_webhook_ignores_proxies_of_the_environment(tmp_path):
    with HttpReceiver() as receiver, HttpReceiver() as proxy:
        environment = dict(os.environ, http_proxy=proxy.url, HTTP_PROXY=proxy.url,
                           ALL_PROXY=proxy.url, all_proxy=proxy.url, no_proxy="")
        Sender("--spool", tmp_path / "spool", "--count", 1, "--webhook", receiver.url,
               env=environment).wait()
        assert len(receiver.requests) == 1 and proxy.requests == []


def test_webhook_gives_up_on_a_slow_answer_and_tries_again(tmp_path):
    with HttpReceiver() as receiver:
        def answer(_):
            if len(receiver.requests) == 1:
                time.sleep(1.5)
            return 200, {}

        receiver.answer = answer
        sender = Sender("--spool", tmp_path / "spool", "--count", 1, "--timeout", 300,
                        "--webhook", receiver.url).wait()
        assert len(receiver.requests) >= 2
        assert "delivered 1" in sender.summary["webhook"], sender.summary


@pytest.mark.parametrize("name,url,said", [
    ("mqtt", "http://127.0.0.1", "mqtt://HOST:PORT"),
    ("mqtt", "mqtt://127.0.0.1:0", "port"),
    ("mqtt", "mqtt://me:word@127.0.0.1", "password_file"),
    ("nats", "nats://", "host"),
    ("nats", "nats://127.0.0.1/x", "host"),
    ("webhook", "ftp://127.0.0.1/x", "https://"),
    ("webhook", "http://me:word@127.0.0.1/x", "password_file"),
])
def test_an_address_that_cannot_be_is_refused_at_once(tmp_path, name, url, said):
    sender = Sender("--spool", tmp_path / "spool", f"--{name}", url)
    assert sender.process.wait(30) == 3
    sender._join()
    text = "".join(sender.errors)
    assert said in text and "word" not in text.replace("password_file", ""), text


def test_a_sender_that_is_asked_to_end_leaves_nothing_half_done(mosquitto, tmp_path):
    sender = Sender("--spool", tmp_path / "spool", "--count", 1000, "--every", 10,
                    "--mqtt", f"mqtt://127.0.0.1:{mosquitto.port}")
    wait_until(lambda: len(sender.accepted) >= 5, "some alarms")
    sender.process.send_signal(signal.SIGTERM)
    sender.wait()
    left = len(list(pathlib.Path(tmp_path / "spool").glob("*.alarm")))
    delivered = int(re.search(r"delivered (\d+)", sender.summary["mqtt"]).group(1))
    assert delivered + left == len(sender.accepted)
