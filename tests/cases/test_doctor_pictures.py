"""A check of precision that compared next to nothing says that it did not judge."""

import json


def test_few_boxes_are_not_judged_and_never_ok(shoal, toys, tmp_path):
    run = shoal("doctor", "-m", toys / "toy640.onnx", toys / "spots.png", "--batches", "1",
                "--execution", "spread", "--json", tmp_path / "doctor.json")
    assert run.status == 0, run
    report = json.loads((tmp_path / "doctor.json").read_text())
    checks = {check["name"]: check for check in report["checks"]}
    assert checks["batch_invariance"]["outcome"] == "ok"
    # Three boxes; or none at all, where the processor has no second precision.
    assert checks["precision_agreement"]["outcome"] == "not_judged"
    assert checks["precision_agreement"]["ok"] is False
    assert report["outcome"] == "not_judged" and report["ok"] is False
    [line] = [text for text in run.out.splitlines() if text.rstrip().endswith("not judged")]
    assert "ok" not in line.split("not judged")[0].split()
