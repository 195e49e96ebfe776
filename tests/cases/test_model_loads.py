"""Files of models that are unusual, quantised or made to harm: they are loaded and answer, or are
refused with a reason before they cost anything."""

import json

import numpy as np
import onnx
import pytest
import toy
from onnx import TensorProto

ROWS = 300  # of an export that suppresses boxes itself


def suppressing(path, keep=ROWS):
    """As Ultralytics' export(nms=True) writes it: the kept boxes of picture 0, padded to `keep`."""
    graph = toy.Graph()
    toy.heads(graph, "images")

    def index(name, *values):
        return graph.constant(name, list(values), np.int64)

    def number(name, value, dtype=np.float32):
        return graph.constant(name, np.array(value, dtype))

    node = graph.node
    index("axis0", 0), index("axis1", 1)
    centre = node("Slice", ["boxes", "axis0", index("two", 2), "axis1"], "centre")
    size = node("Slice", ["boxes", "two", index("four", 4), "axis1"], "size")
    half = node("Mul", [size, number("half", .5)], "halves")
    low, high = node("Sub", [centre, half], "low"), node("Add", [centre, half], "high")
    corners = node("Concat", [low, high], "corners", axis=1)
    rows = node("Transpose", [corners], "rows", perm=[0, 2, 1])
    best = node("ReduceMax", ["scores"], "best", axes=[1], keepdims=0)
    kind = node("ArgMax", ["scores"], "kind", axis=1, keepdims=0)
    number("first", 0, np.int64)
    rows, best, kind = (node("Gather", [value, "first"], f"{value}_0", axis=0)
                        for value in (rows, best, kind))
    sure = node("Greater", [best, number("confidence", .25)], "sure")
    where = node("Squeeze", [node("NonZero", [sure], "places"), "axis0"], "where")
    rows, best, kind = (node("Gather", [value, where], f"{value}_sure", axis=0)
                        for value in (rows, best, kind))
    kind = node("Unsqueeze", [node("Cast", [kind], "kind_f", to=TensorProto.FLOAT), "axis1"],
                "kind_column")
    apart = node("Add", [rows, node("Mul", [kind, number("far", 7680)], "offset")], "apart")
    chosen = node("NonMaxSuppression", [
        node("Unsqueeze", [apart, "axis0"], "nms_boxes"),
        node("Unsqueeze", [best, index("axes01", 0, 1)], "nms_scores"),
        index("most", 2**31 - 1), graph.constant("overlap", [.7], np.float32)], "chosen")
    chosen = node("Gather", [chosen, number("third", 2, np.int64)], "chosen_rows", axis=1)
    chosen = node("Slice", [chosen, "axis0", index("keep", keep), "axis0"], "kept")
    found = node("Concat", [rows, node("Unsqueeze", [best, "axis1"], "best_column"), kind], "found",
                 axis=1)
    found = node("Gather", [found, chosen], "found_kept", axis=0)
    count = node("Gather", [node("Shape", [found], "found_shape"), "axis0"], "count")
    padding = node("Concat", [index("front", 0, 0), node("Sub", ["keep", count], "missing"),
                              index("back", 0)], "padding", axis=0)
    padded = node("Unsqueeze", [node("Pad", [found, padding], "padded"), "axis0"], "padded_row")
    node("ScatterND", [graph.constant("nothing", np.zeros((1, keep, 6)), np.float32),
                       graph.constant("place", [[0]], np.int64), padded], "output0")
    arguments = "{'batch': 1, 'half': False, 'dynamic': False, 'simplify': True, 'nms': True}"
    model = graph.model([("images", TensorProto.FLOAT, [1, 3, 640, 640])],
                        [("output0", TensorProto.FLOAT, [1, keep, 6])],
                        dict(toy.ULTRALYTICS, args=arguments))
    onnx.save(model, path)
    return path


