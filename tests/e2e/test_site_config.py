"""Goal: `shoal run --check` says what is wrong with a configuration, and where, before anything is
started. Method: files as a person writes them, the reference file and the guide's examples."""
import re

import pytest
from program import ROOT

CAMERA = '[[camera]]\nname = "line-1"\nurl = "synthetic:pcb"\n'

WRONG = [
    ("camera 'line-1': fps_max: expected a number from 0 to 1000, got -1",
     CAMERA + "fps_max = -1\n"),
    ("camera 'line-1': unknown key 'fsp_max'; did you mean 'fps_max'?",
     CAMERA + "fsp_max = 1\n"),
    ("camera 'line-1': two have this name", CAMERA + CAMERA),
    ("camera 'line-1': zones: 'belt': polygon: expected 3 to 256 points such as [[0.1, 0.2], "
     "[0.9, 0.2], [0.9, 0.8]], got [[0, 0], [1, 1]]",
     CAMERA + 'zones = [{ name = "belt", polygon = [[0, 0], [1, 1]] }]\n'),
    ("camera 'a': url: expected a port from 1 to 65535 after the host, got "
     '"rtsp://admin:***@10.0.0.5:99999/1"',
     '[[camera]]\nname = "a"\nurl = "rtsp://admin:geheim@10.0.0.5:99999/1"\n'),
    ("alarm 1: when: there is no zone 'belt'", CAMERA + "[[alarm]]\nwhen = \"zone == 'belt'\"\n"),
    ("sink 'mqtt': url is missing", CAMERA + '[[sink]]\ntype = "mqtt"\n'),
    ("unknown section 'camra'; did you mean 'camera'?", "[[camra]]\nname = 'a'\n"),
]


@pytest.mark.parametrize("message,text", WRONG, ids=[message[:40] for message, _ in WRONG])
def test_a_mistake_ends_the_start_and_is_named(shoal, tmp_path, message, text):
    file = tmp_path / "site.toml"
    file.write_text(text)
    run = shoal("run", file, "--check")
    assert run.status == 2, run
    assert f"{file}: {message}" in run.err
    assert "geheim" not in run.err


def test_a_file_that_is_not_there_or_not_toml_is_named(shoal, tmp_path):
    run = shoal("run", tmp_path / "none.toml", "--check")
    assert run.status == 3 and "none.toml: no such file" in run.err, run
    file = tmp_path / "site.toml"
    file.write_text('[[camera]]\nname = "a\n')
    run = shoal("run", file, "--check")
    assert run.status == 3 and "site.toml: line 2" in run.err, run


def test_the_reference_file_and_the_examples_of_the_guide_are_well_formed(shoal, tmp_path):
    run = shoal("run", ROOT / "shoal.toml", "--check")
    assert run.status == 0, run
    examples = re.findall(r"^```toml\n(.*?)^```", (ROOT / "docs/cameras.md").read_text(),
                          re.M | re.S)
    assert len(examples) >= 5
    for number, example in enumerate(examples):
        file = tmp_path / f"example-{number}.toml"
        file.write_text(example)
        run = shoal("run", file, "--check")
        assert run.status == 0, run


def test_keys_of_a_camera_can_be_set_on_the_command_line(shoal, tmp_path):
    file = tmp_path / "site.toml"
    file.write_text(CAMERA)
    assert shoal("run", file, "--check", "--camera.line-1.fps_max", "5").status == 0
    run = shoal("run", file, "--check", "--camera.line-2.fps_max", "5")
    assert run.status == 2, run
    assert "there is no camera 'line-2'; did you mean 'line-1'?" in run.err
    run = shoal("run", file, "--check", "--camera.line-1.fps_max=-5")
    assert run.status == 2, run
    assert "camera 'line-1': fps_max: expected a number from 0 to 1000, got -5" in run.err
