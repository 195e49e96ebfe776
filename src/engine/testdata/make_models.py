"""Writes tiny detectors of every encoding, and models that must be refused, as ONNX and IR.

usage: make_models.py FOLDER      Weights come from a fixed seed. Nothing here is trained.
"""
import sys
from pathlib import Path

import numpy as np
import onnx
import openvino
from onnx import TensorProto, helper, numpy_helper

CLASSES = 3
NAMES = "{0: 'open', 1: \"don't\", 2: 'pin-hole'}"


class Graph:
    """Collects nodes; `batch` is what Reshape targets hold: 0 (follow the input) or a number."""

    def __init__(self, size=(64, 64), batch=0, symbolic=None):
        self.width, self.height = size
        self.batch = batch
        self.nodes, self.constants, self.outputs = [], [], []
        self.rng = np.random.default_rng(7)
        first = "batch" if (symbolic if symbolic is not None else batch == 0) else batch
        self.input = helper.make_tensor_value_info(
            "images", TensorProto.FLOAT, [first, 3, self.height, self.width])
        self.first = first
        self.source = "images"  # what the first convolutions see

    def constant(self, values, dtype=np.float32):
        name = f"constant_{len(self.constants)}"
        self.constants.append(numpy_helper.from_array(np.asarray(values, dtype=dtype), name))
        return name

    def add(self, kind, inputs, name=None, count=1, **attributes):
        name = name or f"{kind.lower()}_{len(self.nodes)}"
        outs = [name] if count == 1 else [f"{name}_{i}" for i in range(count)]
        self.nodes.append(helper.make_node(kind, inputs, outs, name=name, **attributes))
        return outs[0] if count == 1 else outs

    def reshape(self, value, tail, name=None):
        return self.add("Reshape", [value, self.constant([self.batch, *tail], np.int64)], name)

    def conv(self, stride, channels, scale=1):
        weights = self.rng.normal(0, 0.3 * scale / stride, (channels, 3, stride, stride))
        bias = self.rng.normal(0, 0.5, channels)
        return self.add("Conv", [self.source, self.constant(weights), self.constant(bias)],
                        kernel_shape=[stride, stride], strides=[stride, stride])

    def cells(self, strides, channels, scale=1):
        """[b, channels, N], all strides one after the other."""
        flat = [self.reshape(self.conv(s, channels, scale), [channels, -1]) for s in strides]
        return self.add("Concat", flat, axis=2)

    def grid(self, strides, anchors=1):
        """Corner x, y and stride of every cell, [N] each."""
        xs, ys, ss = [], [], []
        for stride in strides:
            h, w = self.height // stride, self.width // stride
            y, x = np.mgrid[0:h, 0:w]
            for _ in range(anchors):
                xs.append(x.ravel()), ys.append(y.ravel()), ss.append(np.full(h * w, stride))
        return [np.concatenate(v).astype(np.float32) for v in (xs, ys, ss)]

    def decoded(self, raw, extra, strides):
        """Channels-first raw [b, 4+extra, N] to centre, size in pixels and sigmoided rest."""
        x, y, s = self.grid(strides)
        offset, size, rest = self.add(
            "Split", [raw, self.constant([2, 2, extra], np.int64)], count=3, axis=1)
        corner = self.constant(np.stack([x, y])[None])
        stride = self.constant(s[None, None])
        centre = self.add("Add", [self.add("Sigmoid", [offset]), corner])
        centre = self.add("Mul", [centre, stride])
        size = self.add("Mul", [self.add("Exp", [size]), stride])
        return self.add("Concat", [centre, size, self.add("Sigmoid", [rest])], axis=1)

    def output(self, value, shape):
        self.outputs.append(helper.make_tensor_value_info(
            value, TensorProto.FLOAT, [self.first, *shape]))

    def save(self, path, **metadata):
        graph = helper.make_graph(self.nodes, "tiny", [self.input], self.outputs, self.constants)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
        helper.set_model_props(model, {k: str(v) for k, v in metadata.items()})
        onnx.checker.check_model(model)
        onnx.save(model, path)


THREE = (8, 16, 32)
CELLS = 64 + 16 + 4


def xywh(g, name="output0"):
    raw = g.cells(THREE, 4 + CLASSES)
    out = g.decoded(raw, CLASSES, THREE)
    return g.add("Identity", [out], name)


