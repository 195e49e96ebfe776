"""Goal: documentation is true. Every line of a ```sh block runs and succeeds, in order, in a folder
of its own; options that documents name exist."""
import os
import re
import subprocess

import pytest
from program import BINARY, ROOT

DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def blocks(path):
    return re.findall(r"^```sh\n(.*?)^```", path.read_text(), re.M | re.S)


@pytest.mark.parametrize("path", [p for p in DOCUMENTS if blocks(p)], ids=lambda p: p.name)
def test_commands_of_documents_run(path, tmp_path, shoal_bin):
    environment = {**os.environ, "PATH": f"{BINARY.parent}:{os.environ['PATH']}"}
    for block in blocks(path):
        for command in block.splitlines():
            run = subprocess.run(command, shell=True, cwd=tmp_path, env=environment,
                                 capture_output=True, text=True, timeout=180)
            assert run.returncode == 0, f"{path.name}: {command}\n{run.stderr}"


def test_options_that_documents_name_exist(shoal_bin):
    known = set()
    for verb in ("detect", "eval", "inspect", "doctor", "bench", "budget", "serve"):
        text = subprocess.run([BINARY, verb, "--help"], capture_output=True, text=True).stdout
        known |= set(re.findall(r"--[a-z][a-z-]*", text))
    for path in DOCUMENTS:
        if path.parent.name == "benchmarks":
            continue  # names options of other programs, too
        for line in re.findall(r"`([^`\n]+)`", path.read_text()):
            if "cmake" in line:
                continue
            for option in re.findall(r"(?<![\w-])--[a-z][a-z-]*(?![\w.-])", line):
                assert option in known, f"{path.name}: {option}"
