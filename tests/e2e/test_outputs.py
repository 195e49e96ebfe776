"""The files that `detect` and `eval` write: their shapes are promises to other programs."""

import contextlib
import io
import json
import math
import pathlib

import cv2
import numpy as np
import pytest
from made_pictures import save, scene

CATEGORIES_WITHOUT = {12, 26, 29, 30, 45, 66, 68, 69, 71, 83}  # numbers COCO left out of 1..90


@pytest.fixture(scope="module")
def run_of_everything(shoal, quick_model, photos, zoo, tmp_path_factory):
    """One run with every kind of output."""
    folder = tmp_path_factory.mktemp("outputs")
    blank = save(folder / "blank.png", np.full((240, 320, 3), 127, np.uint8))
    broken = folder / "broken.jpg"
    broken.write_bytes(b"not a picture")
    sources = [*photos[:12], blank, broken, zoo / "images/bus.jpg"]
    run = shoal("detect", "-m", quick_model, "--json", folder / "out.jsonl", "--coco",
                folder / "coco.json", "--txt", folder / "txt", "--save-conf", "--save",
                folder / "save", "--summary", folder / "summary.json", *sources)
    assert run.status == 1, run  # one picture is broken
    run.folder, run.sources = folder, sources
    run.lines = [json.loads(line) for line in (folder / "out.jsonl").read_text().splitlines()]
    return run


def test_json_lines_have_the_documented_shape(run_of_everything):
    run = run_of_everything
    assert [line["source"] for line in run.lines] == [str(source) for source in run.sources]
    for line in run.lines:
        if "error" in line:
            assert set(line) == {"source", "frame", "error"}
            assert set(line["error"]) == {"code", "message"}
            continue
        assert set(line) == {"source", "frame", "time", "width", "height", "detections",
                             "truncated", "batch_size", "timing_ms"}
        assert line["frame"] == 0 and line["time"] is None and line["truncated"] is False
        assert 1 <= line["batch_size"] <= 8
        assert set(line["timing_ms"]) == {"decode", "queue", "preprocess", "inference",
                                          "postprocess", "total"}
        scores = [found["confidence"] for found in line["detections"]]
        assert scores == sorted(scores, reverse=True)
        for found in line["detections"]:
            assert set(found) == {"name", "class", "confidence", "box"}
            assert list(found["box"]) == ["x1", "y1", "x2", "y2"]
            assert 0.25 <= found["confidence"] <= 1
            assert all(math.isfinite(value) for value in found["box"].values())
            assert 0 <= found["class"] < 80 and isinstance(found["name"], str)
    names = {(found["class"], found["name"]) for line in run.lines
             for found in line.get("detections", [])}
    assert (0, "person") in names and (5, "bus") in names


def test_stage_times_are_within_the_total(run_of_everything):
    for line in run_of_everything.lines:
        if "error" in line:
            continue
        times = line["timing_ms"]
        stages = sum(value for key, value in times.items() if key != "total")
        assert all(value >= 0 for value in times.values())
        assert stages <= times["total"] * 1.05 + 0.1, line
        assert times["inference"] > 0.1, line


def test_coco_results_are_the_json_lines(run_of_everything):
    results = json.loads((run_of_everything.folder / "coco.json").read_text())
    expected = [(line, found) for line in run_of_everything.lines
                for found in line.get("detections", [])]
    assert len(results) == len(expected) > 20
    for entry, (line, found) in zip(results, expected):
        stem = pathlib.Path(line["source"]).stem
        assert set(entry) == {"image_id", "category_id", "bbox", "score"}
        assert entry["image_id"] == (int(stem) if stem.isdigit() else stem)
        assert entry["category_id"] not in CATEGORIES_WITHOUT
        box = found["box"]
        wanted = [box["x1"], box["y1"], box["x2"] - box["x1"], box["y2"] - box["y1"]]
        assert entry["bbox"] == pytest.approx(wanted, abs=0.011)
        assert entry["score"] == pytest.approx(found["confidence"], abs=6e-5)
        assert all(round(value, 3) == value for value in entry["bbox"])
        assert round(entry["score"], 5) == entry["score"]
    category = {found["class"]: entry["category_id"]
                for entry, (_, found) in zip(results, expected)}
    assert category[0] == 1 and category[5] == 6
    for class_id, number in category.items():
        assert number == [n for n in range(1, 91) if n not in CATEGORIES_WITHOUT][class_id]


def test_yolo_text_is_what_ultralytics_writes(run_of_everything):
    folder = run_of_everything.folder / "txt" / "labels"
    with_boxes = [line for line in run_of_everything.lines if line.get("detections")]
    assert sorted(path.name for path in folder.iterdir()) == sorted(
        pathlib.Path(line["source"]).stem + ".txt" for line in with_boxes)
    for line in with_boxes:
        rows = (folder / f"{pathlib.Path(line['source']).stem}.txt").read_text().splitlines()
        assert len(rows) == len(line["detections"])
        for row, found in zip(rows, line["detections"]):
            words = row.split(" ")
            assert len(words) == 6 and words[0] == str(found["class"])
            xc, yc, w, h, conf = map(float, words[1:])
            assert all("%g" % float(word) == word for word in words[1:])
            box = found["box"]
            assert (xc - w / 2) * line["width"] == pytest.approx(box["x1"], abs=0.02)
            assert (yc + h / 2) * line["height"] == pytest.approx(box["y2"], abs=0.02)
            assert conf == pytest.approx(found["confidence"], abs=6e-5)


