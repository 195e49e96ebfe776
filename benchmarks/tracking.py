#!/usr/bin/env python3
"""Tracking quality beside peers, as Markdown tables: Shoal, the reference of the tests, and
Ultralytics' BYTETracker where an interpreter that has it is named. All follow the same detections
of the streets in tests/e2e/tracking_scene.py. Then Shoal with a third of the frames missing, with
the times of those that are left and as if they came evenly.

    .venv/bin/python3 benchmarks/tracking.py [--ultralytics PYTHON]

Ultralytics' tracker needs `lapx` beside it.
"""

import argparse
import pathlib
import random
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "tests/e2e")]

from tracking_files import same_identities, track_with_shoal  # noqa: E402
from tracking_metrics import by_motmetrics, by_trackeval  # noqa: E402
from tracking_reference import Options, track  # noqa: E402
from tracking_scene import detection_text, make_scene, truth_text  # noqa: E402

STREETS = [("quiet", 1, 0.8), ("street", 2, 1.6), ("crowd", 3, 3.0)]

# Runs in the other interpreter: one tracker a class, as Shoal's objects of two classes never match;
# boxes of the detections, as Shoal writes them.
ULTRALYTICS = '''
import sys, time, types
import numpy as np
from ultralytics.engine.results import Boxes
from ultralytics.trackers.byte_tracker import BYTETracker
frames, fps = int(sys.argv[1]), float(sys.argv[2])
rows = np.loadtxt(sys.stdin, delimiter=",", ndmin=2)
arguments = types.SimpleNamespace(track_high_thresh=0.5, track_low_thresh=0.1,
    new_track_thresh=0.6, match_thresh=0.8, track_buffer=round(fps), fuse_score=True)
trackers, spent = {}, 0.0
for frame in range(1, frames + 1):
    here = rows[rows[:, 0] == frame]
    for kind in range(3):
        mine = here[here[:, 7] == kind]
        boxes = np.column_stack([mine[:, 2:4], mine[:, 2:4] + mine[:, 4:6], mine[:, 6], mine[:, 7]])
        tracker = trackers.setdefault(kind, BYTETracker(arguments))
        start = time.perf_counter()
        found = tracker.update(Boxes(boxes.astype(np.float32), (720, 1280)))
        spent += time.perf_counter() - start
        for one in found:
            box = ",".join(f"{v:.2f}" for v in mine[int(one[7]), 2:6])
            print(f"{frame},{int(one[4]) * 10 + kind},{box},{mine[int(one[7]), 6]:.4f},-1,-1,-1")
print(f"{1e3 * spent / frames:.3f} ms a frame", file=sys.stderr)
'''


def as_shoal(text, ours):
    try:
        return f"all {same_identities(ours, text)}"
    except AssertionError as difference:
        return f"no: {difference}"


def ultralytics(python, detections, scene):
    done = subprocess.run([python, "-c", ULTRALYTICS, str(scene.frames), str(scene.fps)],
                          input=detections, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"Ultralytics in {python}:\n{done.stderr}")
    return done.stdout, done.stderr.strip().splitlines()[-1]


def without_a_third(scene):
    """Truth and detections with gaps at random, and the same with the frames numbered anew."""
    rng = random.Random(9)
    kept = [frame for frame in range(1, scene.frames + 1)
            if frame in (1, scene.frames) or rng.random() >= 1 / 3]
    number = {frame: i for i, frame in enumerate(kept, 1)}
    texts = []
    for text in (truth_text(scene), detection_text(scene)):
        lines = [line.split(",", 1) for line in text.splitlines(True)]
        lines = [(int(frame), rest) for frame, rest in lines if int(frame) in number]
        texts.append(("".join(f"{frame},{rest}" for frame, rest in lines),
                      "".join(f"{number[frame]},{rest}" for frame, rest in lines)))
    return texts


def missing_frames(folder):
    print("\n| scene | by time: IDF1, switches | by frames: IDF1, switches |\n|---|---|---|")
    for street, seed, a_second in STREETS:
        scene = make_scene(seed, a_second=a_second)
        truths, detections = without_a_third(scene)
        cells = []
        for truth, seen in zip(truths, detections):
            (folder / "gt.txt").write_text(truth)
            path = track_with_shoal(seen, folder / "results.txt", "--fps", scene.fps, "--absent",
                                    "skipped")
            scores = by_motmetrics(folder / "gt.txt", path)
            cells.append(f"{scores['idf1']:.3f}, {scores['switches']}")
        print(f"| {street} | {' | '.join(cells)} |")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--ultralytics", help="a Python interpreter that has Ultralytics")
    arguments = parser.parse_args()
    print("| scene | tracker | MOTA | IDF1 | switches | HOTA | identities as Shoal's |")
    print("|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        for street, seed, a_second in STREETS:
            scene = make_scene(seed, a_second=a_second)
            detections = detection_text(scene)
            (folder / "gt.txt").write_text(truth_text(scene))
            ours = track_with_shoal(detections, folder / "shoal.txt", "--fps", scene.fps,
                                    "--frames", scene.frames).read_text()
            results = {"Shoal": ours, "reference": track(detections, scene.frames, Options())}
            if arguments.ultralytics:
                results["Ultralytics"], cost = ultralytics(arguments.ultralytics, detections, scene)
                print(f"{street}: Ultralytics' tracker takes {cost}", file=sys.stderr)
            for tracker, text in results.items():
                path = folder / "results.txt"
                path.write_text(text)
                scores = by_motmetrics(folder / "gt.txt", path)
                hota = by_trackeval(folder / "gt.txt", path, scene.frames, folder / "te")["hota"]
                print(f"| {street} | {tracker} | {scores['mota']:.4f} | {scores['idf1']:.4f} | "
                      f"{scores['switches']} | {hota:.4f} | {as_shoal(text, ours)} |")
        missing_frames(folder)


if __name__ == "__main__":
    main()
