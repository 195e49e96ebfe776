"""What is no model, or not all of one, is named for what it is."""

import io
import json
import pickle
import zipfile

import numpy as np
import onnx
import pytest
import toy
from onnx import TensorProto, helper


def refused(shoal, path, *words):
    run = shoal("inspect", path)
    assert run.status == 3, run
    for word in words:
        assert word in run.err, (word, run)
    return run.err


def checkpoint():
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("best/data.pkl", pickle.dumps({"epoch": 3}))
        archive.writestr("best/data/0", bytes(64))
    return content.getvalue()


FILES = {
    "pointer": (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 12\n", "Git LFS"),
    "page": (b"\n<!DOCTYPE html>\n<html><head><title>Sign in</title></head></html>", "web page"),
    "page in capitals": (b"\xef\xbb\xbf<HTML><BODY>404</BODY></HTML>", "web page"),
    "checkpoint": (checkpoint(), "PyTorch checkpoint"),
    "old checkpoint": (pickle.dumps({"model": 1}, protocol=2), "pickle"),
    "gzip": (b"\x1f\x8b\x08\x00" + bytes(60), "gzip"),
    "lite": (b"\x1c\0\0\0TFL3" + bytes(60), "TensorFlow Lite"),
    "engine": (b"ftrt" + bytes(60), "TensorRT engine"),
    "error": (json.dumps({"error": "not found"}).encode(), "JSON"),
    "empty": (b"", "empty"),
    "noise": (bytes(range(200, 256)) * 4, "not an ONNX file"),
}


@pytest.mark.parametrize("name", FILES)
def test_a_file_that_is_no_model_is_named(shoal, tmp_path, name):
    content, word = FILES[name]
    path = tmp_path / "m.onnx"
    path.write_bytes(content)
    refused(shoal, path, "m.onnx", word)


def test_an_openvino_model_whose_weights_are_a_pointer_is_named(shoal, tmp_path):
    pointer = FILES["pointer"][0]
    (tmp_path / "m.xml").write_text('<?xml version="1.0"?><net name="x" version="11"></net>')
    (tmp_path / "m.bin").write_bytes(pointer)
    refused(shoal, tmp_path / "m.xml", "m.bin", "Git LFS")
    (tmp_path / "m.xml").write_bytes(pointer)
    refused(shoal, tmp_path / "m.xml", "m.xml", "Git LFS")


def test_weights_that_lie_in_another_file_are_asked_for(shoal, tmp_path):
    path = toy.detector(tmp_path / "inner.onnx", size=(64, 64))
    whole = tmp_path / "m.onnx"
    onnx.save_model(onnx.load(path), whole, save_as_external_data=True, location="m.onnx.data",
                    all_tensors_to_one_file=True, size_threshold=0)
    assert shoal("inspect", whole).status == 0
    data = tmp_path / "m.onnx.data"
    content = data.read_bytes()
    data.write_bytes(content[:-8])
    refused(shoal, whole, "m.onnx.data, which belongs to it", "cut off",
            f"{len(content) - 8} are there")
    data.unlink()
    refused(shoal, whole, "m.onnx.data, which belongs to it", "is not there")


def with_operation(path, operation, domain, outputs, **attributes):
    graph = toy.Graph()
    boxes, scores = toy.heads(graph, "images", (64, 64))
    graph.nodes.append(helper.make_node(operation, [boxes, scores], [o[0] for o in outputs],
                                        domain=domain, **attributes))
    proto = graph.model([("images", TensorProto.FLOAT, ["batch", 3, 64, 64])], outputs,
                        toy.ULTRALYTICS)
    if domain:
        proto.opset_import.append(helper.make_opsetid(domain, 1))
    path.write_bytes(proto.SerializeToString())
    return path


@pytest.mark.parametrize("operation", ["EfficientNMS_TRT", "BatchedNMSDynamic_TRT"])
def test_a_suppression_of_tensorrt_is_named_with_the_way_out(shoal, tmp_path, operation):
    outputs = [("num_dets", TensorProto.INT32, ["batch", 1]),
               ("det_boxes", TensorProto.FLOAT, ["batch", 100, 4]),
               ("det_scores", TensorProto.FLOAT, ["batch", 100]),
               ("det_classes", TensorProto.INT32, ["batch", 100])]
    path = with_operation(tmp_path / "m.onnx", operation, "TRT", outputs)
    refused(shoal, path, operation, "TensorRT", "without suppression", "nms=False")


def test_a_suppression_with_as_many_rows_as_it_finds_is_named(shoal, tmp_path):
    graph = toy.Graph()
    boxes, scores = toy.heads(graph, "images", (64, 64))
    graph.node("Transpose", [boxes], "rows", perm=[0, 2, 1])
    graph.constant("most", [100], np.int64)
    graph.constant("iou", [.5], np.float32)
    graph.constant("least", [.25], np.float32)
    graph.node("NonMaxSuppression", ["rows", scores, "most", "iou", "least"], "output",
               center_point_box=1)
    proto = graph.model([("images", TensorProto.FLOAT, ["batch", 3, 64, 64])],
                        [("output", TensorProto.INT64, ["n", 3])], toy.ULTRALYTICS)
    path = tmp_path / "m.onnx"
    path.write_bytes(proto.SerializeToString())
    refused(shoal, path, "NonMaxSuppression", "nms=False")


def test_an_unknown_operation_is_named(shoal, tmp_path):
    path = with_operation(tmp_path / "m.onnx", "MakeBoxes", "my.ops",
                          [("output0", TensorProto.FLOAT, ["batch", 84, 7])])
    refused(shoal, path, "my.ops.MakeBoxes", "without them")
