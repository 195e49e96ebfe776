"""At least once: receivers are stopped and started again in mid-run, the sender is killed with
SIGKILL and started again; every alarm arrives, in order, once or again with the same id."""

import signal
import time

import pytest
from brokers import (HttpReceiver, Mosquitto, MqttListener, NatsServer, Sender, alarm_ids,
                     ask_nats, first_arrivals, wait_until)

EVERY = ("--every", 20)


def outage(spool, arguments, stop, start, arrived):
    """Runs senders through both kinds of death. `arrived()` are the ids that the receiver has.

    1 to ..: sent, receiver stopped in mid-run, sender killed while nobody listens; the next sender
    goes on, the receiver comes back, the sender is killed again while it catches up; the third
    one sends what is left.
    """
    arguments = ("--spool", spool, *arguments, *EVERY)
    first = Sender(*arguments, "--count", 1000)
    wait_until(lambda: len(arrived()) >= 5, "the first alarms")
    stop()
    enough = len(first.accepted) + 10
    wait_until(lambda: len(first.accepted) >= enough, "alarms that nobody takes")
    first.kill()
    reached = len(first.accepted)
    assert len(set(arrived())) < reached

    # The last one may have been on disk, but not said yet; its id is taken once.
    second = Sender(*arguments, "--first", reached + 1, "--count", 1000)
    wait_until(lambda: len(second.accepted) >= 10, "more alarms that nobody takes")
    start()
    wait_until(lambda: len(set(arrived())) > reached // 2, "the receiver to catch up")
    second.kill()
    reached += len(second.accepted)

    third = Sender(*arguments, "--first", reached + 1, "--count", 5).wait()
    reached += 5
    assert "spooled 0" in str(third.summary), third.summary
    wanted = alarm_ids(1, reached)
    wait_until(lambda: set(arrived()) >= set(wanted), "all alarms")
    assert first_arrivals(arrived()) == wanted
    return arrived()


def test_mqtt_every_alarm_arrives_after_an_outage_and_kills(tmp_path):
    with Mosquitto(tmp_path / "broker") as broker, \
            MqttListener(broker.port, "shoal/#") as listener:
        outage(tmp_path / "spool",
               ("--mqtt", f"mqtt://127.0.0.1:{broker.port}", "--results", 2),
               broker.stop, broker.start,
               lambda: [alarm["id"] for alarm in listener.objects("shoal/alarms")])


def test_nats_every_alarm_arrives_once_after_an_outage_and_kills(tmp_path):
    with NatsServer(tmp_path / "broker") as server:
        async def add_stream(connection):
            await connection.jetstream().add_stream(name="ALARMS", subjects=["shoal.alarms.>"])

        async def read_stream(connection):
            stream = connection.jetstream()
            state = (await stream.stream_info("ALARMS")).state
            return [(await stream.get_msg("ALARMS", number)).headers["Nats-Msg-Id"]
                    for number in range(state.first_seq, state.last_seq + 1) if state.messages]

        seen = []

        def arrived():
            if server.process is not None:
                seen[:] = ask_nats(server.port, read_stream)
            return list(seen)

        ask_nats(server.port, add_stream)
        ids = outage(tmp_path / "spool",
                     ("--nats", f"nats://127.0.0.1:{server.port}", "--results", 2),
                     lambda: (arrived(), server.stop(signal.SIGKILL)), server.start, arrived)
        assert len(ids) == len(set(ids)), "the stream knows repetitions by their id"


def test_webhook_every_alarm_arrives_after_an_outage_and_kills(tmp_path):
    with HttpReceiver() as receiver:
        outage(tmp_path / "spool", ("--webhook", receiver.url), receiver.stop, receiver.start,
               lambda: [alarm["id"] for alarm in receiver.objects()])


@pytest.mark.slow
def test_a_broker_that_is_away_for_two_minutes_gets_every_alarm(tmp_path):
    with Mosquitto(tmp_path / "broker") as broker, \
            MqttListener(broker.port, "shoal/alarms") as listener:
        sender = Sender("--spool", tmp_path / "spool", "--count", 300, "--every", 500,
                        "--bytes", 20000, "--results", 5, "--retry-max", 15000,
                        "--mqtt", f"mqtt://127.0.0.1:{broker.port}")
        wait_until(lambda: len(listener.messages) >= 10, "the first alarms")
        broker.stop()
        time.sleep(120)
        broker.start()
        sender.process.wait(300)
        sender.wait()
        wait_until(lambda: len({alarm["id"] for alarm in listener.objects("shoal/alarms")}) == 300,
                   "all alarms")
        arrived = [alarm["id"] for alarm in listener.objects("shoal/alarms")]
        assert first_arrivals(arrived) == alarm_ids(1, 300)
        print(f"{len(arrived)} messages for 300 alarms; {sender.summary}")


def test_one_that_is_away_holds_up_no_other(tmp_path):
    with Mosquitto(tmp_path / "broker") as broker, HttpReceiver() as receiver, \
            MqttListener(broker.port, "shoal/alarms") as listener:
        broker.stop()
        sender = Sender("--spool", tmp_path / "spool", "--count", 20,
                        "--mqtt", f"mqtt://127.0.0.1:{broker.port}", "--webhook", receiver.url)
        wait_until(lambda: len(receiver.requests) == 20, "the webhook's alarms")
        assert listener.messages == []
        broker.start()
        sender.wait()
        wait_until(lambda: len(listener.messages) >= 20, "the broker's alarms")
        arrived = [alarm["id"] for alarm in listener.objects("shoal/alarms")]
        assert first_arrivals(arrived) == alarm_ids(1, 20)
        assert [alarm["id"] for alarm in receiver.objects()] == alarm_ids(1, 20)


@pytest.mark.parametrize("kind", ["mqtt", "nats"])
def test_a_broker_that_hangs_is_waited_out(tmp_path, kind):
    """Stopped with SIGSTOP it accepts connections and answers nothing."""
    with (Mosquitto if kind == "mqtt" else NatsServer)(tmp_path / "broker") as broker:
        broker.process.send_signal(signal.SIGSTOP)
        try:
            sender = Sender("--spool", tmp_path / "spool", "--count", 3, "--timeout", 300,
                            f"--{kind}", f"{kind}://127.0.0.1:{broker.port}")
            wait_until(lambda: any(kind in line for line in sender.errors), "a complaint")
        finally:
            broker.process.send_signal(signal.SIGCONT)
        sender.wait()
        assert "delivered 3" in sender.summary[kind], sender.summary
