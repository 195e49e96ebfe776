"""The toy detectors themselves: what the other cases stand on."""

import numpy as np
import onnxruntime
import toy


def test_onnx_runtime_gives_the_known_boxes(toys):
    session = onnxruntime.InferenceSession(toys / "toy640.onnx")
    image = toy.picture().transpose(2, 0, 1)[None].astype(np.float32) / 255
    output = session.run(None, {"images": image})[0][0]
    boxes, scores = output[:4], output[4:]
    found = sorted((scores[:, n].argmax(), *boxes[:, n]) for n in np.flatnonzero(
        scores.max(axis=0) > .25))
    expected = [(c, (b[0] + b[2]) / 2, (b[1] + b[3]) / 2, 64, 64)
                for c, b in enumerate(toy.BOXES)]
    assert np.allclose(found, expected)


def test_the_program_gives_the_known_boxes(detect, toys):
    [line] = detect(toys / "toy640.onnx", toys / "spots.png")
    found = {d["name"]: tuple(d["box"].values()) for d in line["detections"]}
    assert set(found) == {"red", "green", "blue"}
    for name, expected in zip(("red", "green", "blue"), toy.BOXES):
        assert np.allclose(found[name], expected, atol=1), (name, found[name])
