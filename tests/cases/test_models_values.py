"""What a network answers is held against its decoder: at load, before a box is believed.

Each model here contradicts what its shape says in one way, or obeys it in an unusual one.
"""

import itertools

import numpy as np
import pytest
import toy
from onnx import TensorProto, helper

SIZE = (640, 640)
N = toy.count(SIZE)


def model(path, build, output, metadata=toy.ULTRALYTICS, **options):
    """`build(graph, boxes, scores)` makes "output0" of the toy's parts; `output` is its shape."""
    graph = toy.Graph()
    boxes, scores = toy.heads(graph, "images", SIZE, **options)
    build(graph, boxes, scores)
    proto = graph.model([("images", TensorProto.FLOAT, ["batch", 3, *SIZE])],
                        [("output0", TensorProto.FLOAT, ["batch", *output])], metadata)
    import onnx  # pylint: disable=import-outside-toplevel
    onnx.save(proto, path)
    return path


def split_box(graph, boxes):
    """Names of cx, cy, w, h, each [B,1,N]."""
    parts = ["cx", "cy", "w", "h"]
    graph.nodes.append(helper.make_node(
        "Split", [boxes, graph.constant("ones", [1, 1, 1, 1], np.int64)], parts, axis=1))
    return parts


def shares(graph, boxes):
    return graph.node("Mul", [boxes, graph.constant("share", np.float32(1 / 640))], "shares")


def corners(graph, boxes):
    cx, cy, w, h = split_box(graph, boxes)
    half = graph.constant("half", np.float32(.5))
    graph.node("Mul", [w, half], "w2"), graph.node("Mul", [h, half], "h2")
    found = [graph.node(kind, [c, s], f"{kind}{c}") for kind, (c, s) in itertools.product(
        ("Sub", "Add"), (("cx", "w2"), ("cy", "h2")))]
    return graph.node("Concat", found, "corners", axis=1)


def left_top(graph, boxes):
    cx, cy, w, h = split_box(graph, boxes)
    half = graph.constant("half", np.float32(.5))
    graph.node("Mul", [w, half], "w2"), graph.node("Mul", [h, half], "h2")
    graph.node("Sub", [cx, "w2"], "left"), graph.node("Sub", [cy, "h2"], "top")
    return graph.node("Concat", ["left", "top", w, h], "ltwh", axis=1)


def columns_like_v8(change=None, extra=0, value=None):
    """Builds [4+C(+extra), N] with boxes of `change` and `extra` columns of `value`."""
    def build(graph, boxes, scores):
        parts = [change(graph, boxes) if change else boxes, scores]
        if extra:
            graph.node("Add", ["zero", graph.constant(
                "value", np.broadcast_to(np.float32(value), (1, extra, N)).copy())], "extra")
            parts.append("extra")
        graph.node("Concat", parts, "output0", axis=1)
    return build


def rows_like_v5(graph, boxes, scores, objectness, extra=None):
    parts = [boxes, objectness, *([extra] if extra else []), scores]
    graph.node("Concat", parts, "joined", axis=1)
    graph.node("Transpose", ["joined"], "output0", perm=[0, 2, 1])


def refusal(shoal, path, *words):
    """`inspect`, `detect` and `serve` all refuse it, with these words."""
    run = shoal("inspect", path)
    assert run.status == 3, run
    for word in words:
        assert word in run.err, (word, run)
    return run.err


def refused_by_every_verb(shoal, path, picture, *words):
    for arguments in (("detect", "-m", path, picture, "--execution", "spread", "--lanes", "1"),
                      ("serve", "-m", path, "--http", "127.0.0.1:0", "--grpc", "",
                       "--metrics", "")):
        run = shoal(*arguments)
        assert run.status == 3, run
        for word in words:
            assert word in run.err, (word, run)
    return refusal(shoal, path, *words)


def sidecar(path, text):
    (path.parent / (path.name + ".toml")).write_text(text)


def found_boxes(line):
    return {d["name"]: tuple(d["box"].values()) for d in line["detections"]}


def expect_known_boxes(line, names=("red", "green", "blue")):
    found = found_boxes(line)
    assert set(found) == set(names), line
    for name, expected in zip(names, toy.BOXES):
        assert np.allclose(found[name], expected, atol=1), (name, found[name])


