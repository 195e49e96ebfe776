"""mAP of the exported model, by ONNX Runtime and pycocotools; no code of the C++ program in it.

    python evaluate.py MODEL.onnx --data DEEPPCB/data.yaml     DeepPCB's test split
    python evaluate.py MODEL.onnx --generated FOLDER           what tools/make_boards wrote

Pictures are letterboxed to 640x640 (OpenCV, bilinear, 114), confidence 0.001, class-wise
suppression at 0.65, at most 300 boxes.
"""

import argparse
import glob
import io
import os
from contextlib import redirect_stdout

import cv2
import numpy as np
import onnxruntime
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from suppress import suppress

SIZE = 640


def read_deeppcb(data):
    folder = os.path.dirname(data)
    for path in sorted(glob.glob(f"{folder}/images/test/*.jpg")):
        label = path.replace("/images/", "/labels/").replace(".jpg", ".txt")
        picture = cv2.cvtColor(cv2.imread(path), cv2.COLOR_BGR2RGB)
        height, width = picture.shape[:2]
        rows = [list(map(float, line.split())) for line in open(label)]
        yield picture, [
            (int(k), (x - w / 2) * width, (y - h / 2) * height, w * width, h * height)
            for k, x, y, w, h in rows
        ]


def read_generated(folder):
    for label in sorted(glob.glob(f"{folder}/**/labels.txt", recursive=True)):
        for line in open(label):
            name, width, height, *numbers = line.split()
            raw = np.fromfile(os.path.join(os.path.dirname(label), name), np.uint8)
            picture = raw[-int(width) * int(height) * 3 :].reshape(int(height), int(width), 3)
            v = list(map(int, numbers))
            yield picture, [
                (v[k], v[k + 1], v[k + 2], v[k + 3] - v[k + 1], v[k + 4] - v[k + 2])
                for k in range(0, len(v), 5)
            ]


def letterbox(picture):
    height, width = picture.shape[:2]
    fit = min(SIZE / width, SIZE / height)
    inner = (round(width * fit), round(height * fit))
    if inner != (width, height):
        picture = cv2.resize(picture, inner)
    left, top = (SIZE - inner[0]) // 2, (SIZE - inner[1]) // 2
    canvas = np.full((SIZE, SIZE, 3), 114, np.uint8)
    canvas[top : top + inner[1], left : left + inner[0]] = picture
    return canvas, fit, left, top


def detect(session, picture):
    canvas, fit, left, top = letterbox(picture)
    pixels = canvas.transpose(2, 0, 1)[None].astype(np.float32) / 255
    rows = session.run(None, {"images": pixels})[0][0].T
    anchors, kinds = np.nonzero(rows[:, 4:] > 0.001)
    scores = rows[anchors, 4 + kinds]
    centre, size = rows[anchors, :2], rows[anchors, 2:4]
    boxes = np.concatenate([centre - size / 2, centre + size / 2], 1)
    keep = suppress(boxes, scores, kinds)
    boxes = (boxes[keep] - [left, top, left, top]) / fit
    limit = [picture.shape[1], picture.shape[0]] * 2
    return np.clip(boxes, 0, limit), scores[keep], kinds[keep]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model")
    parser.add_argument("--data")
    parser.add_argument("--generated")
    args = parser.parse_args()
    session = onnxruntime.InferenceSession(args.model, providers=["CPUExecutionProvider"])
    pictures = read_deeppcb(args.data) if args.data else read_generated(args.generated)
    images, truth, found = [], [], []
    for number, (picture, labels) in enumerate(pictures, 1):
        images.append({"id": number})
        for kind, x, y, w, h in labels:
            truth.append(
                {
                    "id": len(truth) + 1,
                    "image_id": number,
                    "category_id": kind,
                    "bbox": [x, y, w, h],
                    "area": w * h,
                    "iscrowd": 0,
                }
            )
        for (x0, y0, x1, y1), score, kind in zip(*detect(session, picture)):
            found.append(
                {
                    "image_id": number,
                    "category_id": int(kind),
                    "score": float(score),
                    "bbox": [float(x0), float(y0), float(x1 - x0), float(y1 - y0)],
                }
            )
    coco = COCO()
    coco.dataset = {
        "images": images,
        "annotations": truth,
        "categories": [{"id": k} for k in range(6)],
    }
    with redirect_stdout(io.StringIO()):
        coco.createIndex()
        scores = COCOeval(coco, coco.loadRes(found), "bbox")
        scores.evaluate()
        scores.accumulate()
        scores.summarize()
    print(
        f"{len(images)} pictures, {len(truth)} defects: mAP50-95 {scores.stats[0]:.4f}, "
        f"mAP50 {scores.stats[1]:.4f}"
    )


if __name__ == "__main__":
    main()
