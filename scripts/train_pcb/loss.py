"""Training loss: task-aligned assignment (C. Feng et al., "TOOD", ICCV 2021), binary cross-
entropy on scores with the alignment as target, and complete IoU (Z. Zheng et al., AAAI 2020)
on boxes."""

import math

import torch
from torch.nn import functional as F


def pairwise_iou(a, b):
    """[B,M,4] and [B,N,4] to [B,M,N]."""
    low = torch.maximum(a[:, :, None, :2], b[:, None, :, :2])
    high = torch.minimum(a[:, :, None, 2:], b[:, None, :, 2:])
    inner = (high - low).clamp(min=0).prod(-1)
    area_a = (a[..., 2:] - a[..., :2]).clamp(min=0).prod(-1)
    area_b = (b[..., 2:] - b[..., :2]).clamp(min=0).prod(-1)
    return inner / (area_a[:, :, None] + area_b[:, None, :] - inner + 1e-7)


def complete_iou(a, b):
    """[K,4] and [K,4] to [K]: IoU less centre distance less difference of aspect."""
    low, high = torch.maximum(a[:, :2], b[:, :2]), torch.minimum(a[:, 2:], b[:, 2:])
    inner = (high - low).clamp(min=0).prod(-1)
    wa, ha = (a[:, 2] - a[:, 0]).clamp(min=1e-3), (a[:, 3] - a[:, 1]).clamp(min=1e-3)
    wb, hb = (b[:, 2] - b[:, 0]).clamp(min=1e-3), (b[:, 3] - b[:, 1]).clamp(min=1e-3)
    iou = inner / (wa * ha + wb * hb - inner + 1e-7)
    hull = torch.maximum(a[:, 2:], b[:, 2:]) - torch.minimum(a[:, :2], b[:, :2])
    centre = ((a[:, :2] + a[:, 2:] - b[:, :2] - b[:, 2:]) ** 2).sum(-1) / 4
    aspect = 4 / math.pi**2 * (torch.atan(wb / hb) - torch.atan(wa / ha)) ** 2
    with torch.no_grad():
        weight = aspect / (1 - iou + aspect + 1e-7)
    return iou - centre / ((hull**2).sum(-1) + 1e-7) - weight * aspect


@torch.no_grad()
def assign(boxes, scores, points, strides, truth, top=10):
    """Which prediction answers for which truth.

    boxes [B,N,4], scores [B,N,C] in 0..1, points [N,2], strides [N], truth [B,M,5] = class and
    x0 y0 x1 y1, with class -1 for padding. Returns the index of the truth [B,N], -1 where none,
    and the target score [B,N].
    """
    labels, gt = truth[..., 0].long(), truth[..., 1:]
    real = labels >= 0
    iou = pairwise_iou(gt, boxes).clamp(0, 1)  # [B,M,N]
    score = scores.transpose(1, 2).gather(
        1, labels.clamp(min=0)[:, :, None].expand(-1, -1, boxes.shape[1])
    )
    align = score.sqrt() * iou**6
    # Cells whose centre lies in the box; a tiny box claims those within one stride of its middle.
    middle, half = (gt[..., :2] + gt[..., 2:]) / 2, (gt[..., 2:] - gt[..., :2]) / 2
    inside = torch.ones_like(iou, dtype=torch.bool)
    for axis in (0, 1):
        reach = torch.maximum(half[..., axis, None], 0.75 * strides.clamp(max=8)[None, None, :])
        inside &= (points[None, None, :, axis] - middle[..., axis, None]).abs() < reach
    inside &= real[:, :, None]
    # Ties (all zero at the start) are broken by closeness, so that every truth has an answer.
    near = -((points[None, None] - middle[:, :, None]) ** 2).sum(-1) * 1e-12
    rank = torch.where(inside, align + near, torch.full_like(align, -1e9))
    best, where = rank.topk(top, dim=2)
    chosen = torch.zeros_like(inside).scatter_(2, where, best > -1e8)
    quality = torch.where(chosen, iou + 1e-6, torch.zeros_like(iou))
    most, index = quality.max(1)  # [B,N]
    index = torch.where(most > 0, index, torch.full_like(index, -1))
    owned = chosen & (torch.arange(gt.shape[1], device=gt.device)[None, :, None] == index[:, None])
    align = align * owned
    peak = align.amax(2, keepdim=True)
    peak_iou = (iou * owned).amax(2, keepdim=True)
    target = (align / (peak + 1e-9) * peak_iou).amax(1)
    return index, target


def detection_loss(boxes, logits, points, strides, truth):
    """Scalar loss and its two parts (boxes, scores) for logging."""
    index, target = assign(boxes.detach(), logits.detach().sigmoid(), points, strides, truth)
    positive = index >= 0
    labels = truth[..., 0].long().gather(1, index.clamp(min=0))
    wanted = torch.zeros_like(logits)
    wanted.scatter_(2, labels.clamp(min=0)[:, :, None], (target * positive)[:, :, None])
    total = (target * positive).sum().clamp(min=1.0)
    score_loss = F.binary_cross_entropy_with_logits(logits, wanted, reduction="sum") / total
    gt = truth[..., 1:].gather(1, index.clamp(min=0)[:, :, None].expand(-1, -1, 4))
    iou = complete_iou(boxes.flatten(0, 1), gt.flatten(0, 1)).view_as(target)
    box_loss = torch.where(positive, (1 - iou) * target, torch.zeros_like(iou)).sum() / total
    return score_loss + 6.0 * box_loss, box_loss.detach(), score_loss.detach()
