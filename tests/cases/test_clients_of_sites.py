"""Clients of cameras: what listens to Frigate over MQTT, and DeepStream's REST clients."""

import pytest
from brokers import Mosquitto, MqttListener, wait_until
from running_site import RunningSite, synthetic

# What notifiers and integrations read of an event's `before` and `after`, with its type.
EVENT = {"id": str, "camera": str, "frame_time": float, "label": str, "top_score": (int, float),
         "false_positive": bool, "start_time": float, "score": (int, float), "box": list,
         "area": int, "ratio": (int, float), "region": list, "active": bool, "stationary": bool,
         "motionless_count": int, "position_changes": int, "current_zones": list,
         "entered_zones": list, "has_clip": bool, "has_snapshot": bool, "attributes": dict,
         "current_attributes": list, "computed_score": (int, float), "snapshot_clean": bool,
         "pending_loitering": bool, "max_severity": str,
         "current_estimated_speed": (int, float), "average_estimated_speed": (int, float),
         "velocity_angle": (int, float), "path_data": list}
REVIEW = {"id": str, "camera": str, "start_time": float, "severity": str, "thumb_path": str,
          "data": dict}


def check(message, keys):
    for side in ("before", "after"):
        for key, kind in keys.items():
            assert isinstance(message[side][key], kind), (side, key, message[side])


def notifier_keeps(event):
    """The filter of a notifier that reads `events`: it drops what there is nothing to see of."""
    return event["after"]["has_clip"] or event["after"]["has_snapshot"]


@pytest.mark.parametrize("alarms", [
    [], [{"name": "any", "when": "count >= 1", "cooldown_s": 1,
          "clip_s": {"before": 0.5, "after": 0.5}}]], ids=["no rules", "alarms with clips"])
def test_notifiers_of_frigate_keep_every_event(tmp_path, alarms):
    with Mosquitto(tmp_path / "broker") as broker, \
         MqttListener(broker.port, "frigate/#") as listener:
        sink = {"type": "mqtt", "form": "frigate", "url": f"mqtt://127.0.0.1:{broker.port}"}
        # At the shape that other tests take, for speed, boards of this size give few tracks.
        with RunningSite(tmp_path / "site", [synthetic("line-1", 3, fps=5)], alarms, [sink],
                         model={"shapes": ["640x480"]}):
            wait_until(lambda: listener.objects("frigate/events"), "an event")
            if alarms:
                wait_until(lambda: any(one["after"]["has_clip"]
                                       for one in listener.objects("frigate/events")), "a clip")
        events = listener.objects("frigate/events")
        reviews = listener.objects("frigate/reviews")
        pictures = [payload for topic, payload, _ in listener.messages
                    if topic.startswith("frigate/line-1/") and topic.endswith("/snapshot")]
    for event in events:
        check(event, EVENT)
        assert event["type"] in ("new", "update", "end")
    assert all(map(notifier_keeps, events))
    assert pictures and all(picture[:3] == b"\xff\xd8\xff" for picture in pictures)
    known = {event["after"]["id"] for event in events}
    assert reviews[0]["type"] == "new"
    for review in reviews:
        check(review, REVIEW)
        data = review["after"]["data"]
        assert set(data["detections"]) <= known and data["objects"]
        assert set(data) == {"detections", "objects", "sub_labels", "zones", "audio"}
    severities = {review["after"]["severity"] for review in reviews}
    assert severities <= {"alert", "detection"} and ("alert" in severities) == bool(alarms)


def test_deepstream_clients_add_name_and_remove_streams(tmp_path):
    url = "synthetic:pcb?size=320x240&fps=5"
    with RunningSite(tmp_path, [synthetic("a", 1)]) as site:
        ready = site.get("/api/v1/health/get-dsready-state")
        assert ready["health-info"]["ds-ready"] == "YES"
        assert ready["status"] == "HTTP/1.1 200 OK"

        def change(path, body):
            status, answer = site.request("POST", f"/api/v1/stream/{path}", body)
            assert answer["status"].startswith(f"HTTP/1.1 {status} "), answer
            return status, answer["reason"]

        def streams():
            info = site.get("/api/v1/stream/get-stream-info")["stream-info"]
            assert info["stream-count"] == len(info["stream-info"])
            return {one["camera_id"]: one["camera_name"] for one in info["stream-info"]}

        for camera, words, key in (("cam 2", "camera_add", "value"), ("cam_3", "add", "value"),
                                   ("cam/4", "camera_streaming", "event")):
            body = {"key": "sensor", key: {"camera_id": camera, "camera_name": "Front Door",
                                           "camera_url": url, "change": words}}
            assert change("add", body) == (200, "STREAM_ADD_SUCCESS")
            status, reason = change("add", body)
            assert status == 400 and reason.startswith("STREAM_ADD_FAIL, "), reason
        assert streams() == {"a": "a", "cam 2": "Front Door", "cam_3": "Front Door",
                             "cam/4": "Front Door"}
        for camera in ("cam 2", "cam_3", "cam/4"):
            body = {"value": {"camera_id": camera, "change": "camera_remove_now"}}
            assert change("remove", body) == (200, "STREAM_REMOVE_SUCCESS")
            status, reason = change("remove", body)
            assert status == 404 and reason.startswith("STREAM_REMOVE_FAIL, "), reason
        status, reason = change("add", {"value": {"camera_id": "x", "camera_url": url,
                                                  "change": "something"}})
        assert status == 400 and "change" in reason
        assert streams() == {"a": "a"}
