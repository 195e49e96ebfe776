"""The program against an independent reference (reference.py) on every model of the test data.

Boxes: within 0.5 pixels and 0.01 of confidence. A detection may be missing on one side only where
it stands within 0.01 of the threshold, or where a pair's overlap stands so near the suppression
limit that rounding decides. mAP: within 0.005 of the figures in the test data's README (fp32),
0.01 (bf16).
"""

import json
import pathlib
import sys

import numpy as np
import pytest

sys.path.insert(0, str(pathlib.Path(__file__).parent))

MODELS = [
    "yolov5n_640_fp32", "yolov8n_640_dq8", "yolo11n_640_dq8", "yolov10n_640_dq8",
    "yolo26n_640_dq8", "yolox_nano_416_fp32", "yolox_nano_416_static1", "nanodet_m_320_fp32",
    "nanodet_m_320_static1", "picodet_s_320_fp32", "picodet_s_320_static1"]
PICTURES = ["bus.jpg", "zidane.jpg", "dog.jpg"]

# mAP50-95 on the 128 val pictures, from the test data's README.
README_MAP = {
    "yolov5n_640_fp32": 0.336, "yolov8n_640_dq8": 0.420, "yolo11n_640_dq8": 0.405,
    "yolov10n_640_dq8": 0.431, "yolo26n_640_dq8": 0.473, "yolox_nano_416_fp32": 0.341,
    "nanodet_m_320_fp32": 0.243, "picodet_s_320_fp32": 0.314}

CONF, IOU = 0.25, 0.7
PIXELS, SCORE = 0.5, 0.01


@pytest.fixture(scope="session")
def references(zoo):
    """Reference detections, computed once a model: {picture: Detections}."""
    import reference

    cache = {}

    def of(model):
        # A static export computes what its dynamic twin does.
        if model not in cache:
            detector = reference.Reference(zoo / "models" / f"{model}.onnx")
            cache[model] = {}
            for name in PICTURES:
                picture = reference.read_picture(zoo / "images" / name)
                cache[model][name] = detector.detect(picture, CONF - SCORE, IOU,
                                                     multi_label=False)
        return cache[model]

    return of


def arrays_of(line):
    found = line["detections"]
    boxes = np.array([[d["box"][k] for k in ("x1", "y1", "x2", "y2")] for d in found])
    return (boxes.reshape(-1, 4), np.array([d["confidence"] for d in found]),
            np.array([d["class"] for d in found], dtype=int))


def pairs_of(boxes, classes, other_boxes, other_classes):
    """Greedy matching by IoU within a class: [(index, index)]."""
    import reference

    candidates = []
    for i, box in enumerate(boxes):
        for j in np.flatnonzero(other_classes == classes[i]):
            iou = reference.overlap(box, other_boxes[j:j + 1])[0]
            if iou > 0.5:
                candidates.append((iou, i, j))
    used_left, used_right, pairs = set(), set(), []
    for _, i, j in sorted(candidates, reverse=True):
        if i not in used_left and j not in used_right:
            used_left.add(i)
            used_right.add(j)
            pairs.append((i, j))
    return pairs


def decided_by_rounding(box, class_id, boxes, classes):
    """Whether a box overlaps another of its class by almost exactly the suppression limit."""
    import reference

    others = boxes[classes == class_id]
    return len(others) and (np.abs(reference.overlap(box, others) - IOU) < 0.01).any()


def compare(line, expected):
    """Complaints about one picture, and how many boxes agreed."""
    boxes, scores, classes = arrays_of(line)
    pairs = pairs_of(boxes, classes, expected.boxes, expected.classes)
    complaints = []
    for i, j in pairs:
        moved = np.abs(boxes[i] - expected.boxes[j]).max()
        changed = abs(scores[i] - expected.scores[j])
        if moved > PIXELS or changed > SCORE:
            complaints.append(f"class {classes[i]} moved {moved:.3f} px, score differs by "
                              f"{changed:.4f}: {boxes[i]} {scores[i]:.3f}, reference "
                              f"{expected.boxes[j].round(2)} {expected.scores[j]:.3f}")
    for side, own, other, missing in (
            ("only in shoal", (boxes, scores, classes),
             (expected.boxes, expected.classes), {i for i, _ in pairs}),
            ("only in the reference", (expected.boxes, expected.scores, expected.classes),
             (boxes, classes), {j for _, j in pairs})):
        for k in set(range(len(own[0]))) - missing:
            if own[1][k] > CONF + SCORE and not decided_by_rounding(own[0][k], own[2][k], *other):
                complaints.append(f"{side}: class {own[2][k]} {own[1][k]:.3f} {own[0][k]}")
    return complaints, len(pairs)


@pytest.mark.parametrize("decode", ["default", "exact"])
@pytest.mark.parametrize("model", MODELS)
def test_boxes_agree_with_the_reference(shoal, zoo, references, tmp_path, model, decode):
    arguments = ["-m", zoo / "models" / f"{model}.onnx", "--precision", "fp32", "--conf", CONF,
                 "--iou", IOU]
    if decode == "exact":
        arguments.append("--exact-decode")
    lines = shoal.detect(tmp_path / "out.jsonl", *arguments,
                         *(zoo / "images" / name for name in PICTURES))
    assert [pathlib.Path(line["source"]).name for line in lines] == PICTURES
    complaints, agreed = [], 0
    for line, name in zip(lines, PICTURES):
        assert "error" not in line, line
        told, count = compare(line, references(model)[name])
        complaints += [f"{name}: {text}" for text in told]
        agreed += count
    assert not complaints, "\n".join(complaints)
    assert agreed >= 8, "hardly anything was compared"


def evaluate(shoal, zoo, model, precision, output):
    run = shoal("eval", "-m", zoo / "models" / f"{model}.onnx", "--data",
                zoo / "datasets/coco256/data.yaml", "--split", "val", "--precision", precision,
                "--json", output, timeout=600)
    assert run.status == 0, run
    return json.loads(output.read_text())


@pytest.mark.slow
@pytest.mark.parametrize("precision, tolerance", [("fp32", 0.005), ("bf16", 0.01)])
@pytest.mark.parametrize("model", README_MAP)
def test_map_is_that_of_the_table(shoal, zoo, tmp_path, model, precision, tolerance):
    report = evaluate(shoal, zoo, model, precision, tmp_path / "eval.json")
    assert report["images"] == 128
    assert sum(entry["instances"] for entry in report["classes"]) == 898
    assert report["map50_95"] == pytest.approx(README_MAP[model], abs=tolerance)


@pytest.mark.slow
@pytest.mark.parametrize("model", README_MAP)
def test_map_is_that_of_the_reference(shoal, zoo, tmp_path, model):
    import reference

    report = evaluate(shoal, zoo, model, "fp32", tmp_path / "eval.json")
    expected, expected50 = reference.evaluate(
        reference.Reference(zoo / "models" / f"{model}.onnx"),
        zoo / "datasets/coco256/data.yaml", "val")
    assert report["map50_95"] == pytest.approx(expected, abs=0.003)
    assert report["map50"] == pytest.approx(expected50, abs=0.005)
