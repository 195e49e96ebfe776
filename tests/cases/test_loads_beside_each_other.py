"""A model that takes long to load holds up nobody: others are loaded meanwhile, and SIGTERM does
not wait for it."""

import shutil
import threading
import time

import pytest
import toy
from rest_client import Serving


def slow_chain(graph):
    """OpenVINO takes long for it; how long grows with the square of its length."""
    last = "scores"
    for i in range(950):
        last = graph.node("Relu", [last], f"relu{i}")
    return "boxes", last


@pytest.fixture
def repository(tmp_path):
    """A folder of models: quick is there from the start, slow and other come later."""
    folder = tmp_path / "repository"
    (folder / "quick/1").mkdir(parents=True)
    toy.detector(folder / "quick/1/model.onnx", size=(64, 64))
    return folder


def add(folder, name):
    path = folder / name / "1/model.onnx"
    path.parent.mkdir(parents=True)
    if name == "slow":
        toy.detector(path, change=slow_chain)
    else:
        shutil.copy(folder / "quick/1/model.onnx", path)


def test_a_slow_load_holds_up_neither_others_nor_the_end(repository):
    answered = threading.Event()
    with Serving("--repository", repository, "--execution", "spread") as service:
        def load(name):
            return service.request("POST", f"/v2/repository/models/{name}/load", timeout=300)

        def load_slow():
            try:
                load("slow")
            except OSError:
                pass  # the service ended first
            answered.set()

        for name in ("slow", "other"):
            add(repository, name)
        slow = threading.Thread(target=load_slow, daemon=True)
        slow.start()
        while not any(line["name"] == "slow" and line["state"] == "LOADING"
                      for line in service.request("POST", "/v2/repository/index").json):
            time.sleep(.05)
        assert load("other").status == 200
        assert service.get("/v2/models/other_boxes/ready").status == 200
        assert not answered.is_set(), "the slow model was loaded first"
    # Leaving sent SIGTERM and saw status 0 while the slow load was under way.
    slow.join(60)
    assert answered.is_set()
