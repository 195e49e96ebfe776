"""What the cases share: toy detectors (toy.py), their picture, and the program with few questions.

A case is a small input that users of detectors met and that failed once. Each says in its name what
is right; inputs are made here, by scripts.
"""

import pytest
import toy
from PIL import Image
from toy import QUICK


@pytest.fixture(scope="session")
def toys(tmp_path_factory):
    """A folder with toy640.onnx, toy640x384.onnx (640 wide) and the picture spots.png."""
    folder = tmp_path_factory.mktemp("toys")
    toy.detector(folder / "toy640.onnx")
    toy.detector(folder / "toy640x384.onnx", size=(384, 640))
    Image.fromarray(toy.picture()).save(folder / "spots.png")
    return folder


@pytest.fixture
def detect(shoal, tmp_path):
    """detect(model, source..., status=0): the lines of `shoal detect --json`."""
    def run(model, *sources, status=0, timeout=60):
        return shoal.detect(tmp_path / "lines.jsonl", *QUICK, "-m", model, *sources,
                            status=status, timeout=timeout)
    return run
