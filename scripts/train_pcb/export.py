"""Writes trained weights as the ONNX file that ships: models/pcb.onnx.

    python export.py WEIGHTS.pt OUTPUT.onnx

Input `images` [B,3,H,W], RGB in 0..1; output `output0` [B,4+6,N]: centre x, centre y, width and
height in network pixels, then six scores. Batch, height and width (multiples of 32) are dynamic:
the cells' places are computed in the graph, so that an engine may reshape and fold them.
"""

import json
import sys

import onnx
import torch
from torch import nn

from model import NAMES, Conv, PcbNet


class Exported(nn.Module):
    def __init__(self, net):
        super().__init__()
        self.net = net

    def forward(self, images):
        boxes, logits = self.net(images)
        low, high = boxes[..., :2], boxes[..., 2:]
        rows = torch.cat([(low + high) / 2, high - low, logits.sigmoid()], 2)
        return rows.transpose(1, 2)


def fold_norms(net):
    """Batch normalisation becomes part of the convolution before it."""
    for part in net.modules():
        if isinstance(part, Conv):
            part.conv = nn.utils.fusion.fuse_conv_bn_eval(part.conv, part.norm)
            part.norm = nn.Identity()
        if isinstance(part, nn.SiLU):
            part.inplace = False


def main(weights, output):
    net = PcbNet()
    net.load_state_dict(torch.load(weights, map_location="cpu"))
    net.eval()
    fold_norms(net)
    with torch.no_grad():
        torch.onnx.export(
            Exported(net),
            torch.rand(2, 3, 384, 640),
            output,
            dynamo=False,
            opset_version=17,
            input_names=["images"],
            output_names=["output0"],
            dynamic_axes={
                "images": {0: "batch", 2: "height", 3: "width"},
                "output0": {0: "batch", 2: "anchors"},
            },
        )
    graph = onnx.load(output)
    facts = {
        "names": repr(dict(enumerate(NAMES))),
        "task": "detect",
        "stride": "32",
        "imgsz": json.dumps([640, 640]),
        "description": "Shoal's built-in detector of circuit-board defects",
        "license": "MIT",
    }
    for key, value in facts.items():
        graph.metadata_props.add(key=key, value=value)
    onnx.checker.check_model(graph)
    onnx.save(graph, output)
    print(f"{output}: {sum(p.numel() for p in net.parameters()) / 1e6:.2f} M parameters")


if __name__ == "__main__":
    main(*sys.argv[1:])