def test_yolo_text_without_confidence_has_five_words(shoal, quick_model, zoo, tmp_path):
    run = shoal("detect", "-m", quick_model, "--txt", tmp_path, zoo / "images/bus.jpg")
    assert run.status == 0, run
    rows = (tmp_path / "labels/bus.txt").read_text().splitlines()
    assert rows and all(len(row.split()) == 5 for row in rows)


def test_annotated_pictures_keep_name_and_size(run_of_everything):
    run = run_of_everything
    written = sorted(path.name for path in (run.folder / "save").iterdir())
    good = [source for source in run.sources if source.name != "broken.jpg"]
    assert written == sorted(source.name for source in good)
    for source in good:
        drawn = cv2.imread(str(run.folder / "save" / source.name))
        plain = cv2.imread(str(source))
        assert drawn.shape == plain.shape
        found = next(line for line in run.lines if line["source"] == str(source))["detections"]
        changed = np.abs(drawn.astype(int) - plain.astype(int)).max(axis=2) > 60
        assert changed.any() == bool(found), source


def test_summary_counts_what_was_done(run_of_everything):
    summary = json.loads((run_of_everything.folder / "summary.json").read_text())
    assert summary["pictures"] == len(run_of_everything.sources)
    assert summary["failed"] == 1
    assert "broken.jpg" in run_of_everything.err


def test_machine_output_goes_to_stdout_alone(shoal, quick_model, zoo):
    run = shoal("detect", "-m", quick_model, "--json", "-", zoo / "images/bus.jpg")
    lines = [json.loads(line) for line in run.out.splitlines()]
    assert run.status == 0 and len(lines) == 1 and lines[0]["detections"], run


def test_classes_and_max_det_limit_the_boxes(shoal, quick_model, zoo, tmp_path):
    bus = zoo / "images/bus.jpg"
    everything, = shoal.detect(tmp_path / "a.jsonl", "-m", quick_model, bus)
    only_bus, = shoal.detect(tmp_path / "b.jsonl", "-m", quick_model, "--classes", 5, bus)
    one, = shoal.detect(tmp_path / "c.jsonl", "-m", quick_model, "--max-det", 1, bus)
    assert {found["class"] for found in everything["detections"]} > {5}
    assert only_bus["detections"] == [f for f in everything["detections"] if f["class"] == 5]
    assert one["detections"] == everything["detections"][:1] and one["truncated"] is True


def test_video_frames_have_numbers_and_times(shoal, quick_model, tmp_path):
    video = tmp_path / "clip.avi"
    writer = cv2.VideoWriter(str(video), cv2.VideoWriter_fourcc(*"MJPG"), 25, (320, 240))
    for i in range(30):
        writer.write(scene(320, 240, i)[:, :, ::-1])
    writer.release()
    lines = shoal.detect(tmp_path / "out.jsonl", "-m", quick_model, "--save", tmp_path / "save",
                         video)
    assert [line["frame"] for line in lines] == list(range(30))
    for line in lines:
        assert line["time"] == pytest.approx(line["frame"] / 25, abs=0.021)
    drawn = cv2.VideoCapture(str(tmp_path / "save/clip.mp4"))
    assert drawn.get(cv2.CAP_PROP_FRAME_WIDTH) == 320
    frames = 0
    while drawn.read()[0]:
        frames += 1
    assert frames == 30


def pycocotools_map(zoo, results):
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    with contextlib.redirect_stdout(io.StringIO()):
        truth = COCO(str(zoo / "datasets/coco256/instances_val2017.json"))
        evaluation = COCOeval(truth, truth.loadRes(str(results)), "bbox")
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return evaluation.stats[0], evaluation.stats[1]


def test_eval_is_what_pycocotools_says_of_the_coco_file(shoal, quick_model, zoo, tmp_path):
    """End to end: `eval` on labels against pycocotools on COCO's own boxes and our results."""
    data = zoo / "datasets/coco256/data.yaml"
    common = ["-m", quick_model, "--precision", "fp32", "--conf", 0.25, "--iou", 0.65]
    run = shoal("eval", *common, "--data", data, "--json", tmp_path / "eval.json", timeout=120)
    assert run.status == 0, run
    report = json.loads((tmp_path / "eval.json").read_text())
    assert list(report) == ["map50_95", "map50", "images", "left_out", "multi_label", "classes"]
    assert report["images"] == 128
    assert all(list(entry) == ["name", "map50_95", "instances"] for entry in report["classes"])
    run = shoal("detect", *common, "--coco", tmp_path / "coco.json",
                zoo / "datasets/coco256/images/val2017", timeout=120)
    assert run.status == 0, run
    map50_95, map50 = pycocotools_map(zoo, tmp_path / "coco.json")
    # `eval` counts every class of an anchor above the threshold, `detect` the best one alone.
    assert report["map50_95"] == pytest.approx(map50_95, abs=0.01)
    assert report["map50"] == pytest.approx(map50, abs=0.015)
