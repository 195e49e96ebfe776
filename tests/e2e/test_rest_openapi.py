"""Goal: /openapi.json is true. A schema fuzzer that reads it finds no answer that it does not
describe, and no 5xx."""

import pathlib
import re
import subprocess
import sys

import pytest
from rest_client import Serving

SECONDS = 40
# A deadline that cannot be met is refused with a 503 that the document describes: the fuzzer takes
# any 5xx for a defect, so it asks for times that can be met. test_rest_detect.py holds the other.
# An empty list in a form is no field at all, so it is accepted where a field may be absent.
SETTINGS = """
[parameters]
timeout_ms = 60000

[[operations]]
include-path-regex = "^/v1/vision/"
[operations.checks]
negative_data_rejection.enabled = false
"""


@pytest.fixture(scope="module")
def door(shoal_bin):
    with Serving() as serving:
        yield serving


def test_a_schema_fuzzer_finds_nothing(door, tmp_path):
    settings = tmp_path / "schemathesis.toml"
    settings.write_text(SETTINGS)
    command = [str(pathlib.Path(sys.executable).parent / "schemathesis"), "--config-file",
               str(settings), "run", f"{door.url}/openapi.json", "--seed", "7",
               # One worker: CPython 3.11 counts the depth of ast.parse for all threads together
               # (its issue 106905), and two that parse at once fail now and then.
               "--workers", "1",
               # Random bytes are well-formed by the schema and are no picture: a 400 is right.
               "--exclude-checks", "positive_data_acceptance",
               "--max-time", str(SECONDS), "--request-timeout", "20", "--no-color",
               "--suppress-health-check", "all"]
    run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True,
                         timeout=SECONDS + 120)
    assert run.returncode == 0, f"{run.stdout[-6000:]}\n{run.stderr[-2000:]}"
    selected, total = map(int, re.search(r"Selected: (\d+)/(\d+)", run.stdout).groups())
    assert selected == total >= 8, run.stdout[-3000:]
    cases = int(re.search(r"(\d+) generated", run.stdout).group(1))
    assert cases > 300, run.stdout[-3000:]


def test_every_example_of_the_document_is_what_the_door_says(door):
    document = door.get("/openapi.json").json
    responses = document["paths"]["/v1/detect"]["post"]["responses"]
    example = responses["200"]["content"]["application/json"]["examples"]["one"]["value"]
    answer = door.post("/v1/detect", door.get("/example.jpg").body).json
    assert set(example) == set(answer)
    assert set(example["detections"][0]) == set(answer["detections"][0])
    assert set(example["timing_ms"]) == set(answer["timing_ms"])
