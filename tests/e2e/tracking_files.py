"""Runs the tracker on detections, and compares MOTChallenge results with each other."""

import subprocess

from program import BUILD

TRACK_DETECTIONS = BUILD / "track_detections"


def track_with_shoal(detections, results, *options):
    """Shoal's results for the text of a det.txt, written by its own sink."""
    subprocess.run([TRACK_DETECTIONS, "--mot", results, *map(str, options)],
                   input=detections.encode(), check=True, timeout=60)
    return results


def read_results(text):
    """By frame, in the order of the file: (identity, left, top, width, height, score)."""
    frames = {}
    for line in text.splitlines():
        frame, *values = line.split(",")
        frames.setdefault(int(frame), []).append([float(v) for v in values[:6]])
    return frames


def same_identities(one, other):
    """Fails unless both hold the same boxes, and the identities of one are those of the other by
    another name, the same name in every frame. Answers how many rows there were."""
    names, back, rows = {}, {}, 0
    one, other = read_results(one), read_results(other)
    assert one.keys() == other.keys()
    for frame in one:
        a, b = (sorted(rows, key=lambda row: (row[1:3], row[5])) for rows in
                (one[frame], other[frame]))
        assert len(a) == len(b), f"frame {frame}: {len(a)} boxes and {len(b)}"
        for x, y in zip(a, b):
            assert max(abs(v - w) for v, w in zip(x[1:5], y[1:5])) <= 0.02, f"frame {frame}"
            assert names.setdefault(x[0], y[0]) == y[0], f"frame {frame}: identity {x[0]}"
            assert back.setdefault(y[0], x[0]) == x[0], f"frame {frame}: identity {y[0]}"
            rows += 1
    return rows
