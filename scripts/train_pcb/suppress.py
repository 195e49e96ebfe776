"""Greedy class-wise suppression, for selection while training and for the evaluation."""

import numpy as np


def suppress(boxes, scores, kinds, iou=0.65, most=300):
    """Indices that a class-wise greedy suppression keeps, best first."""
    order = np.argsort(-scores, kind="stable")
    shifted = boxes + kinds[:, None] * 4096.0
    area = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    keep = []
    while len(order) and len(keep) < most:
        best, rest = order[0], order[1:]
        keep.append(best)
        low = np.maximum(shifted[best, :2], shifted[rest, :2])
        high = np.minimum(shifted[best, 2:], shifted[rest, 2:])
        inner = np.clip(high - low, 0, None).prod(1)
        order = rest[inner / (area[best] + area[rest] - inner + 1e-9) <= iou]
    return np.array(keep, int)