def test_boxes_that_are_shares_are_refused_and_read_once_said(shoal, detect, toys, tmp_path):
    path = model(tmp_path / "m.onnx", columns_like_v8(shares), [7, N])
    refused_by_every_verb(shoal, path, toys / "spots.png", "shares of the picture (0..1)",
                          "boxes_are_shares = true", "m.onnx.toml", "from 0.00625 to")
    sidecar(path, "boxes_are_shares = true")
    expect_known_boxes(detect(path, toys / "spots.png")[0])


@pytest.mark.parametrize("change, word, line", [
    (corners, "corners x1 y1 x2 y2", 'boxes = "xyxy"'),
    (left_top, "left, top, width and height", 'boxes = "ltwh"'),
])
@pytest.mark.parametrize("box", [64.0, 20.0])
def test_boxes_that_are_not_centres_are_refused_and_read_once_said(shoal, detect, toys, tmp_path,
                                                                   change, word, line, box):
    path = model(tmp_path / "m.onnx", columns_like_v8(change), [7, N], box=box)
    refusal(shoal, path, word, line)
    sidecar(path, line)
    [found] = detect(path, toys / "spots.png")
    half = box / 2
    assert np.allclose(found_boxes(found)["red"], (84 - half, 84 - half, 84 + half, 84 + half),
                       atol=1)


def test_corners_as_shares_need_both_lines(shoal, detect, toys, tmp_path):
    path = model(tmp_path / "m.onnx", columns_like_v8(lambda g, b: shares(g, corners(g, b))),
                 [7, N])
    refusal(shoal, path, 'boxes = "xyxy" and boxes_are_shares = true')
    sidecar(path, 'boxes = "xyxy"\nboxes_are_shares = true\n')
    expect_known_boxes(detect(path, toys / "spots.png")[0])


def test_boxes_that_are_not_decoded_are_refused(shoal, tmp_path):
    def offsets(graph, boxes):
        graph.node("Mul", [boxes, graph.constant("none", np.float32(0))], "none_at_all")
        return graph.node("Add", ["none_at_all", graph.constant("small", np.float32(1.3))], "raw")
    path = model(tmp_path / "m.onnx", columns_like_v8(offsets), [7, N])
    refusal(shoal, path, "strides off their cells", "not decoded")


def test_what_a_sidecar_says_is_believed_with_a_warning(shoal, toys, tmp_path):
    path = model(tmp_path / "m.onnx", columns_like_v8(left_top), [7, N])
    sidecar(path, 'boxes = "xywh"')
    run = shoal("detect", "-m", path, toys / "spots.png", "--execution", "spread", "--lanes", "1")
    assert run.status == 0, run
    assert "contradicts what is believed" in run.err and "left, top, width" in run.err, run


@pytest.mark.parametrize("bias", [0.0, -12.0], ids=["strong", "weak"])
def test_logits_are_refused_and_read_once_said(shoal, detect, toys, tmp_path, bias):
    def build(graph, boxes, scores):
        graph.node("Add", [scores, graph.constant("bias", np.float32(bias))], "moved")
        graph.node("Concat", [boxes, "moved"], "output0", axis=1)
    path = model(tmp_path / "m.onnx", build, [7, N], logits=True)
    refused_by_every_verb(shoal, path, toys / "spots.png", "class scores run from -", "logits",
                          "scores_are_logits = true")
    sidecar(path, "scores_are_logits = true")
    if bias == 0:
        expect_known_boxes(detect(path, toys / "spots.png")[0])
    else:
        assert detect(path, toys / "spots.png")[0]["detections"] == []


def test_probabilities_are_no_logits_though_a_sidecar_says_so(shoal, toys, tmp_path):
    path = model(tmp_path / "m.onnx", columns_like_v8(), [7, N])
    sidecar(path, "scores_are_logits = true")
    run = shoal("inspect", path)
    assert run.status == 0 and "probabilities already" in run.out, run


def objectness_of(graph, scores):
    return graph.node("ReduceMax", [scores], "objectness", axes=[1], keepdims=1)


@pytest.mark.parametrize("family", ["yolov6", "yolox_decoded"])
def test_logits_beside_objectness_are_refused_and_read_once_said(shoal, detect, toys, tmp_path,
                                                                 family):
    path = model(tmp_path / "m.onnx",
                 lambda g, b, s: rows_like_v5(g, b, s, objectness_of(g, s)), [N, 8], logits=True)
    told = f'family = "{family}"\nscale = 0.00392157\ncolor_order = "rgb"\n'
    sidecar(path, told)
    refusal(shoal, path, "logits", "scores_are_logits = true")
    sidecar(path, told + "scores_are_logits = true")
    [line] = detect(path, toys / "spots.png")
    assert len(line["detections"]) == 3