def quantised(path):
    """A sum of a quantised tensor and a quantised constant, on which low-precision passes throw."""
    graph = toy.Graph()
    scale = graph.constant("quantum", 1 / 255, np.float32)
    zero = graph.constant("origin", 0, np.uint8)

    def quantise(value):
        small = graph.node("QuantizeLinear", [value, scale, zero], f"{value}_small")
        return graph.node("DequantizeLinear", [small, scale, zero], f"{value}_again")

    black = graph.constant("black", np.zeros((1, 3, 640, 640)), np.float32)
    graph.node("Add", [quantise("images"), quantise(black)], "seen")
    parts = toy.heads(graph, "seen")
    graph.node("Concat", list(parts), "output0", axis=1)
    onnx.save(graph.model([("images", TensorProto.FLOAT, [1, 3, 640, 640])],
                          [("output0", TensorProto.FLOAT, [1, 7, toy.count((640, 640))])],
                          toy.ULTRALYTICS), path)
    return path


def assert_known_boxes(line):
    found = sorted(tuple(d["box"].values()) for d in line["detections"])
    assert np.allclose(found, sorted(toy.BOXES), atol=1), found


def test_exports_that_suppress_boxes_themselves_are_loaded(shoal, detect, toys, tmp_path):
    model = suppressing(tmp_path / "suppressing.onnx")
    lines = detect(model, *[toys / "spots.png"] * 3)
    for line in lines:
        assert_known_boxes(line)
    run = shoal("inspect", model)
    assert run.status == 0 and "no NMS needed" in run.out, run
    assert "suppresses boxes itself" in run.out, run


def test_quantised_models_run_without_passes_that_fail(shoal, detect, toys, tmp_path):
    model = quantised(tmp_path / "quantised.onnx")
    [line] = detect(model, toys / "spots.png")
    assert_known_boxes(line)
    run = shoal("inspect", model, "--json", tmp_path / "inspect.json")
    assert run.status == 0 and "low-precision passes" in run.out, run
    assert len(json.loads((tmp_path / "inspect.json").read_text())["notes"]) == 1


def huge_constant(graph):
    zeros = graph.node("ConstantOfShape", [graph.constant("sides", [3000, 3000, 300], np.int64)],
                       "zeros")
    largest = graph.node("ReduceMax", [zeros], "largest", keepdims=0)
    return "boxes", graph.node("Add", ["scores", largest], "sum")


def huge_table(graph):
    column = graph.constant("column", np.zeros((40000, 1)), np.float32)
    row = graph.constant("row", np.zeros((1, 40000)), np.float32)
    largest = graph.node("ReduceMax", [graph.node("Mul", [column, row], "table")], "largest",
                         keepdims=0)
    return "boxes", graph.node("Add", ["scores", largest], "sum")


def long_chain(graph):
    last = "scores"
    for i in range(20000):
        last = graph.node("Relu", [last], f"relu{i}")
    return "boxes", last


@pytest.mark.parametrize("harm, reason", [
    (huge_constant, "from constants"), (huge_table, "from constants"),
    (long_chain, "load.nodes_max")])
@pytest.mark.parametrize("verb", ["inspect", "detect"])
def test_small_files_that_cost_gigabytes_or_hours_are_refused(shoal, toys, tmp_path, monkeypatch,
                                                              harm, reason, verb):
    # Shape inference in toy.detector would itself compute what is refused here.
    monkeypatch.setattr(onnx.shape_inference, "infer_shapes", with_rows)
    model = toy.detector(tmp_path / "harm.onnx", change=harm)
    run = shoal(verb, "-m", model, *([toys / "spots.png"] if verb == "detect" else []),
                timeout=120)
    assert run.status == 3 and reason in run.err, run
    assert run.peak_kib < 700 * 1024, run.peak_kib


def with_rows(model, **_):
    dimension = model.graph.output[0].type.tensor_type.shape.dim[1]
    dimension.ClearField("dim_param")
    dimension.dim_value = 7
    return model
