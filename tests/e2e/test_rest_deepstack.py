"""Goal: Frigate's detector `deepstack` works as it is, and other clients of DeepStack."""

import io

import numpy as np
import pytest
import requests
from PIL import Image
from program import BUILD, run_tool
from rest_client import Serving, at_once

LABELS = {0: "open", 1: "short", 2: "mousebite", 3: "spur", 4: "copper", 5: "pin-hole"}


class FrigateLike:
    """What Frigate (0.17) asks and how it reads the answer: it stops at the first confidence below
    0.4 and at the first label it does not know, and has room for twenty rows of (label, confidence,
    y0, x0, y1, x1), the box as shares of the picture."""

    def __init__(self, url, timeout=30, api_key=""):
        self.url, self.timeout, self.api_key = url, timeout, api_key

    def detect(self, pixels):
        height, width = pixels.shape[:2]
        buffer = io.BytesIO()
        Image.fromarray(pixels).save(buffer, format="JPEG")
        answer = requests.post(self.url, data={"api_key": self.api_key},
                               files={"image": buffer.getvalue()}, timeout=self.timeout).json()
        rows = np.zeros((20, 6), np.float32)
        numbers = {name: number for number, name in LABELS.items()}
        for row, found in enumerate(answer.get("predictions") or []):
            label = numbers.get(found["label"].lower())
            if found["confidence"] < 0.4 or label is None:
                break
            rows[row] = (label, found["confidence"], found["y_min"] / height,
                         found["x_min"] / width, found["y_max"] / height, found["x_max"] / width)
        return rows, answer


@pytest.fixture(scope="module")
def door(shoal_bin):
    with Serving() as serving:
        yield serving


@pytest.fixture(scope="module")
def board(tmp_path_factory):
    """A board with 40 defects: more than Frigate has room for. Its pixels and the true boxes."""
    folder = tmp_path_factory.mktemp("board")
    run_tool([BUILD / "make_boards", "--seed", 5, "--size", "960x960", "--defects", 40,
              "--out", folder])
    words = (folder / "labels.txt").read_text().split()
    truth = np.array(words[3:], float).reshape(-1, 5)
    return np.asarray(Image.open(folder / words[0])), truth


def overlap(a, b):
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    both = max(0, width) * max(0, height)
    area = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1])
    return both / (area - both)


def test_frigate_finds_what_is_there(door, board):
    pixels, truth = board
    rows, answer = FrigateLike(f"{door.url}/v1/vision/detection").detect(pixels)
    assert answer["success"] is True
    assert answer["count"] == len(answer["predictions"]) == 20
    assert answer["truncated"] is True, "there were more than Frigate has room for"
    confidences = [found["confidence"] for found in answer["predictions"]]
    assert confidences == sorted(confidences, reverse=True)
    for found in answer["predictions"]:
        assert all(isinstance(found[side], int) for side in ("x_min", "y_min", "x_max", "y_max"))
    height, width = pixels.shape[:2]
    right = 0
    for label, confidence, y0, x0, y1, x1 in rows:
        assert confidence >= 0.4
        box = (x0 * width, y0 * height, x1 * width, y1 * height)
        right += any(label == one[0] and overlap(box, one[1:]) > 0.5 for one in truth)
    assert right >= 18, f"{right} of 20 are true"


def test_the_answer_is_that_of_the_plain_door(door, board):
    pixels, _ = board
    small = np.ascontiguousarray(pixels[:320, :320])
    buffer = io.BytesIO()
    Image.fromarray(small).save(buffer, format="JPEG")
    plain = door.post("/v1/detect", buffer.getvalue()).json["detections"]
    answer = door.post_form("/v1/vision/detection", [("image", "image", buffer.getvalue())]).json
    assert 0 < len(plain) <= 20 and "truncated" not in answer
    for one, found in zip(plain, answer["predictions"], strict=True):
        assert (found["label"], found["confidence"]) == (one["name"], one["confidence"])
        for side, name in (("x_min", "x1"), ("y_min", "y1"), ("x_max", "x2"), ("y_max", "y2")):
            assert abs(found[side] - one["box"][name]) <= 0.51


def test_min_confidence_selects_and_other_fields_do_not_matter(door, board):
    buffer = io.BytesIO()
    Image.fromarray(board[0][:320, :320]).save(buffer, format="JPEG")
    files = [("image", "image", buffer.getvalue())]
    every = door.post_form("/v1/vision/detection", files, [("anything", "x")]).json["predictions"]
    middle = every[len(every) // 2]["confidence"]
    some = door.post_form("/v1/vision/custom/pcb", files,
                          [("min_confidence", str(middle + 1e-4))]).json["predictions"]
    assert some == [found for found in every if found["confidence"] > middle + 1e-4]


def test_what_goes_wrong_is_said_as_deepstack_says_it(door):
    url = f"{door.url}/v1/vision/detection"
    for send, status in ((dict(files={"image": b"text"}), 400), (dict(files={"x": b"y"}), 400),
                         (dict(data=b""), 400), (dict(files={"image": b""}), 400)):
        answer = requests.post(url, timeout=30, **send)
        assert answer.status_code == status
        assert answer.json()["success"] is False and answer.json()["error"]


def test_six_cameras_at_once_get_their_own_answers(door, board):
    pixels, _ = board
    frigate = FrigateLike(f"{door.url}/v1/vision/detection")
    views = [pixels[y:y + 320, x:x + 320] for y in (0, 320) for x in (0, 320, 640)]
    alone = [frigate.detect(view)[1] for view in views]
    together = at_once([lambda view=view: frigate.detect(view)[1] for view in views * 3])
    assert together == alone * 3
