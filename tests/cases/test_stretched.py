"""Models that are trained on stretched pictures see them stretched, and boxes come back by both
scales."""

import json

import numpy as np
import pytest
import toy
from PIL import Image

WIDE = (640, 320)  # each of its rows is two of the network's
SPOT = (80, 40)    # 8 x 4 pixels of it become 8 x 8 of the network's, at 80, 80


@pytest.fixture
def stretched(tmp_path):
    model = toy.detector(tmp_path / "stretched.onnx")
    (tmp_path / "stretched.onnx.toml").write_text('placement = "stretched"\n')
    return model


@pytest.fixture
def wide_picture(tmp_path):
    pixels = toy.picture(*WIDE, spots=())
    pixels[SPOT[1]:SPOT[1] + 4, SPOT[0]:SPOT[0] + 8] = (255, 0, 0)
    Image.fromarray(pixels).save(tmp_path / "wide.png")
    return tmp_path / "wide.png"


def test_boxes_of_stretched_pictures_come_back_by_both_scales(detect, stretched, wide_picture):
    [line] = detect(stretched, wide_picture)
    [found] = line["detections"]
    # The network says 52 .. 116 on both axes.
    assert np.allclose(list(found["box"].values()), (52, 26, 116, 58), atol=.5), found


def test_inspect_says_how_pictures_are_placed(shoal, stretched, tmp_path):
    run = shoal("inspect", stretched, "--json", tmp_path / "inspect.json")
    assert run.status == 0, run
    assert json.loads((tmp_path / "inspect.json").read_text())["input"]["letterbox"] == "stretched"
    assert ", stretched" in run.out


def test_no_shapes_are_added_where_nothing_is_padded(shoal, stretched, wide_picture):
    run = shoal("detect", "-m", stretched, wide_picture, "--rect", "--execution", "spread")
    assert run.status == 0, run
    assert "pads nothing" in run.err and "640x640, batch" in run.err, run


def test_a_placement_that_does_not_exist_is_refused_with_those_that_do(shoal, stretched, tmp_path):
    (tmp_path / "stretched.onnx.toml").write_text('placement = "squeezed"\n')
    run = shoal("inspect", stretched)
    assert run.status == 2 and '"centred", "top_left" or "stretched"' in run.err, run
