"""A place that looks like two classes: detect keeps the better one, unless it is asked for all, and
eval scores all. Both say which they did."""

import json

import pytest
import toy
from PIL import Image


@pytest.fixture
def twofold(tmp_path):
    """red is also green, with half the confidence; and so on."""
    def change(graph):
        turned = graph.node("Gather", ["scores", graph.constant("next", [2, 0, 1], int)], "turned",
                            axis=1)
        half = graph.node("Mul", [turned, graph.constant("half", .5, "float32")], "halved")
        return "boxes", graph.node("Max", ["scores", half], "both")

    model = toy.detector(tmp_path / "twofold.onnx", change=change)
    for folder in ("images", "labels"):
        (tmp_path / "data" / folder / "val").mkdir(parents=True)
    Image.fromarray(toy.picture()).save(tmp_path / "data/images/val/spots.png")
    (tmp_path / "data/labels/val/spots.txt").write_text("0 .13125 .13125 .1 .1\n")
    (tmp_path / "data/data.yaml").write_text(
        f"path: {tmp_path}/data\nval: images/val\nnames: [red, green, blue]\n")
    return model


def run_detect(shoal, model, tmp_path, *options):
    lines = shoal.detect(tmp_path / "lines.jsonl", "-m", model, "--execution", "spread", *options,
                         "--summary", tmp_path / "summary.json",
                         tmp_path / "data/images/val/spots.png")
    names = sorted(d["name"] for d in lines[0]["detections"])
    return names, json.loads((tmp_path / "summary.json").read_text())


def test_detect_keeps_the_best_class_and_says_so(shoal, twofold, tmp_path):
    names, summary = run_detect(shoal, twofold, tmp_path)
    assert names == ["blue", "green", "red"]
    assert summary["multi_label"] is False and "best class of a box" in summary["model"]


@pytest.mark.parametrize("option", [["--multi-label"], ["--detect.multi_label", "true"]])
def test_detect_gives_every_class_where_it_is_asked_to(shoal, twofold, tmp_path, option):
    names, summary = run_detect(shoal, twofold, tmp_path, *option)
    assert names == ["blue", "blue", "green", "green", "red", "red"]
    assert summary["multi_label"] is True and "every class of a box" in summary["model"]


def test_eval_says_that_it_scores_every_class(shoal, twofold, tmp_path):
    run = shoal("eval", "-m", twofold, "--data", tmp_path / "data/data.yaml", "--execution",
                "spread", "--json", tmp_path / "eval.json")
    assert run.status == 0, run
    assert json.loads((tmp_path / "eval.json").read_text())["multi_label"] is True
    assert "every class of a box" in run.err, run
