"""Frames a second of Ultralytics' multi-stream track() over video files. Runs in its own Python.

  ultralytics_streams.py MODEL.onnx VIDEO... [--form onnx|openvino] [--folder TEMP]

Prints one JSON object: frames, seconds, and how many of each stream. It stops where track() stops:
at the end of its shortest stream.
"""
import argparse
import collections
import json
import os
import pathlib
import tempfile
import time

from ultralytics_rate import exported


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model")
    parser.add_argument("videos", nargs="+")
    parser.add_argument("--form", choices=["onnx", "openvino"], default="openvino")
    parser.add_argument("--folder", default="")
    arguments = parser.parse_args()
    folder = pathlib.Path(arguments.folder or tempfile.mkdtemp())
    os.environ.setdefault("YOLO_CONFIG_DIR", str(folder))
    from ultralytics import YOLO

    detector = YOLO(exported(arguments.model, arguments.form, folder), task="detect")
    streams = folder / "clips.streams"
    streams.write_text("\n".join(str(pathlib.Path(video).resolve()) for video in arguments.videos))
    options = {"imgsz": 640, "conf": 0.25, "iou": 0.7, "device": "cpu", "verbose": False,
               "stream": True, "stream_buffer": True, "tracker": "bytetrack.yaml"}
    counts = collections.Counter()
    start = time.monotonic()
    for result in detector.track(str(streams), **options):
        counts[pathlib.Path(result.path).stem] += 1
    print(json.dumps({"frames": sum(counts.values()), "seconds": time.monotonic() - start,
                      "streams": counts}))


if __name__ == "__main__":
    main()
