"""Scores with pycocotools the cases that coco_map_test.cpp wrote, for comparison.

coco_map_reference.py CASES RESULTS

CASES    one JSON line a case: {"classes": n, "images": [{"truth": [[class, x, y, w, h], ...],
         "found": [[class, x, y, w, h, score], ...]}, ...]}
RESULTS  one line a case: mAP50-95, mAP50, then both for every class; -1 where undefined.
"""

import contextlib
import io
import json
import sys

from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval


def load(case):
    truth, found = [], []
    for image, item in enumerate(case["images"]):
        for class_id, x, y, w, h in item["truth"]:
            truth.append({"id": len(truth) + 1, "image_id": image, "category_id": class_id,
                          "bbox": [x, y, w, h], "area": w * h, "iscrowd": 0})
        for class_id, x, y, w, h, score in item["found"]:
            found.append({"image_id": image, "category_id": class_id, "bbox": [x, y, w, h],
                          "score": score})
    coco = COCO()
    coco.dataset = {"images": [{"id": image} for image in range(len(case["images"]))],
                    "categories": [{"id": c, "name": str(c)} for c in range(case["classes"])],
                    "annotations": truth}
    coco.createIndex()
    if found:
        return coco, coco.loadRes(found)
    empty = COCO()
    empty.dataset = dict(coco.dataset, annotations=[])
    empty.createIndex()
    return coco, empty


def mean(values):
    values = values[values > -1]
    return float(values.mean()) if values.size else -1.0


def score(case):
    with contextlib.redirect_stdout(io.StringIO()):
        coco, results = load(case)
        evaluation = COCOeval(coco, results, "bbox")
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    summary = [float(evaluation.stats[0]), float(evaluation.stats[1])]
    precision = evaluation.eval["precision"][:, :, :, 0, -1]  # [IoU, recall, class]
    for class_id in range(case["classes"]):
        summary += [mean(precision[:, :, class_id]), mean(precision[0, :, class_id])]
    return summary


def main():
    cases, results = sys.argv[1:]
    with open(cases) as source, open(results, "w") as target:
        for line in source:
            target.write(" ".join(repr(value) for value in score(json.loads(line))) + "\n")


if __name__ == "__main__":
    main()
