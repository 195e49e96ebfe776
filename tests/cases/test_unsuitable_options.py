"""An option that does not suit a model is refused with its name and ends nothing else: a service
that loads a model anew goes on with the one that it has."""

import signal
import time

import pytest
from rest_client import Serving
from toy import QUICK


@pytest.mark.parametrize("verb", ["detect", "serve"])
def test_a_class_that_the_model_does_not_have_is_named(shoal, toys, verb):
    model = ["-m", toys / "toy640.onnx"]
    where = [toys / "spots.png"] if verb == "detect" else ["--http", "127.0.0.1:0", "--grpc", ""]
    run = shoal(verb, *model, *QUICK, "--classes", "99", *where)
    assert run.status in (2, 3), run
    assert "the model has no class '99'" in run.err, run


def test_a_reload_that_is_refused_leaves_the_model_as_it_was(toys, tmp_path):
    config, picture = tmp_path / "shoal.toml", (toys / "spots.png").read_bytes()
    model = f'[model.toy]\npath = "{toys / "toy640.onnx"}"\n'
    config.write_text(model)
    with Serving("--config", config, *QUICK) as service:
        before = service.post("/v1/detect", picture)
        assert before.status == 200 and len(before.json["detections"]) > 0
        for classes in (99, 1000):
            config.write_text(f"{model}[detect]\nclasses = [{classes}]\n")
            service.process.send_signal(signal.SIGHUP)
            end = time.monotonic() + 120
            while f"class {classes} " not in "".join(service.lines):
                assert time.monotonic() < end, service.lines
                time.sleep(0.05)
            after = service.post("/v1/detect", picture)
            assert after.status == 200
            assert after.json["detections"] == before.json["detections"]
        models = service.get("/v1/models").json["models"]
        assert [model["state"] for model in models] == ["ready"]
        assert service.get("/v2/health/ready").status == 200