def test_an_objectness_of_another_kind_than_the_scores_is_refused(shoal, tmp_path):
    def build(graph, boxes, scores):
        objectness = graph.node("Sigmoid", [objectness_of(graph, scores)], "probability")
        rows_like_v5(graph, boxes, scores, objectness)
    path = model(tmp_path / "m.onnx", build, [N, 8], logits=True)
    sidecar(path, 'family = "yolov6"')
    refusal(shoal, path, "one of them is a logit", "sigmoid on both")


def raw_yolox(graph, boxes, scores):
    """Undecoded: offsets of half a cell, and logarithms of sizes, before the scores."""
    strides = toy.anchors(SIZE, (8, 16, 32))[2]
    raw = np.stack([np.full(N, .5), np.full(N, .5), np.log(64 / strides), np.log(64 / strides)])
    graph.node("Add", [graph.constant("raw", raw[None], np.float32), "zero"], "raw_boxes")
    rows_like_v5(graph, "raw_boxes", scores, objectness_of(graph, scores))


def test_a_yolox_with_logits_is_refused_and_read_once_said(shoal, detect, toys, tmp_path):
    path = model(tmp_path / "m.onnx", raw_yolox, [N, 8], logits=True)
    sidecar(path, "scale = 0.00392156862745098")
    refusal(shoal, path, "taken for yolox", "logits", "scores_are_logits = true")
    sidecar(path, "scale = 0.00392156862745098\nscores_are_logits = true\ncolor_order = 'rgb'\n"
                  "placement = 'centred'")
    expect_known_boxes(detect(path, toys / "spots.png")[0])


def test_keypoints_are_no_classes(shoal, toys, tmp_path):
    """A pose export whose metadata is gone: 17 keypoints of x, y and visibility."""
    cells = toy.anchors(SIZE, (8, 16, 32))
    value = np.concatenate([np.stack([cells[0], cells[1], np.full(N, .9)])] * 17)[None]
    path = model(tmp_path / "m.onnx", columns_like_v8(extra=51, value=value), [56, N],
                 metadata=None, classes=1)
    refused_by_every_verb(shoal, path, toys / "spots.png", "values taken for class scores",
                          "keypoint")


@pytest.mark.parametrize("angle", [1.57, 0.6, -0.4])
def test_an_angle_is_no_class(shoal, tmp_path, angle):
    path = model(tmp_path / "m.onnx", columns_like_v8(extra=1, value=angle), [8, N], metadata=None)
    refusal(shoal, path, "angle", "plain detector")


def test_landmarks_of_faces_are_no_classes(shoal, tmp_path):
    """yolov5-face: box, objectness, five points in pixels, one class."""
    cells = np.repeat(toy.anchors(SIZE, (8, 16, 32))[:2], 5, axis=0).astype(np.float32)

    def build(graph, boxes, scores):
        graph.node("Add", [graph.constant("points", cells[None]), "zero"], "landmarks")
        rows_like_v5(graph, boxes, scores, objectness_of(graph, scores), "landmarks")
    path = model(tmp_path / "m.onnx", build, [N, 16], metadata=None, classes=1)
    sidecar(path, 'family = "yolov6"')
    refusal(shoal, path, "landmark", "plain detector")


def ranked(form=None):
    """[300, 6]: the best cells as rows of two corners (or `form`), score and class."""
    def build(graph, boxes, scores):
        places = form(graph, boxes) if form else corners(graph, boxes)
        graph.node("ReduceMax", [scores], "best", axes=[1], keepdims=0)
        graph.node("ArgMax", [scores], "kind", axis=1, keepdims=0)
        graph.nodes.append(helper.make_node(
            "TopK", ["best", graph.constant("k", [300], np.int64)], ["top", "where"], axis=1))
        graph.node("GatherElements", ["kind", "where"], "kinds", axis=1)
        graph.node("Cast", ["kinds"], "numbers", to=TensorProto.FLOAT)
        axis = graph.constant("last", [2], np.int64)
        graph.node("Transpose", [places], "rows", perm=[0, 2, 1])
        graph.node("Unsqueeze", ["where", axis], "where1")
        graph.node("Expand", ["where1", graph.constant("four", [1, 1, 4], np.int64)], "where4")
        graph.node("GatherElements", ["rows", "where4"], "chosen", axis=1)
        graph.node("Unsqueeze", ["top", axis], "scores1")
        graph.node("Unsqueeze", ["numbers", axis], "numbers1")
        graph.node("Concat", ["chosen", "scores1", "numbers1"], "output0", axis=2)
    return build


