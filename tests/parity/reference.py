"""An independent reference detector: ONNX Runtime, NumPy and OpenCV's decoder and resize.

It shares no code with the C++ side, so that an agreement of the two means something. It decodes
the six box encodings of the model table, does its own letterbox and its own suppression, and
scores with pycocotools. Slow on purpose: every step is the plain formula.

  reference.py --model M.onnx --image a.jpg b.jpg [--conf 0.25] [--iou 0.7] [--json out.jsonl]
  reference.py --model M.onnx --data data.yaml --split val [--conf 0.001] [--iou 0.65]
"""

import argparse
import ast
import contextlib
import dataclasses
import io
import json
import pathlib
import sys

import cv2
import numpy as np
import onnxruntime
import yaml

CANDIDATES_MAX = 30000  # best pairs of anchor and class that enter suppression, as Ultralytics
PAD_VALUE = 114  # grey of the letterbox border, the value of Ultralytics and of YOLOX


@dataclasses.dataclass
class Conventions:
    """What a family expects of its caller. The defaults are Ultralytics'."""

    encoding: str
    channels: str = "rgb"
    mean: tuple = (0.0, 0.0, 0.0)  # on the 0..255 scale, in channel order
    std: tuple = (255.0, 255.0, 255.0)
    placement: str = "centred"  # or top_left, stretched
    cell_offset: float = 0.5  # GFL: a cell's centre is (index + offset) * stride


@dataclasses.dataclass
class Letterbox:
    ratio_x: float
    ratio_y: float
    left: int
    top: int

    def to_source(self, boxes, width, height):
        out = boxes.astype(np.float64).copy()
        out[:, [0, 2]] = np.clip((out[:, [0, 2]] - self.left) / self.ratio_x, 0, width)
        out[:, [1, 3]] = np.clip((out[:, [1, 3]] - self.top) / self.ratio_y, 0, height)
        return out


def letterbox(picture, size, placement):
    """The picture in the middle (or top left corner) of a grey canvas of size x size, or stretched
    over all of it."""
    height, width = picture.shape[:2]
    ratio = min(size / height, size / width)
    content = (int(round(width * ratio)), int(round(height * ratio)))
    if placement == "stretched":
        content = (size, size)
    if placement == "centred":
        left = int(round((size - content[0]) / 2 - 0.1))
        top = int(round((size - content[1]) / 2 - 0.1))
    else:
        left = top = 0
    if (width, height) != content:
        picture = cv2.resize(picture, content, interpolation=cv2.INTER_LINEAR)
    canvas = np.full((size, size, 3), PAD_VALUE, np.uint8)
    canvas[top:top + content[1], left:left + content[0]] = picture
    return canvas, Letterbox(content[0] / width, content[1] / height, left, top)


