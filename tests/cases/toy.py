"""Detectors whose right answers are known, and pictures for them.

A toy detector fires where a cell of 8, 16 or 32 pixels is nearly pure red, green or blue (classes
0, 1, 2), and says a box of `box` x `box` network pixels around the centre of the cell. Cells of a
bright square of 8 x 8 pixels therefore give one box each, at a known place, with a confidence of
almost 1.
"""

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

# Options of the program: nothing is measured at load, toy detectors have no time worth measuring.
QUICK = ("--execution", "spread", "--lanes", "1")
NAMES = "{0: 'red', 1: 'green', 2: 'blue'}"
ULTRALYTICS = {"names": NAMES, "task": "detect", "stride": "32", "imgsz": "[640, 640]",
               "batch": "1", "author": "Ultralytics", "version": "8.3.0",
               "description": "Ultralytics YOLO11n model"}
SPOTS = ((80, 80, 0), (320, 160, 1), (480, 480, 2))  # x, y of a square of 8 x 8, colour
BOXES = ((52, 52, 116, 116), (292, 132, 356, 196), (452, 452, 516, 516))  # of SPOTS, at 640 x 640


class Graph:
    """Nodes and constants of a network under construction."""

    def __init__(self):
        self.nodes, self.constants = [], []

    def constant(self, name, value, dtype=None):
        self.constants.append(numpy_helper.from_array(np.asarray(value, dtype), name))
        return name

    def node(self, operation, inputs, output, **attributes):
        self.nodes.append(helper.make_node(operation, inputs, [output], **attributes))
        return output

    def model(self, inputs, outputs, metadata=None):
        """`inputs`, `outputs`: (name, element type, shape)."""
        infos = [[helper.make_tensor_value_info(*tensor) for tensor in tensors]
                 for tensors in (inputs, outputs)]
        graph = helper.make_graph(self.nodes, "toy", *infos, self.constants)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)])
        model.ir_version = 8
        for key, value in (metadata or {}).items():
            entry = model.metadata_props.add()
            entry.key, entry.value = key, value
        return model


def anchors(size, strides):
    """[4, N]: centre x, centre y and stride of each cell (twice), row by row, in network pixels."""
    height, width = size
    cells = []
    for stride in strides:
        y, x = np.mgrid[0:height // stride, 0:width // stride]
        flat = np.full(x.size, stride)
        cells.append(np.stack([(x.ravel() + .5) * stride, (y.ravel() + .5) * stride, flat, flat]))
    return np.concatenate(cells, axis=1)


def heads(graph, image, size=(640, 640), classes=3, strides=(8, 16, 32), box=64.0, logits=False):
    """Adds the network to `graph`: names of "boxes" [B,4,N] (cx cy w h) and "scores" [B,C,N].

    `image` names an f32 tensor [B,3,H,W] of values 0..1. A class fires with a logit of +10 on its
    own pure colour and stays below -15 on grey; classes above 2 never fire.
    """
    maps = []
    for stride in strides:
        weights = np.zeros((classes, 3, 1, 1), np.float32)
        for c in range(min(classes, 3)):
            weights[c, :, 0, 0] = -20
            weights[c, c, 0, 0] = 40
        graph.node("AveragePool", [image], f"mean{stride}", kernel_shape=[stride] * 2,
                   strides=[stride] * 2)
        graph.node("Conv", [f"mean{stride}", graph.constant(f"weights{stride}", weights),
                            graph.constant(f"bias{stride}", np.full(classes, -30, np.float32))],
                   f"logits{stride}", kernel_shape=[1, 1])
        last = f"logits{stride}"
        if not logits:
            last = graph.node("Sigmoid", [last], f"probabilities{stride}")
        shape = graph.constant(f"shape{stride}", [0, classes, -1], np.int64)
        maps.append(graph.node("Reshape", [last, shape], f"flat{stride}"))
    graph.node("Concat", maps, "scores", axis=2)

    # The boxes are constants; adding 0 x scores gives them the batch's size.
    boxes = anchors(size, strides)
    boxes[2:] = box
    graph.node("ReduceMax", ["scores"], "any", axes=[1], keepdims=1)
    graph.node("Mul", ["any", graph.constant("nought", np.float32(0))], "zero")
    graph.node("Add", [graph.constant("cells", boxes[None], np.float32), "zero"], "boxes")
    return "boxes", "scores"


def count(size, strides=(8, 16, 32)):
    """How many cells there are in all."""
    return sum((size[0] // stride) * (size[1] // stride) for stride in strides)


def detector(path, size=(640, 640), classes=3, metadata=ULTRALYTICS, batch="batch", change=None,
             **options):
    """Writes a detector in the layout of YOLOv8: "images" f32 [B,3,H,W] to "output0" [B,4+C,N].

    `change(graph)`: adds nodes, and returns names of the boxes and the scores to put together.
    """
    graph = Graph()
    parts = heads(graph, "images", size, classes, **options)
    if change:
        parts = change(graph)
    graph.node("Concat", list(parts), "output0", axis=1)
    rows = 4 + classes if change is None else None
    model = graph.model([("images", TensorProto.FLOAT, [batch, 3, *size])],
                        [("output0", TensorProto.FLOAT,
                          [batch, rows or "rows", count(size)])], metadata)
    if rows is None:
        inferred = onnx.shape_inference.infer_shapes(model, data_prop=True)
        rows = inferred.graph.output[0].type.tensor_type.shape.dim[1].dim_value
        model.graph.output[0].type.tensor_type.shape.dim[1].dim_value = rows
    onnx.save(model, path)
    return path


def picture(width=640, height=640, spots=SPOTS, grey=114, side=8):
    """Pixels [height, width, 3]: grey, with squares of pure colour at `spots`."""
    pixels = np.full((height, width, 3), grey, np.uint8)
    for x, y, colour in spots:
        pixels[y:y + side, x:x + side] = [255 * (c == colour) for c in range(3)]
    return pixels