def one_tensor(folder):
    for name, batch in (("xywh_dynamic", 0), ("xywh_static1", 1), ("xywh_static4", 4)):
        g = Graph(batch=batch)
        g.output(xywh(g), [4 + CLASSES, CELLS])
        metadata = {"names": NAMES, "task": "detect", "stride": 32} if batch == 0 else {}
        g.save(folder / f"{name}.onnx", **metadata)
    g = Graph(batch=1, symbolic=True)
    g.output(xywh(g), [4 + CLASSES, CELLS])
    g.save(folder / "xywh_symbolic_but_baked.onnx")
    g = Graph()
    g.output(g.add("Transpose", [xywh(g, "inner")], "output0", perm=[0, 2, 1]),
             [CELLS, 4 + CLASSES])
    g.save(folder / "xywh_transposed.onnx", names=NAMES)
    g = Graph()
    g.output(xywh(g), [4 + CLASSES, CELLS])
    g.save(folder / "segmentation.onnx", names=NAMES, task="segment")
    g = Graph(size=(96, 64))
    g.output(xywh(g), [4 + CLASSES, 96 + 24 + 6])
    g.save(folder / "xywh_wide.onnx", names=NAMES)


def objectness(folder):
    g = Graph()
    channels = 5 + CLASSES
    flat = []
    for stride in THREE:
        h, w = 64 // stride, 64 // stride
        value = g.reshape(g.conv(stride, 3 * channels), [3, channels, h * w])
        value = g.add("Transpose", [value], perm=[0, 1, 3, 2])
        flat.append(g.reshape(value, [3 * h * w, channels]))
    raw = g.add("Sigmoid", [g.add("Concat", flat, axis=1)])
    x, y, s = g.grid(THREE, anchors=3)
    xy, wh, rest = g.add("Split", [raw, g.constant([2, 2, channels - 4], np.int64)],
                         count=3, axis=2)
    xy = g.add("Add", [xy, g.constant(np.stack([x, y], 1)[None])])
    xy = g.add("Mul", [xy, g.constant(s[None, :, None])])
    wh = g.add("Mul", [wh, g.constant(s[None, :, None])])
    g.output(g.add("Concat", [xy, wh, rest], "output0", axis=2), [3 * CELLS, channels])
    g.save(folder / "objectness.onnx", names=NAMES)

    # Its input is 0..255, and its offsets and logarithms are small.
    g = Graph()
    raw = g.cells(THREE, channels, 1 / 255)
    offsets, scores = g.add("Split", [raw, g.constant([4, channels - 4], np.int64)], count=2,
                            axis=1)
    raw = g.add("Concat", [offsets, g.add("Sigmoid", [scores])], axis=1)
    g.output(g.add("Transpose", [raw], "output", perm=[0, 2, 1]), [CELLS, channels])
    g.save(folder / "yolox_raw.onnx")

    g = Graph()
    out = g.decoded(g.cells(THREE, channels), 1 + CLASSES, THREE)
    g.output(g.add("Transpose", [out], "output", perm=[0, 2, 1]), [CELLS, channels])
    g.save(folder / "decoded_ambiguous.onnx")


def end_to_end(folder):
    g = Graph()
    rows = g.add("Transpose", [xywh(g, "inner")], perm=[0, 2, 1])
    boxes, scores = g.add("Split", [rows, g.constant([4, CLASSES], np.int64)], count=2, axis=2)
    best = g.add("ReduceMax", [scores], axes=[2], keepdims=1)
    kind = g.add("Cast", [g.add("ArgMax", [scores], axis=2, keepdims=1)], to=TensorProto.FLOAT)
    centre, size = g.add("Split", [boxes, g.constant([2, 2], np.int64)], count=2, axis=2)
    half = g.add("Mul", [size, g.constant(0.5)])
    corners = [g.add("Sub", [centre, half]), g.add("Add", [centre, half])]
    table = g.add("Concat", [*corners, best, kind], axis=2)
    order = g.add("TopK", [best, g.constant([20], np.int64)], count=2, axis=1)[1]
    order = g.add("Tile", [order, g.constant([1, 1, 6], np.int64)])
    g.output(g.add("GatherElements", [table, order], "output0", axis=1), [20, 6])
    g.save(folder / "end_to_end.onnx", names=NAMES, stride=32)


