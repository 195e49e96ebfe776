"""What a network's input takes is read from the file: bytes, halves, scaling inside the graph."""

import numpy as np
import onnx
import onnxruntime
import pytest
import toy
from onnx import TensorProto, helper

SIZE = (640, 640)
SHAPE = ["batch", 3, *SIZE]


def model(path, prepare, kind=TensorProto.FLOAT, shape=None):
    """`prepare(graph, "images")`: the name of what the toy's layers see, 0..1 as [B, 3, H, W]."""
    graph = toy.Graph()
    toy.heads(graph, prepare(graph, "images"), SIZE)
    graph.node("Concat", ["boxes", "scores"], "output0", axis=1)
    proto = graph.model([("images", kind, shape or SHAPE)],
                        [("output0", TensorProto.FLOAT, ["batch", 7, toy.count(SIZE)])],
                        toy.ULTRALYTICS)
    onnx.save(proto, path)
    return path


def scaled(graph, name, factor=1 / 255, kind="Mul"):
    return graph.node(kind, [name, graph.constant("factor", np.float32(factor))], "scaled")


def as_float(graph, name):
    return graph.node("Cast", [name], "floats", to=TensorProto.FLOAT)


def channels(graph, name):
    return graph.node("Transpose", [name], "planes", perm=[0, 3, 1, 2])


def shifted(graph, name, mean, std):
    """(x - mean) / std, and back to 0..1 behind it: x has the scale of `mean`."""
    shape = (1, 3, 1, 1)
    mean, std = (np.reshape(np.float32(v), shape) for v in (mean, std))
    graph.node("Sub", [name, graph.constant("mean", mean)], "centred")
    graph.node("Div", ["centred", graph.constant("std", std)], "normal")
    # A layer undoes it, as the toy needs values of 0..1: a convolution is not pre-processing.
    unit = 255 if mean.max() > 2 else 1
    weights = np.zeros((3, 3, 1, 1), np.float32)
    weights[range(3), range(3), 0, 0] = std.ravel() / unit
    graph.node("Conv", ["normal", graph.constant("undo", weights),
                        graph.constant("undo0", (mean / unit).ravel())], "undone",
               kernel_shape=[1, 1])
    return "undone"


def gathered(graph, name):
    return graph.node("Gather", [name, graph.constant("order", [2, 1, 0], np.int64)], "swapped",
                      axis=1)


def cut_and_joined(graph, name):
    graph.nodes.append(helper.make_node(
        "Split", [name, graph.constant("ones3", [1, 1, 1], np.int64)], ["b", "g", "r"], axis=1))
    return graph.node("Concat", ["r", "g", "b"], "swapped", axis=1)


def backwards(graph, name):
    numbers = [graph.constant(f"slice{i}", [v], np.int64) for i, v in enumerate((-1, -9, 1, -1))]
    return graph.node("Slice", [name, *numbers], "swapped")


IMAGENET = ((.485, .456, .406), (.229, .224, .225))
BYTES = tuple(tuple(v * 255 for v in row) for row in IMAGENET)

INPUTS = {
    "u8": (TensorProto.UINT8, SHAPE, lambda g, x: scaled(g, as_float(g, x))),
    "u8 nhwc": (TensorProto.UINT8, ["batch", *SIZE, 3],
                lambda g, x: scaled(g, channels(g, as_float(g, x)))),
    "u8 divided": (TensorProto.UINT8, SHAPE, lambda g, x: scaled(g, as_float(g, x), 255, "Div")),
    "multiplied": (TensorProto.FLOAT, SHAPE, scaled),
    "divided": (TensorProto.FLOAT, SHAPE, lambda g, x: scaled(g, x, 255, "Div")),
    "nhwc divided": (TensorProto.FLOAT, ["batch", *SIZE, 3],
                     lambda g, x: scaled(g, channels(g, x), 255, "Div")),
    "half": (TensorProto.FLOAT16, SHAPE, as_float),
    "half divided": (TensorProto.FLOAT16, SHAPE, lambda g, x: scaled(g, as_float(g, x))),
    "mean of bytes": (TensorProto.FLOAT, SHAPE, lambda g, x: shifted(g, x, *BYTES)),
    "mean of shares": (TensorProto.FLOAT, SHAPE, lambda g, x: shifted(g, x, *IMAGENET)),
    "channels gathered": (TensorProto.FLOAT, SHAPE, gathered),
    "channels cut and joined, divided": (TensorProto.FLOAT, SHAPE,
                                         lambda g, x: scaled(g, cut_and_joined(g, x))),
    "channels backwards, u8": (TensorProto.UINT8, SHAPE,
                               lambda g, x: scaled(g, as_float(g, backwards(g, x)))),
    "divided, then mean": (TensorProto.FLOAT, SHAPE,
                           lambda g, x: shifted(g, scaled(g, x), *IMAGENET)),
}


