"""Average precision on the GPU machine, for selection while training: the COCO rule (101 recall
points, IoU 0.50 to 0.95) without crowds and areas. The published figures come from pycocotools
(evaluate.py)."""

import numpy as np
import torch

from suppress import suppress


def overlap(a, b):
    low = np.maximum(a[:, None, :2], b[None, :, :2])
    high = np.minimum(a[:, None, 2:], b[None, :, 2:])
    inner = np.clip(high - low, 0, None).prod(2)
    size = lambda x: (x[:, 2:] - x[:, :2]).prod(1)
    return inner / (size(a)[:, None] + size(b)[None] - inner + 1e-9)


def average_precision(found, truth, classes=6):
    """`found`: per picture (boxes, scores, kinds); `truth`: per picture [m,5]. Returns
    mAP50-95, mAP50."""
    steps = np.arange(0.5, 0.96, 0.05)
    table = np.zeros((classes, len(steps)))
    for kind in range(classes):
        scores, hits, wanted = [], [], 0
        for (boxes, score, kinds), gt in zip(found, truth):
            gt = gt[gt[:, 0] == kind][:, 1:]
            mine = kinds == kind
            order = np.argsort(-score[mine], kind="stable")
            own = boxes[mine][order]
            wanted += len(gt)
            hit = np.zeros((len(own), len(steps)), bool)
            if len(gt) and len(own):
                iou = overlap(own, gt)
                for s, step in enumerate(steps):
                    free = np.ones(len(gt), bool)
                    for d in range(len(own)):
                        best = np.where(free, iou[d], -1).argmax()
                        if free[best] and iou[d, best] >= step:
                            free[best], hit[d, s] = False, True
            scores.append(score[mine][order])
            hits.append(hit)
        if wanted == 0:
            table[kind] = np.nan
            continue
        order = np.argsort(-np.concatenate(scores), kind="stable")
        hits = np.concatenate(hits)[order]
        for s in range(len(steps)):
            right = np.cumsum(hits[:, s])
            recall = right / wanted
            precision = right / np.arange(1, len(right) + 1)
            precision = (
                np.maximum.accumulate(precision[::-1])[::-1] if len(precision) else precision
            )
            at = np.searchsorted(recall, np.linspace(0, 1, 101))
            table[kind, s] = np.mean([precision[i] if i < len(precision) else 0.0 for i in at])
    return float(np.nanmean(table)), float(np.nanmean(table[:, 0]))


@torch.no_grad()
def predict(net, images, size, batch=32):
    """Letterboxes u8 pictures [n,c,h,w] to size x size and runs the network; boxes in network
    pixels."""
    found = []
    for start in range(0, len(images), batch):
        x = images[start : start + batch].float()
        fit = min(size / x.shape[2], size / x.shape[3])
        inner = (round(x.shape[2] * fit), round(x.shape[3] * fit))
        if inner != tuple(x.shape[2:]):
            x = torch.nn.functional.interpolate(x, inner, mode="bilinear", align_corners=False)
        top, left = (size - inner[0]) // 2, (size - inner[1]) // 2
        canvas = torch.full((len(x), 3, size, size), 114.0, device=x.device)
        canvas[:, :, top : top + inner[0], left : left + inner[1]] = x
        boxes, logits = net(canvas / 255)
        for box, score in zip(boxes.cpu().numpy(), logits.sigmoid().cpu().numpy()):
            best, kind = score.max(1), score.argmax(1)
            some = np.argsort(-best)[:600]
            some = some[best[some] > 0.005]
            keep = some[suppress(box[some], best[some], kind[some])]
            found.append((box[keep], best[keep], kind[keep]))
    return found, fit, left, top


def score_set(net, images, truth, size):
    found, fit, left, top = predict(net, images, size)
    wanted = []
    for rows in truth.cpu().numpy():
        rows = rows[rows[:, 0] >= 0].copy()
        rows[:, 1:] = rows[:, 1:] * fit + np.array([left, top, left, top])
        wanted.append(rows)
    return average_precision(found, wanted)
