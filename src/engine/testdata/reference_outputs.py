"""Runs a model with ONNX Runtime on u8 pictures, for comparison with Shoal's engines.

usage: reference_outputs.py MODEL PIXELS HEIGHT WIDTH MEAN,.. SCALE,.. OUTPUT [NAME...]
PIXELS holds u8 [n, height, width, 3]. OUTPUT gets, picture by picture, the f32 values of the
named outputs (or all), one after the other; a picture is run alone (batch 1).
"""
import sys

import numpy as np
import onnxruntime


def main():
    model, pixels, height, width, mean, scale, output, *names = sys.argv[1:]
    pictures = np.fromfile(pixels, np.uint8).reshape(-1, int(height), int(width), 3)
    mean = np.array([float(v) for v in mean.split(",")], np.float32)
    scale = np.array([float(v) for v in scale.split(",")], np.float32)
    onnxruntime.set_default_logger_severity(3)
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    given = session.get_inputs()[0]
    batch = given.shape[0] if isinstance(given.shape[0], int) else 1
    with open(output, "wb") as file:
        for picture in pictures:
            value = ((picture.astype(np.float32) - mean) * scale).transpose(2, 0, 1)[None]
            value = np.repeat(value, batch, axis=0)
            for answer in session.run(names or None, {given.name: value}):
                file.write(np.ascontiguousarray(answer[0], np.float32).tobytes())


main()