@pytest.mark.parametrize("name", INPUTS)
def test_pictures_are_fed_as_the_graph_takes_them(detect, toys, tmp_path, name):
    kind, shape, prepare = INPUTS[name]
    path = model(tmp_path / "m.onnx", prepare, kind, shape)
    [line] = detect(path, toys / "spots.png")
    found = {d["name"]: tuple(d["box"].values()) for d in line["detections"]}
    assert set(found) == {"red", "green", "blue"}, line
    for colour, expected in zip(("red", "green", "blue"), toy.BOXES):
        assert np.allclose(found[colour], expected, atol=1), (colour, found[colour])


@pytest.mark.parametrize("name", ["u8", "u8 nhwc"])
def test_bytes_give_what_onnx_runtime_gives(detect, toys, tmp_path, name):
    kind, shape, prepare = INPUTS[name]
    path = model(tmp_path / "m.onnx", prepare, kind, shape)
    pixels = toy.picture()[None]
    session = onnxruntime.InferenceSession(path)
    [output] = session.run(None, {"images": pixels if "nhwc" in name else
                                  pixels.transpose(0, 3, 1, 2)})
    anchors = np.flatnonzero(output[0, 4:].max(axis=0) > .25)
    expected = sorted((output[0, 0, n], output[0, 1, n], output[0, 4:, n].max()) for n in anchors)
    [line] = detect(path, toys / "spots.png")
    found = sorted(((d["box"]["x1"] + d["box"]["x2"]) / 2, (d["box"]["y1"] + d["box"]["y2"]) / 2,
                    d["confidence"]) for d in line["detections"])
    assert np.allclose(found, expected, atol=.01)


def test_a_scale_that_says_nothing_is_asked_about(shoal, detect, toys, tmp_path):
    def prepare(graph, name):
        scaled(graph, name, 1 / 16)
        return graph.node("Conv", ["scaled", graph.constant(
            "undo", (np.eye(3) * 16 / 255)[:, :, None, None], np.float32)], "undone",
            kernel_shape=[1, 1])
    path = model(tmp_path / "m.onnx", prepare)
    for verb in (("inspect", path), ("detect", "-m", path, toys / "spots.png")):
        run = shoal(*verb)
        assert run.status == 3 and "multiply the input by 0.0625" in run.err, run
        assert "scale = 1 and mean = 0 for 0..255" in run.err and "m.onnx.toml" in run.err, run
    (tmp_path / "m.onnx.toml").write_text("scale = 1\nmean = 0\n")
    assert len(detect(path, toys / "spots.png")[0]["detections"]) == 3


def test_a_sidecar_that_contradicts_the_graph_is_believed_with_a_warning(shoal, tmp_path):
    path = model(tmp_path / "m.onnx", scaled)
    (tmp_path / "m.onnx.toml").write_text("scale = 0.00392157\n")
    run = shoal("inspect", path)
    assert run.status == 0 and "is believed" in run.out, run
    (tmp_path / "m.onnx.toml").write_text("scale = 1\n")
    assert "is believed" not in shoal("inspect", path).out