def recognise(session):
    """The conventions of a model, from the shapes of its outputs (see the model table)."""
    outputs = session.get_outputs()
    shapes = [output.shape for output in outputs]
    if len(outputs) >= 4 and len(outputs) % 2 == 0:
        levels = len(outputs) // 2
        sides = shapes[levels][2]
        if sides == 4:
            return Conventions("gfl_distances", "bgr", (103.53, 116.28, 123.675),
                               (57.375, 57.12, 58.395))
        if sides % 4 == 0:
            return Conventions("gfl_bins", "rgb", (123.675, 116.28, 103.53),
                               (58.395, 57.12, 57.375), placement="stretched")
    if len(outputs) == 1 and len(shapes[0]) == 3:
        _, rows, columns = shapes[0]
        if columns == 6:
            return Conventions("end_to_end")
        if rows < columns:
            return Conventions("xywh_scores")
        size = session.get_inputs()[0].shape[2]
        cells = sum((size // stride) ** 2 for stride in (8, 16, 32))
        if rows == cells:
            return Conventions("yolox", "bgr", std=(1.0, 1.0, 1.0), placement="top_left")
        if rows == 3 * cells:
            return Conventions("xywh_objectness_scores")
    raise SystemExit(f"reference: no box encoding fits outputs {shapes}")


def corners(centres):
    """cx cy w h -> x1 y1 x2 y2."""
    half = centres[:, 2:4] / 2
    return np.concatenate([centres[:, :2] - half, centres[:, :2] + half], axis=1)


def cell_grid(size, stride):
    """Cell indices (x, y) of one level in row-major order; a partial last cell counts."""
    side = -(-size // stride)
    y, x = np.divmod(np.arange(side * side), side)
    return np.stack([x, y], axis=1).astype(np.float64)


def decode_yolox(rows, size):
    boxes = np.empty((len(rows), 4))
    start = 0
    for stride in (8, 16, 32):
        grid = cell_grid(size, stride)
        part = rows[start:start + len(grid)].astype(np.float64)
        centre = (part[:, :2] + grid) * stride
        side = np.exp(part[:, 2:4]) * stride
        boxes[start:start + len(grid)] = corners(np.concatenate([centre, side], axis=1))
        start += len(grid)
    return boxes, rows[:, 4:5] * rows[:, 5:]


def decode_gfl(outputs, size, conventions):
    """Scores of all levels come first, then the sides; distances are left top right bottom."""
    levels = len(outputs) // 2
    boxes, scores = [], []
    for class_scores, sides in zip(outputs[:levels], outputs[levels:]):
        stride = next(s for s in (4, 8, 16, 32, 64, 128)
                      if (-(-size // s)) ** 2 == len(class_scores))
        sides = sides.astype(np.float64)
        if conventions.encoding == "gfl_bins":
            logits = sides.reshape(len(sides), 4, -1)
            weights = np.exp(logits - logits.max(axis=2, keepdims=True))
            weights /= weights.sum(axis=2, keepdims=True)
            sides = weights @ np.arange(logits.shape[2])
        centre = (cell_grid(size, stride) + conventions.cell_offset) * stride
        sides = sides * stride
        boxes.append(np.concatenate([centre - sides[:, :2], centre + sides[:, 2:]], axis=1))
        scores.append(class_scores)
    return np.concatenate(boxes), np.concatenate(scores)


def decode(outputs, size, conventions):
    """Raw outputs of one picture -> boxes [N, 4] in network pixels and scores [N, C]."""
    first = outputs[0]
    if conventions.encoding == "xywh_scores":
        return corners(first[:4].T.astype(np.float64)), first[4:].T
    if conventions.encoding == "xywh_objectness_scores":
        return corners(first[:, :4].astype(np.float64)), first[:, 4:5] * first[:, 5:]
    if conventions.encoding == "yolox":
        return decode_yolox(first, size)
    return decode_gfl(outputs, size, conventions)


def overlap(box, boxes):
    """Intersection over union of one box with many."""
    left_top = np.maximum(box[:2], boxes[:, :2])
    right_bottom = np.minimum(box[2:], boxes[:, 2:])
    shared = np.prod(np.clip(right_bottom - left_top, 0, None), axis=1)
    area = np.prod(box[2:] - box[:2])
    areas = np.prod(boxes[:, 2:] - boxes[:, :2], axis=1)
    return shared / np.maximum(area + areas - shared, 1e-12)


def suppress(boxes, scores, classes, iou, max_det):
    """Greedy suppression within each class; indices of the kept, best first."""
    kept = []
    for class_id in np.unique(classes):
        order = np.flatnonzero(classes == class_id)
        order = order[np.argsort(-scores[order], kind="stable")]
        for _ in range(max_det):
            if not len(order):
                break
            best, order = order[0], order[1:]
            kept.append(best)
            order = order[overlap(boxes[best], boxes[order]) <= iou]
    kept = np.array(kept, dtype=int)
    return kept[np.argsort(-scores[kept], kind="stable")][:max_det]


@dataclasses.dataclass
class Detections:
    boxes: np.ndarray  # [N, 4] x1 y1 x2 y2 in source pixels, clipped
    scores: np.ndarray  # [N]
    classes: np.ndarray  # [N]


class Reference:
    """One model. detect() takes a BGR picture as cv2 decodes it."""

    def __init__(self, path, threads=2):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = 3
        self.session = onnxruntime.InferenceSession(
            str(path), options, providers=["CPUExecutionProvider"])
        self.input = self.session.get_inputs()[0]
        self.size = self.input.shape[2]
        self.conventions = recognise(self.session)
        names = self.session.get_modelmeta().custom_metadata_map.get("names")
        self.names = ast.literal_eval(names) if names else {}

    def raw(self, picture):
        """The outputs of one picture without the batch axis, and its letterbox."""
        use = self.conventions
        canvas, geometry = letterbox(picture, self.size, use.placement)
        if use.channels == "rgb":
            canvas = canvas[:, :, ::-1]
        pixels = (canvas.astype(np.float32) - np.float32(use.mean)) / np.float32(use.std)
        tensor = np.ascontiguousarray(pixels.transpose(2, 0, 1)[None], dtype=np.float32)
        outputs = self.session.run(None, {self.input.name: tensor})
        return [output[0] for output in outputs], geometry

    def detect(self, picture, conf=0.25, iou=0.7, max_det=300, multi_label=True):
        outputs, geometry = self.raw(picture)
        return self.finish(outputs, geometry, picture.shape, conf, iou, max_det, multi_label)

    def finish(self, outputs, geometry, shape, conf, iou, max_det, multi_label):
        height, width = shape[:2]
        if self.conventions.encoding == "end_to_end":
            rows = outputs[0][outputs[0][:, 4] > conf]
            rows = rows[np.argsort(-rows[:, 4], kind="stable")][:max_det]
            boxes, scores, classes = rows[:, :4], rows[:, 4], rows[:, 5].astype(int)
        else:
            boxes, table = decode(outputs, self.size, self.conventions)
            if multi_label:
                anchors, classes = np.nonzero(table > conf)
            else:
                classes = table.argmax(axis=1)
                anchors = np.flatnonzero(table[np.arange(len(table)), classes] > conf)
                classes = classes[anchors]
            scores = table[anchors, classes]
            best = np.argsort(-scores, kind="stable")[:CANDIDATES_MAX]
            boxes, scores, classes = boxes[anchors[best]], scores[best], classes[best]
            kept = suppress(boxes, scores, classes, iou, max_det)
            boxes, scores, classes = boxes[kept], scores[kept], classes[kept]
        return Detections(geometry.to_source(boxes, width, height), scores, classes)


    def candidates(self, picture):
        """Every anchor before thresholds and suppression: boxes [N, 4] in source pixels, scores
        [N, C]. For deciding whether a difference is a tie that rounding broke."""
        outputs, geometry = self.raw(picture)
        height, width = picture.shape[:2]
        if self.conventions.encoding == "end_to_end":
            rows = outputs[0]
            boxes = rows[:, :4]
            scores = np.zeros((len(rows), max(len(self.names), int(rows[:, 5].max()) + 1)))
            scores[np.arange(len(rows)), rows[:, 5].astype(int)] = rows[:, 4]
        else:
            boxes, scores = decode(outputs, self.size, self.conventions)
        return geometry.to_source(boxes, width, height), scores


def read_picture(path):
    picture = cv2.imread(str(path), cv2.IMREAD_COLOR)
    if picture is None:
        raise SystemExit(f"reference: {path}: not a picture that OpenCV can read")
    return picture


def read_dataset(data_yaml, split):
    """Pictures and YOLO labels of a split whose value is one folder, and the class names."""
    data = yaml.safe_load(pathlib.Path(data_yaml).read_text())
    root = pathlib.Path(data_yaml).parent / data.get("path", ".")
    names = data["names"]
    names = dict(enumerate(names)) if isinstance(names, list) else names
    items = []
    for picture in sorted((root / data[split]).iterdir()):
        label = picture.parent.parent.parent / "labels" / picture.parent.name / (
            picture.stem + ".txt")
        rows = []
        if label.exists():
            rows = [[float(word) for word in line.split()]
                    for line in label.read_text().splitlines() if line.strip()]
        items.append((picture, np.array(rows, dtype=np.float64).reshape(-1, 5)))
    return items, names


def mean_average_precision(truth, found, class_count):
    """pycocotools on our own lists: truth [(image, class, x, y, w, h)], found the same + score."""
    from pycocotools.coco import COCO
    from pycocotools.cocoeval import COCOeval

    images = sorted({row[0] for row in truth} | {row[0] for row in found})
    with contextlib.redirect_stdout(io.StringIO()):
        coco = COCO()
        coco.dataset = {
            "images": [{"id": image} for image in images],
            "categories": [{"id": i, "name": str(i)} for i in range(class_count)],
            "annotations": [
                {"id": i + 1, "image_id": row[0], "category_id": row[1], "bbox": list(row[2:6]),
                 "area": row[4] * row[5], "iscrowd": 0} for i, row in enumerate(truth)]}
        coco.createIndex()
        results = [{"image_id": row[0], "category_id": row[1], "bbox": list(row[2:6]),
                    "score": row[6]} for row in found]
        evaluation = COCOeval(coco, coco.loadRes(results) if results else COCO(), "bbox")
        evaluation.params.imgIds = images
        evaluation.evaluate()
        evaluation.accumulate()
    precision = evaluation.eval["precision"][:, :, :, 0, -1]  # [IoU, recall, class]
    valid = lambda part: float(part[part > -1].mean()) if (part > -1).any() else 0.0
    per_class = {c: valid(precision[:, :, c]) for c in range(class_count)}
    return valid(precision), valid(precision[0]), per_class


def evaluate(reference, data_yaml, split, conf=0.001, iou=0.65, max_det=300, multi_label=True):
    """(mAP50-95, mAP50) of a model on a split; truth from the YOLO labels."""
    items, names = read_dataset(data_yaml, split)
    truth, found = [], []
    for index, (path, labels) in enumerate(items):
        picture = read_picture(path)
        height, width = picture.shape[:2]
        for class_id, xc, yc, w, h in labels:
            truth.append((index, int(class_id), (xc - w / 2) * width, (yc - h / 2) * height,
                          w * width, h * height))
        got = reference.detect(picture, conf, iou, max_det, multi_label)
        for box, score, class_id in zip(got.boxes, got.scores, got.classes):
            found.append((index, int(class_id), box[0], box[1], box[2] - box[0],
                          box[3] - box[1], float(score)))
    m, m50, _ = mean_average_precision(truth, found, len(names))
    return m, m50


def line_of(path, picture, got, names):
    detections = [
        {"name": names.get(int(c), f"class {int(c)}"), "class": int(c), "confidence": float(s),
         "box": dict(zip(("x1", "y1", "x2", "y2"), map(float, box)))}
        for box, s, c in zip(got.boxes, got.scores, got.classes)]
    return {"source": str(path), "width": picture.shape[1], "height": picture.shape[0],
            "detections": detections}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", required=True)
    parser.add_argument("--image", nargs="+", default=[])
    parser.add_argument("--data")
    parser.add_argument("--split", default="val")
    parser.add_argument("--conf", type=float)
    parser.add_argument("--iou", type=float)
    parser.add_argument("--max-det", type=int, default=300)
    parser.add_argument("--best-class", action="store_true", help="one class an anchor")
    parser.add_argument("--json")
    args = parser.parse_args()
    if bool(args.data) == bool(args.image):
        parser.error("give either --image or --data")
    reference = Reference(args.model)
    multi_label = not args.best_class
    if args.data:
        m, m50 = evaluate(reference, args.data, args.split, args.conf or 0.001, args.iou or 0.65,
                          args.max_det, multi_label)
        lines = [{"map50_95": m, "map50": m50}]
    else:
        lines = []
        for path in args.image:
            picture = read_picture(path)
            got = reference.detect(picture, args.conf or 0.25, args.iou or 0.7, args.max_det,
                                   multi_label)
            lines.append(line_of(path, picture, got, reference.names))
    text = "".join(json.dumps(line) + "\n" for line in lines)
    if args.json:
        pathlib.Path(args.json).write_text(text)
    else:
        sys.stdout.write(text)


if __name__ == "__main__":
    main()
