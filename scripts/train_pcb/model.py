"""The network of the built-in model `pcb`: a small anchor-free detector with strides 8, 16 and
32.

A stem and four stages of cross-stage-partial blocks, a path-aggregation neck and a decoupled head
of separable convolutions. The head predicts four distances (left, top, right, bottom, as the
exponent of what the convolution gives, in units of the stride) and one score a class. No part of
it is stochastic.
"""

import math

import torch
from torch import nn
from torch.nn import functional as F

NAMES = ["open", "short", "mousebite", "spur", "copper", "pin-hole"]
STRIDES = (8, 16, 32)


class Conv(nn.Module):
    """Convolution, batch normalisation, SiLU."""

    def __init__(self, inputs, outputs, kernel=1, stride=1, groups=1):
        super().__init__()
        self.conv = nn.Conv2d(
            inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False
        )
        self.norm = nn.BatchNorm2d(outputs, eps=1e-3, momentum=0.03)

    def forward(self, x):
        return F.silu(self.norm(self.conv(x)), inplace=True)


class Bottleneck(nn.Module):
    def __init__(self, channels, residual):
        super().__init__()
        self.first = Conv(channels, channels, 3)
        self.second = Conv(channels, channels, 3)
        self.residual = residual

    def forward(self, x):
        y = self.second(self.first(x))
        return x + y if self.residual else y


class Stage(nn.Module):
    """Splits its input in two halves; one goes through the bottlenecks, and all states are
    joined."""

    def __init__(self, inputs, outputs, depth, residual):
        super().__init__()
        self.hidden = outputs // 2
        self.enter = Conv(inputs, 2 * self.hidden)
        self.blocks = nn.ModuleList(Bottleneck(self.hidden, residual) for _ in range(depth))
        self.leave = Conv((2 + depth) * self.hidden, outputs)

    def forward(self, x):
        states = list(self.enter(x).split(self.hidden, 1))
        for block in self.blocks:
            states.append(block(states[-1]))
        return self.leave(torch.cat(states, 1))


class Pool(nn.Module):
    """Three 5x5 maxima in a row: context of 5, 9 and 13 cells."""

    def __init__(self, channels):
        super().__init__()
        self.enter = Conv(channels, channels // 2)
        self.leave = Conv(channels * 2, channels)

    def forward(self, x):
        states = [self.enter(x)]
        for _ in range(3):
            states.append(F.max_pool2d(states[-1], 5, 1, 2))
        return self.leave(torch.cat(states, 1))


class Branch(nn.Module):
    """Two separable convolutions and a linear output."""

    def __init__(self, inputs, hidden, outputs):
        super().__init__()
        self.layers = nn.ModuleList(
            [
                Conv(inputs, inputs, 3, groups=inputs),
                Conv(inputs, hidden),
                Conv(hidden, hidden, 3, groups=hidden),
                Conv(hidden, hidden),
            ]
        )
        self.out = nn.Conv2d(hidden, outputs, 1)

    def forward(self, x):
        for layer in self.layers:
            x = layer(x)
        return self.out(x)


class PcbNet(nn.Module):
    def __init__(self, width=(16, 32, 64, 128, 192), depth=(1, 2, 2, 1), hidden=64):
        super().__init__()
        w0, w1, w2, w3, w4 = width
        self.stem = Conv(3, w0, 3, 2)
        self.down1, self.stage1 = Conv(w0, w1, 3, 2), Stage(w1, w1, depth[0], True)
        self.down2, self.stage2 = Conv(w1, w2, 3, 2), Stage(w2, w2, depth[1], True)
        self.down3, self.stage3 = Conv(w2, w3, 3, 2), Stage(w3, w3, depth[2], True)
        self.down4, self.stage4 = Conv(w3, w4, 3, 2), Stage(w4, w4, depth[3], True)
        self.pool = Pool(w4)
        self.up3 = Stage(w4 + w3, w3, 1, False)
        self.up2 = Stage(w3 + w2, w2, 1, False)
        self.pan3, self.join3 = Conv(w2, w2, 3, 2), Stage(w2 + w3, w3, 1, False)
        self.pan4, self.join4 = Conv(w3, w3, 3, 2), Stage(w3 + w4, w4, 1, False)
        self.box = nn.ModuleList(Branch(c, hidden, 4) for c in (w2, w3, w4))
        self.score = nn.ModuleList(Branch(c, hidden, len(NAMES)) for c in (w2, w3, w4))
        for box, score in zip(self.box, self.score):
            nn.init.constant_(box.out.bias, math.log(2.0))
            nn.init.constant_(score.out.bias, -math.log((1 - 0.01) / 0.01))

    def features(self, x):
        x = self.stage1(self.down1(self.stem(x)))
        c2 = self.stage2(self.down2(x))
        c3 = self.stage3(self.down3(c2))
        c4 = self.pool(self.stage4(self.down4(c3)))
        p3 = self.up3(torch.cat([F.interpolate(c4, scale_factor=2.0, mode="nearest"), c3], 1))
        p2 = self.up2(torch.cat([F.interpolate(p3, scale_factor=2.0, mode="nearest"), c2], 1))
        n3 = self.join3(torch.cat([self.pan3(p2), p3], 1))
        n4 = self.join4(torch.cat([self.pan4(n3), c4], 1))
        return p2, n3, n4

    def forward(self, x):
        """[B,3,H,W] in 0..1 to (boxes [B,N,4] as x0 y0 x1 y1 in network pixels, logits [B,N,6])."""
        boxes, logits = [], []
        for level, (feature, stride) in enumerate(zip(self.features(x), STRIDES)):
            distance = self.box[level](feature).float().clamp(max=4.5).exp() * stride
            batch, _, height, width = distance.shape
            gx = (torch.arange(width, device=x.device) + 0.5) * stride
            gy = ((torch.arange(height, device=x.device) + 0.5) * stride)[:, None]
            box = torch.stack(
                [
                    gx - distance[:, 0],
                    gy - distance[:, 1],
                    gx + distance[:, 2],
                    gy + distance[:, 3],
                ],
                1,
            )
            boxes.append(box.flatten(2))
            logits.append(self.score[level](feature).float().flatten(2))
        return torch.cat(boxes, 2).transpose(1, 2), torch.cat(logits, 2).transpose(1, 2)


def anchor_points(height, width, device):
    """[N,2] centres in network pixels and [N] strides, in the order of the network's output."""
    points, strides = [], []
    for stride in STRIDES:
        y, x = torch.meshgrid(
            (torch.arange(height // stride, device=device) + 0.5) * stride,
            (torch.arange(width // stride, device=device) + 0.5) * stride,
            indexing="ij",
        )
        points.append(torch.stack([x.flatten(), y.flatten()], 1))
        strides.append(torch.full((points[-1].shape[0],), float(stride), device=device))
    return torch.cat(points), torch.cat(strides)
