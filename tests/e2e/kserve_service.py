"""The service with its gRPC door, and what its answers are compared with."""

import re

import cv2
import numpy as np
import onnxruntime
from rest_client import Serving


class KserveServing(Serving):
    """Serving with gRPC; `http` and `grpc` are addresses as clients want them."""

    def __init__(self, *arguments):
        super().__init__("--grpc", "127.0.0.1:0", *arguments)

    def __enter__(self):
        super().__enter__()
        self.http = f"{self.host}:{self.port}"
        self.grpc = re.search(r"grpc +(\S+)", "".join(self.lines)).group(1)
        return self


def network_input(path, size):
    """A picture as NanoDet's network takes it: [3, size, size], BGR, its mean and deviation."""
    pixels = cv2.resize(cv2.imread(str(path)), (size, size)).astype(np.float32)
    mean = np.array([103.53, 116.28, 123.675], np.float32)
    deviation = np.array([57.375, 57.12, 58.395], np.float32)
    return np.ascontiguousarray(((pixels - mean) / deviation).transpose(2, 0, 1))


def onnx_answer(model, batch):
    """ONNX Runtime's outputs by name."""
    session = onnxruntime.InferenceSession(str(model), providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(names, {session.get_inputs()[0].name: batch}), strict=True))


def assert_same_tensors(got, expected):
    assert got.keys() == expected.keys()
    for name, tensor in expected.items():
        assert got[name].dtype == tensor.dtype, name
        np.testing.assert_allclose(got[name], tensor, rtol=1e-3, atol=1e-4, err_msg=name)


def assert_same_boxes(got, line):
    """One item of a boxes answer, {name: array of this item}, against a line of `detect --json`."""
    detections = line["detections"]
    count = int(got["num_detections"][0])
    assert count == len(detections) > 0
    boxes = [[d["box"][side] for side in ("x1", "y1", "x2", "y2")] for d in detections]
    np.testing.assert_allclose(got["boxes"][:count], boxes, atol=0.006)  # JSON has 2 decimals
    np.testing.assert_allclose(got["scores"][:count], [d["confidence"] for d in detections],
                               atol=0.00006)  # and 4 for scores
    assert list(got["classes"][:count]) == [d["class"] for d in detections]
    assert (got["classes"][count:] == -1).all()
    assert (got["scores"][count:] == 0).all() and (got["boxes"][count:] == 0).all()
