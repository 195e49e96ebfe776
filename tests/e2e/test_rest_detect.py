"""Goal: POST a picture, get the boxes that `shoal detect` finds, whatever way it comes; a bad
picture fails alone, with a status and words that say why."""

import base64
import io
import json
import shutil
import socket

import numpy as np
import pytest
from PIL import Image
from made_pictures import encoded, scene, with_jpeg_size, with_png_size
from program import BUILD, read_lines, run_tool
from rest_client import Serving, at_once

BOARDS = 6


@pytest.fixture(scope="module")
def boards(tmp_path_factory):
    """Generated boards as JPEG and PNG, of three sizes."""
    folder = tmp_path_factory.mktemp("boards")
    paths = []
    for i, size in enumerate(["640x480", "480x640", "900x700"] * (BOARDS // 3)):
        run_tool([BUILD / "make_boards", "--seed", 70 + i, "--size", size, "--out", folder])
        made = folder / f"colour_{70 + i}.ppm"
        path = folder / f"board{i}{'.png' if i == 2 else '.jpg'}"
        Image.open(made).save(path)
        made.unlink()
        paths.append(path)
    return paths


@pytest.fixture(scope="module")
def expected(boards, shoal, tmp_path_factory):
    """What `shoal detect --json` says of each, without what a run costs."""
    lines = shoal.detect(tmp_path_factory.mktemp("expected") / "lines.jsonl", *boards)
    assert sum(len(line["detections"]) for line in lines) > 3 * BOARDS, "boards have defects"
    return [without_cost(line) for line in lines]


@pytest.fixture(scope="module")
def door(shoal_bin):
    with Serving() as serving:
        yield serving


def without_cost(line):
    """All but the name of the source and what depends on the moment."""
    assert set(line["timing_ms"]) == {"decode", "queue", "preprocess", "inference", "postprocess",
                                      "total"}
    assert line["batch_size"] >= 1
    return {key: value for key, value in line.items()
            if key not in ("source", "batch_size", "timing_ms")}


def test_a_raw_picture_is_answered_as_detect_answers_it(door, boards, expected):
    for path, boxes in zip(boards, expected):
        for content_type in ("image/jpeg", "application/octet-stream"):
            answer = door.post("/v1/detect", path.read_bytes(), content_type)
            assert answer.status == 200, answer
            assert without_cost(answer.json) == boxes
            assert answer.json["source"] == "body"


def test_many_files_of_a_form_are_answered_in_order(door, boards, expected):
    files = [(f"any{i}", path.name, path.read_bytes()) for i, path in enumerate(boards)]
    answer = door.post_form("/v1/detect", files, [("conf", "0.25")])
    assert answer.status == 200, answer
    results = answer.json["results"]
    assert [result["source"] for result in results] == [path.name for path in boards]
    assert [without_cost(result) for result in results] == expected
    one = door.post_form("/v1/models/pcb/detect", files[:1])
    assert without_cost(one.json) == expected[0], "one file is one object"


def test_base64_and_data_urls_are_answered_the_same(door, boards, expected):
    texts = [base64.b64encode(path.read_bytes()).decode() for path in boards]
    texts[1] = "data:image/jpeg;base64," + texts[1]
    answer = door.post_json("/v1/detect", {"images": texts})
    assert answer.status == 200, answer
    assert [without_cost(result) for result in answer.json["results"]] == expected
    assert without_cost(door.post_json("/v1/detect", {"image": texts[1]}).json) == expected[1]


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
@pytest.mark.parametrize("how", [["--data-binary", "@{}"], ["-F", "image=@{}"],
                                 ["-T", "{}", "-X", "POST"]], ids=lambda how: how[0])
def test_curl_needs_no_more_than_a_file(door, boards, expected, how):
    how = [word.format(boards[0]) for word in how]
    run = run_tool(["curl", "--silent", "--show-error", "--fail", *how, f"{door.url}/v1/detect"])
    assert without_cost(json.loads(run.stdout)) == expected[0]


def test_confidence_and_classes_select_detections(door, boards, expected):
    data = boards[0].read_bytes()
    found = expected[0]["detections"]
    middle = sorted(d["confidence"] for d in found)[len(found) // 2]
    least = door.post(f"/v1/detect?conf={middle - 1e-4}", data).json["detections"]
    assert least == [d for d in found if d["confidence"] > middle - 1e-4]
    assert 0 < len(least) < len(found)
    name = found[0]["name"]
    for one in (name, found[0]["class"]):
        kept = door.post(f"/v1/detect?classes={one}", data).json["detections"]
        assert kept == [d for d in found if d["name"] == name]


def test_the_drawn_picture_is_the_one_that_save_writes(door, boards, shoal, tmp_path):
    run = shoal("detect", boards[0], "--save", tmp_path / "saved", "--quiet")
    assert run.status == 0, run
    answer = door.post("/v1/detect?format=image", boards[0].read_bytes())
    assert answer.status == 200, answer
    assert answer.headers["Content-Type"] == "image/jpeg"
    assert answer.body == (tmp_path / "saved" / boards[0].name).read_bytes()
    # Beside the boxes and labels it is the picture that was sent.
    drawn = np.asarray(Image.open(io.BytesIO(answer.body)), np.int16)
    sent = np.asarray(Image.open(boards[0]), np.int16)
    assert drawn.shape == sent.shape
    assert (np.abs(drawn - sent).max(axis=2) < 24).mean() > 0.85


def jpeg(width=320, height=240, **options):
    return encoded(scene(width, height), "JPEG", quality=90, **options)


def damaged_middle():
    """Zeros in the middle of the entropy-coded data."""
    data = bytearray(jpeg(640, 480))
    middle = len(data) // 2
    data[middle:middle + 400] = bytes(400)
    return bytes(data)


@pytest.mark.parametrize("data, status, code", [
    (b"", 400, "corrupt_input"),
    (b"this is not a picture\n" * 40, 400, "corrupt_input"),
    (jpeg()[:len(jpeg()) // 2], 400, "corrupt_input"),
    (jpeg()[:100], 400, "corrupt_input"),
    (encoded(scene(64, 64), "PNG")[:60], 400, "corrupt_input"),
    (with_jpeg_size(jpeg(), 65000, 65000), 413, "out_of_memory"),
    (with_png_size(encoded(scene(64, 64), "PNG"), 30000, 30000), 413, "out_of_memory"),
], ids=["empty", "text", "half", "headers", "png", "large_jpeg", "bomb"])
def test_a_picture_that_cannot_be_read_says_so(door, data, status, code):
    answer = door.post("/v1/detect", data)
    assert answer.status == status, answer
    assert answer.json["error"]["code"] == code
    assert answer.json["error"]["message"].startswith("body: ")
    assert answer.json["source"] == "body"
    again = door.post("/v1/detect", jpeg())
    assert again.status == 200, "the next picture is unaffected"


def test_a_damaged_picture_is_answered_and_the_damage_is_said(door):
    answer = door.post("/v1/detect", damaged_middle())
    assert answer.status == 200, answer
    assert answer.json["damaged"], answer
    assert "damaged" not in door.post("/v1/detect", jpeg()).json


def test_one_bad_picture_among_eight_fails_alone(door, boards, expected):
    good = [path.read_bytes() for path in boards] + [boards[0].read_bytes()]
    want = [*expected, expected[0]]
    bad = good[0][:len(good[0]) // 2]
    for position in (0, 3, 7):
        pictures = good[:position] + [bad] + good[position:]
        answer = door.post_form("/v1/detect",
                                [("f", f"p{i}", data) for i, data in enumerate(pictures)])
        results = answer.json["results"]
        failed = results.pop(position)
        assert failed["error"]["code"] == "corrupt_input"
        assert failed["error"]["message"].startswith(f"p{position}: ")
        assert [without_cost(result) for result in results] == want


def test_one_bad_request_among_eight_at_once_fails_alone(door, boards, expected):
    data = boards[0].read_bytes()
    for bad in (b"text", data[:len(data) // 2], data[:100], b"", data[:40]):
        pictures = [data] * 3 + [bad] + [data] * 4
        answers = at_once([lambda one=one: door.post("/v1/detect", one) for one in pictures])
        assert [answer.status for answer in answers] == [200] * 3 + [400] + [200] * 4
        for answer in answers[:3] + answers[4:]:
            assert without_cost(answer.json) == expected[0]


@pytest.mark.parametrize("path, content_type, body, status", [
    ("/v1/detect?cnof=0.5", "image/jpeg", b"x", 400),
    ("/v1/detect?conf=2", "image/jpeg", b"x", 400),
    ("/v1/detect?conf=0.01", "image/jpeg", jpeg(), 400),  # below the model's own
    ("/v1/detect?classes=unicorn", "image/jpeg", jpeg(), 400),
    ("/v1/models/unknown/detect", "image/jpeg", jpeg(), 404),
    ("/v1/detect", "text/plain", b"x", 415),
    ("/v1/detect", "application/json", b"{", 400),
    ("/v1/detect", "application/json", b'{"images":' + b"[" * 10_000, 400),
    ("/v1/detect", "multipart/form-data; boundary=b", b"--b\r\ncut", 400),
    ("/v1/detect?format=image", "application/json", b'{"images":["eA=="]}', 400),
])
def test_a_request_that_cannot_be_says_why(door, path, content_type, body, status):
    answer = door.post(path, body, content_type)
    assert answer.status == status, answer
    assert answer.json["error"]["message"]


def test_a_deadline_that_passes_is_an_error_and_nothing_else(door, boards):
    answer = door.post("/v1/detect?timeout_ms=1", boards[0].read_bytes())
    assert answer.status in (503, 504), answer
    assert answer.json["error"]["code"] == "deadline_exceeded"
    assert ("Retry-After" in answer.headers) == (answer.status == 503)
    assert door.post("/v1/detect?timeout_ms=60000", boards[0].read_bytes()).status == 200


def test_priorities_are_served(door, boards, expected):
    for priority in ("realtime", "high", "normal", "low"):
        answer = door.post(f"/v1/detect?priority={priority}", boards[0].read_bytes())
        assert without_cost(answer.json) == expected[0], priority


def executions(door):
    (stats,) = door.get("/v2/models/pcb_boxes/stats").json["model_stats"]
    return stats["inference_count"]


def test_clients_that_leave_do_not_cost_the_network(door, boards, expected):
    """64 clients send a picture and are gone; the one that stays gets its answer."""
    data = boards[0].read_bytes()
    head = (f"POST /v1/detect HTTP/1.1\r\nHost: localhost\r\nContent-Type: image/jpeg\r\n"
            f"Content-Length: {len(data)}\r\n\r\n").encode()
    before = executions(door)
    gone = [socket.create_connection((door.host, door.port), timeout=30) for _ in range(64)]
    for client in gone:
        client.sendall(head + data)
    for client in gone:
        client.close()
    answer = door.post("/v1/detect", data)
    assert without_cost(answer.json) == expected[0]
    assert executions(door) - before < 60, "some had left before their turn, and were dropped"


def test_models_health_and_the_page_are_served(door):
    (model,) = door.get("/v1/models").json["models"]
    assert (model["name"], model["state"], model["default"]) == ("pcb", "ready", True)
    assert model["classes"] == ["open", "short", "mousebite", "spur", "copper", "pin-hole"]
    assert door.get("/healthz").json == {"status": "ok"}
    page = door.get("/")
    assert page.headers["Content-Type"].startswith("text/html")
    example = door.get("/example.jpg").body
    assert len(door.post("/v1/detect", example).json["detections"]) == 6, "six defects are drawn"


def test_other_methods_are_refused(door):
    for method, path in (("GET", "/v1/detect"), ("DELETE", "/v1/models"), ("POST", "/")):
        answer = door.request(method, path)
        assert answer.status == 405, (method, path, answer)
        assert answer.headers["Allow"]
