"""Training data that lives on the GPU: pictures as bytes, labels as padded tensors, and
augmentation in batches (turns, mirrors, scale, shift, quarters of four pictures, colours,
blur, noise)."""

import glob
import math
import os
import random

import numpy as np
import torch
from torch.nn import functional as F

SLOTS = 32  # most defects kept for a training picture


class Pictures:
    """One source of pictures of one size: `images` [n,c,h,w] u8, `truth` [n,SLOTS,5] with
    class -1 as
    padding; `share` of the batch, range of scale to network pixels."""

    def __init__(self, images, truth, share, scale, binary):
        self.images, self.truth, self.share, self.scale, self.binary = (
            images,
            truth,
            share,
            scale,
            binary,
        )


def pad_labels(rows, count, device):
    truth = torch.full((count, SLOTS, 5), -1.0)
    used = [0] * count
    for i, *rest in rows:
        i = int(i)
        if used[i] < SLOTS:
            truth[i, used[i]] = torch.tensor(rest)
            used[i] += 1
    return truth.to(device)


def load_deeppcb(path, device):
    """(training pictures, held-out pictures): every 20th picture is kept out for selection."""
    packed = np.load(path)
    pictures = np.unpackbits(packed["pictures"], axis=-1) * np.uint8(255)
    images = torch.from_numpy(pictures)[:, None].to(device)
    truth = pad_labels(packed["labels"].tolist(), len(images), device)
    held = torch.arange(len(images), device=device) % 20 == 7
    return (images[~held], truth[~held]), (images[held], truth[held])


def load_generated(folder, device, grey=False):
    """Reads what tools/make_boards wrote into the folders whose names begin so; one size for
    all."""
    rows, pictures = [], []
    lines = [
        (path, line) for path in sorted(glob.glob(folder + "*/labels.txt")) for line in open(path)
    ]
    for i, (path, line) in enumerate(lines):
        name, width, height, *numbers = line.split()
        raw = np.fromfile(os.path.join(os.path.dirname(path), name), np.uint8)
        pixels = raw[-int(width) * int(height) * 3 :].reshape(int(height), int(width), 3)
        pictures.append(torch.from_numpy(pixels[..., :1] if grey else pixels).permute(2, 0, 1))
        values = list(map(int, numbers))
        rows += [[i, *values[k : k + 5]] for k in range(0, len(values), 5)]
    images = torch.stack([p.contiguous() for p in pictures]).to(device)
    return images, pad_labels(rows, len(images), device)


def clip_truth(truth, x0, y0, x1, y1, keep=0.5):
    """Cuts boxes at a rectangle; those that lose more than half or get tiny become padding."""
    low = torch.tensor([x0, y0], device=truth.device, dtype=truth.dtype)
    high = torch.tensor([x1, y1], device=truth.device, dtype=truth.dtype)
    before = (truth[..., 3:] - truth[..., 1:3]).prod(-1)
    a = torch.minimum(torch.maximum(truth[..., 1:3], low), high)
    b = torch.minimum(torch.maximum(truth[..., 3:], low), high)
    after = (b - a).prod(-1)
    good = (truth[..., 0] >= 0) & (after >= keep * before) & ((b - a).amin(-1) >= 4)
    kind = torch.where(good, truth[..., 0], torch.full_like(truth[..., 0], -1))
    return torch.cat([kind[..., None], a, b], -1)


