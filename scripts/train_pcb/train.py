"""Trains the built-in model `pcb` on one GPU within a given time; see models/README.md for the
call.

The learning rate follows the clock (cosine over --seconds), so that a run uses exactly the time
it has. The weights that leave this script are the running mean (EMA) with the best score on held-
out pictures: 50 of DeepPCB's training split and generated boards with seeds of their own.
DeepPCB's test split is not on the machine at all.
"""

import argparse
import copy
import json
import math
import time

import torch

import data
import loss
import scoring
from model import PcbNet, anchor_points


def parse():
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--deeppcb", required=True, help="file of pack_deeppcb.py")
    p.add_argument("--generated", required=True, help="folder of generate.sh")
    p.add_argument("--out", required=True, help="folder for weights and log")
    p.add_argument("--seconds", type=float, default=480)
    p.add_argument("--batch", type=int, default=64)
    p.add_argument("--size", type=int, default=640)
    p.add_argument("--rate", type=float, default=2e-3)
    p.add_argument("--seed", type=int, default=20)
    p.add_argument("--start", help="weights to go on from")
    p.add_argument("--every", type=float, default=60, help="seconds between scores")
    p.add_argument("--steps", type=int, default=10**9, help="stop after so many steps (for trials)")
    p.add_argument("--device", default="cuda")
    return p.parse_args()


def update_mean(mean, net, step):
    keep = min(0.9995, (1 + step) / (20 + step))
    mean_values, net_values = (
        [v for v in m.state_dict().values() if v.dtype.is_floating_point] for m in (mean, net)
    )
    with torch.no_grad():
        torch._foreach_lerp_(mean_values, net_values, 1 - keep)


def groups_of(net, decay):
    """Weights of convolutions decay; norms and biases do not."""
    heavy = [p for p in net.parameters() if p.ndim > 1]
    light = [p for p in net.parameters() if p.ndim <= 1]
    return [{"params": heavy, "weight_decay": decay}, {"params": light, "weight_decay": 0.0}]


def main():
    args = parse()
    torch.manual_seed(args.seed)
    torch.backends.cudnn.benchmark = True
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = True
    device = torch.device(args.device)
    begin = time.monotonic()
    (images, truth), held = data.load_deeppcb(args.deeppcb, device)
    folder = args.generated
    sources = [
        data.Pictures(images, truth, 0.42, (0.55, 1.4), True),
        data.Pictures(*data.load_generated(f"{folder}/colour", device), 0.14, (0.42, 1.4), False),
        data.Pictures(*data.load_generated(f"{folder}/whole", device), 0.10, (0.35, 1.0), False),
        data.Pictures(
            *data.load_generated(f"{folder}/binary", device, True), 0.07, (0.42, 1.4), True
        ),
        data.Pictures(*data.load_generated(f"{folder}/line", device), 0.27, (0.42, 0.9), False),
    ]
    checks = {
        "deeppcb_held_out": held,
        "stills": data.load_generated(f"{folder}/check_colour", device),
        "line": data.load_generated(f"{folder}/check_line", device),
    }
    print(
        f"data ready after {time.monotonic() - begin:.0f} s: "
        f"{[len(s.images) for s in sources]}, {[len(c[0]) for c in checks.values()]}",
        flush=True,
    )

    net = PcbNet().to(device).to(memory_format=torch.channels_last)
    if args.start:
        net.load_state_dict(torch.load(args.start, map_location=device))
    mean = copy.deepcopy(net).eval()
    optimiser = torch.optim.AdamW(groups_of(net, 0.02), lr=args.rate, betas=(0.9, 0.99))
    batches = data.Batches(sources, args.size, args.seed, device)
    points, strides = anchor_points(args.size, args.size, device)
    best, scored, step, log = -1.0, time.monotonic(), 0, []
    start = time.monotonic()
    sums = torch.zeros(2, device=device)
    while True:
        part = min(1.0, (time.monotonic() - start) / args.seconds)
        end = part >= 1.0 or step >= args.steps
        if end or time.monotonic() - scored > args.every:
            scores = {k: scoring.score_set(mean, *v, args.size) for k, v in checks.items()}
            worth = sum(s[0] for s in scores.values()) / len(scores)
            entry = {
                "seconds": round(time.monotonic() - start),
                "step": step,
                "box": sums[0].item(),
                "score": sums[1].item(),
                **scores,
            }
            log.append(entry)
            print(json.dumps(entry), flush=True)
            json.dump(log, open(f"{args.out}/log.json", "w"), indent=1)
            torch.save(mean.state_dict(), f"{args.out}/last.pt")
            if worth > best:
                best = worth
                torch.save(mean.state_dict(), f"{args.out}/best.pt")
            scored = time.monotonic()
            if end:
                break
        rate = (
            args.rate
            * (0.01 + 0.99 * (1 + math.cos(math.pi * part)) / 2)
            * min(1, (step + 1) / 300)
        )
        for group in optimiser.param_groups:
            group["lr"] = rate
        late = part > 0.85  # the end is spent on pictures as they are used
        pixels, target = batches.draw(args.batch, 0.1 if late else 0.35, 0.5 if late else 0.25)
        with torch.autocast(device.type, torch.bfloat16):
            boxes, logits = net(pixels.contiguous(memory_format=torch.channels_last))
        total, box, score = loss.detection_loss(boxes, logits, points, strides, target)
        optimiser.zero_grad(set_to_none=True)
        total.backward()
        torch.nn.utils.clip_grad_norm_(net.parameters(), 10.0)
        optimiser.step()
        update_mean(mean, net, step)
        sums = sums * 0.98 + 0.02 * torch.stack([box, score])
        step += 1
        if step in (20, 100, 500):
            print(f"step {step} after {time.monotonic() - start:.1f} s", flush=True)


if __name__ == "__main__":
    main()