def test_ranked_detections_are_read_as_they_are(detect, toys, tmp_path):
    path = model(tmp_path / "m.onnx", ranked(), [300, 6])
    expect_known_boxes(detect(path, toys / "spots.png")[0])


@pytest.mark.parametrize("form, line, seen", [
    (lambda g, b: shares(g, corners(g, b)), "boxes_are_shares = true", "shares"),
    (lambda g, b: b, 'boxes = "xywh"', "end before they begin"),
    (lambda g, b: shares(g, b), 'boxes = "xywh" and boxes_are_shares = true', "shares"),
])
def test_ranked_detections_of_another_form_are_refused_and_read_once_said(
        shoal, detect, toys, tmp_path, form, line, seen):
    path = model(tmp_path / "m.onnx", ranked(form), [300, 6])
    refusal(shoal, path, line, seen)
    sidecar(path, line.replace(" and ", "\n"))
    expect_known_boxes(detect(path, toys / "spots.png")[0])


def test_ranked_logits_are_refused_and_read_once_said(shoal, detect, toys, tmp_path):
    path = model(tmp_path / "m.onnx", ranked(), [300, 6], logits=True)
    refusal(shoal, path, "scores run from -", "scores_are_logits = true")
    sidecar(path, "scores_are_logits = true")
    expect_known_boxes(detect(path, toys / "spots.png")[0])


def test_a_class_beyond_the_names_is_said(shoal, tmp_path):
    path = model(tmp_path / "m.onnx", ranked(), [300, 6],
                 metadata={**toy.ULTRALYTICS, "names": "{0: 'red'}"})
    refusal(shoal, path, "1 classes are known", "as many names")


@pytest.mark.parametrize("strides", [(32, 16, 8), (16, 8, 32)])
def test_any_order_of_strides_is_right_where_boxes_are_decoded(detect, toys, tmp_path, strides):
    path = model(tmp_path / "m.onnx", columns_like_v8(), [7, N], strides=strides)
    expect_known_boxes(detect(path, toys / "spots.png")[0])


def test_undecoded_maps_beside_the_tensor_are_passed_over(shoal, detect, toys, tmp_path):
    """output0 [7, 8400] and three maps [67, h, w] of its strides."""
    graph = toy.Graph()
    toy.heads(graph, "images", SIZE)
    graph.node("Concat", ["boxes", "scores"], "output0", axis=1)
    outputs = [("output0", TensorProto.FLOAT, ["batch", 7, N])]
    for stride in (8, 16, 32):
        graph.node("Conv", [f"mean{stride}", graph.constant(
            f"map{stride}", np.zeros((67, 3, 1, 1), np.float32))], f"raw{stride}",
            kernel_shape=[1, 1])
        outputs.append((f"raw{stride}", TensorProto.FLOAT, ["batch", 67, 640 // stride,
                                                            640 // stride]))
    proto = graph.model([("images", TensorProto.FLOAT, ["batch", 3, *SIZE])], outputs,
                        toy.ULTRALYTICS)
    path = tmp_path / "m.onnx"
    path.write_bytes(proto.SerializeToString())
    expect_known_boxes(detect(path, toys / "spots.png")[0])


def test_masks_beside_the_tensor_are_refused_with_all_dimensions(shoal, tmp_path):
    graph = toy.Graph()
    toy.heads(graph, "images", SIZE)
    graph.node("Concat", ["boxes", "scores"], "output0", axis=1)
    graph.node("AveragePool", ["images"], "quarter", kernel_shape=[4, 4], strides=[4, 4])
    graph.node("Conv", ["quarter", graph.constant("masks", np.zeros((32, 3, 1, 1), np.float32))],
               "output1", kernel_shape=[1, 1])
    proto = graph.model([("images", TensorProto.FLOAT, ["batch", 3, *SIZE])],
                        [("output0", TensorProto.FLOAT, ["batch", 7, N]),
                         ("output1", TensorProto.FLOAT, ["batch", 32, 160, 160])], None)
    path = tmp_path / "m.onnx"
    path.write_bytes(proto.SerializeToString())
    refusal(shoal, path, "output0 [1, 7, 8400]", "output1 [1, 32, 160, 160]")