class Batches:
    def __init__(self, sources, size, seed, device):
        self.sources, self.size, self.device = sources, size, device
        self.random = torch.Generator(device=device)
        self.random.manual_seed(seed)
        self.host = random.Random(seed)

    def uniform(self, *shape, low=0.0, high=1.0):
        return torch.rand(*shape, generator=self.random, device=self.device) * (high - low) + low

    def warp(self, source, count, plain):
        """`count` pictures of a source on canvases of the network's size, with their truth."""
        pick = (self.uniform(count) * len(source.images)).long()
        images = source.images[pick]
        truth = source.truth[pick].clone()
        height, width = images.shape[2:]
        turn = (self.uniform(count) * 8).long()
        low, high = source.scale
        scale = torch.exp(self.uniform(count, low=math.log(low), high=math.log(high)))
        fit = min(self.size / width, self.size / height)
        as_used = self.uniform(count) < plain
        scale = torch.where(as_used, torch.full_like(scale, fit), scale)
        angle = (turn % 4).float() * (math.pi / 2)
        cos, sin = angle.cos().round(), angle.sin().round()
        mirror = torch.where(turn >= 4, -1.0, 1.0)
        # rotation [count,2,2] takes source directions to canvas directions
        rotation = torch.stack(
            [torch.stack([cos * mirror, -sin], -1), torch.stack([sin * mirror, cos], -1)], -2
        )
        extent = rotation.abs() @ torch.tensor([width, height], device=self.device).float()
        slack = (self.size - scale[:, None] * extent).abs() / 2 + 0.05 * self.size
        shift = self.uniform(count, 2, low=-1.0) * slack * ~as_used[:, None]
        middle = self.size / 2 + shift
        centre = torch.tensor([width / 2, height / 2], device=self.device)
        back = rotation.transpose(1, 2) / scale[:, None, None]
        norm = torch.tensor([2 / width, 2 / height], device=self.device)
        linear = back * (self.size / 2) * norm[None, :, None]
        offset = ((back @ (self.size / 2 - middle)[..., None])[..., 0] + centre) * norm - 1
        theta = torch.cat([linear, offset[..., None]], -1)
        grid = F.affine_grid(theta, (count, 1, self.size, self.size), align_corners=False)
        pixels = F.grid_sample(images.float() - 114, grid, align_corners=False) + 114
        corners = torch.stack([truth[..., 1:3], truth[..., 3:]], 2) - centre  # [count,SLOTS,2,2]
        moved = torch.einsum("bij,bskj->bski", rotation * scale[:, None, None], corners)
        moved = moved + middle[:, None, None]
        truth[..., 1:3], truth[..., 3:] = moved.amin(2), moved.amax(2)
        return pixels / 255, clip_truth(truth, 0, 0, self.size, self.size)

    def recolour(self, pixels):
        """Binary pictures [n,1,h,w] to RGB; a third get colours of copper and mask."""
        count = len(pixels)
        dark = self.uniform(count, 3, 1, 1)
        light = self.uniform(count, 3, 1, 1)
        gap = (dark.mean(1, keepdim=True) - light.mean(1, keepdim=True)).abs()
        paint = (self.uniform(count, 1, 1, 1) < 0.33) & (gap > 0.15)
        return torch.where(paint, dark + (light - dark) * pixels, pixels.expand(-1, 3, -1, -1))

    def spoil(self, pixels):
        """Contrast, colour cast, blur and noise, each on a part of the pictures."""
        count = len(pixels)
        some = lambda part: self.uniform(count, 1, 1, 1) < part
        gain = self.uniform(count, 1, 1, 1, low=0.75, high=1.2)
        cast = self.uniform(count, 3, 1, 1, low=0.88, high=1.12)
        lift = self.uniform(count, 1, 1, 1, low=-0.08, high=0.08)
        pixels = torch.where(some(0.4), pixels * gain * cast + lift, pixels)
        soft = F.avg_pool2d(F.pad(pixels, (1, 1, 1, 1), mode="replicate"), 3, 1)
        pixels = torch.where(some(0.2), (pixels + soft) / 2, pixels)
        noise = torch.randn(pixels.shape, generator=self.random, device=self.device)
        pixels = torch.where(
            some(0.3), pixels + noise * self.uniform(count, 1, 1, 1, high=0.04), pixels
        )
        return pixels.clamp(0, 1)

    def quarters(self, pixels, truth):
        """Puts quarters of four pictures together; one cut for the whole batch."""
        count, size = len(pixels), self.size
        cx, cy = (round(self.host.uniform(0.3, 0.7) * size) for _ in range(2))
        out, kept = torch.empty_like(pixels), []
        for x0, y0, x1, y1 in (
            (0, 0, cx, cy),
            (cx, 0, size, cy),
            (0, cy, cx, size),
            (cx, cy, size, size),
        ):
            order = torch.randperm(count, generator=self.random, device=self.device)
            out[:, :, y0:y1, x0:x1] = pixels[order, :, y0:y1, x0:x1]
            kept.append(clip_truth(truth[order], x0, y0, x1, y1))
        joined = torch.cat(kept, 1)
        order = joined[..., 0].argsort(1, descending=True)[:, :SLOTS]
        return out, joined.gather(1, order[..., None].expand(-1, -1, 5))

    def draw(self, count, mosaic, plain):
        """A batch: pixels [count,3,size,size] in 0..1 and truth [count,SLOTS,5]."""
        pixels, truth = [], []
        left = count
        for i, source in enumerate(self.sources):
            part = left if i == len(self.sources) - 1 else max(1, round(count * source.share))
            left -= part
            p, t = self.warp(source, part, plain)
            pixels.append(self.recolour(p) if source.binary else p)
            truth.append(t)
        pixels, truth = torch.cat(pixels), torch.cat(truth)
        # One picture of each source in turn stays whole, the first `mosaic` part is mixed.
        order = torch.randperm(count, generator=self.random, device=self.device)
        pixels, truth = pixels[order], truth[order]
        mixed = int(count * mosaic)
        if mixed >= 4:
            pixels[:mixed], truth[:mixed] = self.quarters(pixels[:mixed], truth[:mixed])
        return self.spoil(pixels), truth