def pairs(folder):
    for name, strides, values in (("distances", THREE, 4), ("bins", (*THREE, 64), 32)):
        g = Graph()
        scores, boxes = [], []
        for stride in strides:
            n = (64 // stride) ** 2
            value = g.reshape(g.conv(stride, CLASSES), [CLASSES, -1])
            value = g.add("Sigmoid", [value])
            scores.append((g.add("Transpose", [value], f"cls_{stride}", perm=[0, 2, 1]),
                           [n, CLASSES]))
            value = g.reshape(g.conv(stride, values), [values, -1])
            if name == "distances":
                value = g.add("Abs", [value])
            boxes.append((g.add("Transpose", [value], f"reg_{stride}", perm=[0, 2, 1]),
                          [n, values]))
        for value, shape in scores + boxes:
            g.output(value, shape)
        g.save(folder / f"gfl_{name}.onnx")


def batch_traps(folder):
    # A constant joined to every picture's rows: it can be repeated.
    g = Graph(batch=1)
    raw = g.cells(THREE, 3 + CLASSES)
    raw = g.add("Concat", [raw, g.constant(np.linspace(-2, 2, CELLS)[None, None])],
                "joined", axis=1)
    g.output(g.add("Identity", [g.decoded(raw, CLASSES, THREE)], "output0"), [4 + CLASSES, CELLS])
    g.save(folder / "static1_joined_constant.onnx")
    # The batch axis is dropped: nothing can bring a second picture through.
    g = Graph(batch=1)
    raw = g.add("Squeeze", [g.cells(THREE, 4 + CLASSES), g.constant([0], np.int64)], "squash")
    raw = g.add("Unsqueeze", [raw, g.constant([0], np.int64)], "unsquash")
    g.output(g.add("Identity", [g.decoded(raw, CLASSES, THREE)], "output0"), [4 + CLASSES, CELLS])
    g.save(folder / "static1_squeezed.onnx")
    # Shapes follow any batch, values do not: neighbours add to a picture.
    for name, batch, mix in (("dynamic", 0, "CumSum"), ("static1", 1, "Softmax")):
        g = Graph(batch=batch)
        raw = g.cells(THREE, 4 + CLASSES)
        if mix == "CumSum":
            mixed = g.add("CumSum", [raw, g.constant(0, np.int64)], "across")
        else:
            mixed = g.add("Softmax", [raw], "across", axis=0)
        raw = g.add("Add", [raw, mixed])
        g.output(g.add("Identity", [g.decoded(raw, CLASSES, THREE)], "output0"),
                 [4 + CLASSES, CELLS])
        g.save(folder / f"{name}_across_pictures.onnx")


def free_grid(folder):
    """Its grid is counted out at run time, so any size is right."""
    g = Graph()
    flat = []
    for stride in THREE:
        value = g.conv(stride, 4 + CLASSES)
        zero = g.constant(0.0)
        one = g.constant(1.0)
        ones = g.add("Add", [g.add("Mul", [g.add(
            "Split", [value, g.constant([1, 3 + CLASSES], np.int64)], count=2, axis=1)[0], zero]),
            one])
        axes = [g.add("CumSum", [ones, g.constant(axis, np.int64)]) for axis in (3, 2)]
        corner = g.add("Sub", [g.add("Concat", axes, axis=1), one])
        offset, size, rest = g.add(
            "Split", [value, g.constant([2, 2, CLASSES], np.int64)], count=3, axis=1)
        scale = g.constant(float(stride))
        centre = g.add("Mul", [g.add("Add", [g.add("Sigmoid", [offset]), corner]), scale])
        size = g.add("Mul", [g.add("Exp", [size]), scale])
        whole = g.add("Concat", [centre, size, g.add("Sigmoid", [rest])], axis=1)
        flat.append(g.reshape(whole, [4 + CLASSES, -1]))
    g.output(g.add("Concat", flat, "output0", axis=2), [4 + CLASSES, CELLS])
    g.save(folder / "xywh_free_grid.onnx", names=NAMES)


def suppressed(folder):
    """As Ultralytics' export(nms=True) writes it: the kept boxes of picture 0, padded to K rows."""
    keep = 20
    g = Graph(batch=1)
    index = lambda *values: g.constant(list(values), np.int64)
    scalar = lambda value: g.constant(value, np.int64)
    rows = g.add("Transpose", [xywh(g, "decoded")], perm=[0, 2, 1])
    centre, size, scores = g.add("Split", [rows, index(2, 2, CLASSES)], count=3, axis=2)
    half = g.add("Mul", [size, g.constant(.5)])
    corners = g.add("Concat", [g.add("Sub", [centre, half]), g.add("Add", [centre, half])], axis=2)
    best = g.add("ReduceMax", [scores], axes=[2], keepdims=0)
    classes = g.add("ArgMax", [scores], axis=2, keepdims=0)
    first = [g.add("Gather", [value, scalar(0)], axis=0) for value in (corners, best, classes)]
    sure = g.add("Greater", [first[1], g.constant(.25)])
    where = g.add("Squeeze", [g.add("NonZero", [sure]), index(0)])
    boxes, best, classes = (g.add("Gather", [value, where], axis=0) for value in first)
    classes = g.add("Unsqueeze", [g.add("Cast", [classes], to=TensorProto.FLOAT), index(1)])
    apart = g.add("Add", [boxes, g.add("Mul", [classes, g.constant(7680.)])])
    kept = g.add("NonMaxSuppression", [
        g.add("Unsqueeze", [apart, index(0)]), g.add("Unsqueeze", [best, index(0, 1)]),
        index(2**31 - 1), g.constant([.7])])
    kept = g.add("Slice", [g.add("Gather", [kept, scalar(2)], axis=1), index(0), index(keep),
                           index(0)])
    found = g.add("Concat", [boxes, g.add("Unsqueeze", [best, index(1)]), classes], axis=1)
    found = g.add("Gather", [found, kept], axis=0)
    count = g.add("Gather", [g.add("Shape", [found]), index(0)])
    missing = g.add("Concat", [index(0, 0), g.add("Sub", [index(keep), count]), index(0)], axis=0)
    rows = g.add("Unsqueeze", [g.add("Pad", [found, missing]), index(0)])
    g.output(g.add("ScatterND", [g.constant(np.zeros((1, keep, 6))), g.constant([[0]], np.int64),
                                 rows], "output0"), [keep, 6])
    g.save(folder / "suppressed.onnx", names=NAMES, args="{'nms': True}")


def quantised(folder):
    """Its low-precision passes fail: a sum of a quantised tensor and a quantised constant."""
    g = Graph()
    scale, zero = g.constant(.01), g.constant(0, np.uint8)
    quantise = lambda value: g.add(
        "DequantizeLinear", [g.add("QuantizeLinear", [value, scale, zero]), scale, zero])
    some = g.constant(g.rng.uniform(0, .5, (1, 3, 64, 64)))
    g.source = g.add("Add", [quantise("images"), quantise(some)])
    g.output(xywh(g), [4 + CLASSES, CELLS])
    g.save(folder / "quantised_sum.onnx", names=NAMES)


def heavy(folder):
    """Small files that cost gigabytes or hours to load."""
    def detector(name, spoil):
        g = Graph()
        g.output(g.add("Identity", [spoil(g, xywh(g, "decoded"))], "output0"),
                 [4 + CLASSES, CELLS])
        g.save(folder / f"{name}.onnx", names=NAMES)

    def huge_constant(g, value):
        ones = g.add("ConstantOfShape", [g.constant([3000, 3000, 300], np.int64)])
        return g.add("Add", [value, g.add("ReduceMax", [ones], keepdims=0)])

    def huge_product(g, value):
        column = g.constant(np.zeros((40000, 1)))
        row = g.constant(np.zeros((1, 40000)))
        return g.add("Add", [value, g.add("ReduceMax", [g.add("Mul", [column, row])], keepdims=0)])

    def huge_activation(g, value):
        tall = g.add("Tile", [value, g.constant([1, 1, 1000000], np.int64)])
        return g.add("Add", [value, g.add("ReduceMax", [tall], axes=[2])])

    def long_chain(g, value):
        for _ in range(1200):
            value = g.add("Relu", [value])
        return value

    def huge_shape(g, value):  # evaluated while the file is read: a shape depends on it
        threes = g.add("Range", [g.constant(0, np.int64), g.constant(10**9, np.int64),
                                 g.constant(1, np.int64)])
        rows = g.add("Gather", [threes, g.constant([4 + CLASSES], np.int64)])
        shape = g.add("Concat", [g.constant([0], np.int64), rows, g.constant([-1], np.int64)],
                      axis=0)
        return g.add("Reshape", [value, shape])

    for spoil in (huge_constant, huge_product, huge_activation, long_chain, huge_shape):
        detector(spoil.__name__, spoil)


def no_detectors(folder):
    g = Graph()
    pooled = g.add("GlobalAveragePool", [g.conv(8, 1000)])
    g.output(g.reshape(pooled, [1000], "logits"), [1000])
    g.save(folder / "classifier.onnx")
    node = helper.make_node("Add", ["a", "b"], ["c"])
    vector = [helper.make_tensor_value_info(n, TensorProto.FLOAT, [4]) for n in "abc"]
    graph = helper.make_graph([node], "sum", vector[:2], vector[2:])
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8),
              folder / "two_inputs.onnx")
    graph = helper.make_graph(
        [helper.make_node("MakeBoxes", ["a"], ["c"], domain="my.ops")], "own", vector[:1],
        vector[2:])
    onnx.save(helper.make_model(graph, opset_imports=[
        helper.make_opsetid("", 13), helper.make_opsetid("my.ops", 1)], ir_version=8),
        folder / "unknown_operator.onnx")


def main():
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for make in (one_tensor, objectness, end_to_end, pairs, batch_traps, free_grid, suppressed,
                 quantised, heavy, no_detectors):
        make(folder)
    openvino.save_model(openvino.Core().read_model(folder / "xywh_dynamic.onnx"),
                        folder / "xywh_ir.xml", compress_to_fp16=False)


main()
