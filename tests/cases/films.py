"""Films for the toy detectors: a blue square that stands still and a red one that moves."""

import subprocess

import numpy as np
import toy

SIZE = (640, 384)  # width, height
STEP = 8           # pixels that the red square moves a frame
RED_BEGINS, BLUE = (80, 80), (480, 240)


def frame(n, begins=RED_BEGINS):
    """Pixels of frame `n`; the red square lies in a cell of 8 x 8."""
    x, y = begins
    return toy.picture(*SIZE, spots=((x + STEP * n, y, 0), (*BLUE, 2)))


def ffmpeg(*arguments, stdin=None):
    subprocess.run(["ffmpeg", "-v", "error", "-y", *map(str, arguments)], input=stdin, check=True,
                   timeout=60)


def film(path, frames=30, rate=25, options=(), pixels=None):
    """Writes a film with H.264 in it, or what `options` say; its kind is told by the suffix."""
    pixels = [frame(n) for n in range(frames)] if pixels is None else pixels
    height, width = pixels[0].shape[:2]
    ffmpeg("-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{width}x{height}", "-r", rate, "-i", "-",
           "-c:v", "libx264", "-crf", 8, "-g", 10, "-pix_fmt", "yuv420p", *options, path,
           stdin=b"".join(np.ascontiguousarray(p).tobytes() for p in pixels))
    return path


def tracks(lines):
    """{name: {track id: [frames]}} of lines with track_id."""
    found = {}
    for line in lines:
        for one in line["detections"]:
            ids = found.setdefault(one["name"], {})
            ids.setdefault(one["track_id"], []).append(line["frame"])
    return found
