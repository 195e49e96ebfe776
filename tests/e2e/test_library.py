"""Goal: the library works for strangers: the examples run, and an installed tree is found by
find_package and works without the build tree's virtual environment on its path."""
import os
import subprocess

import pytest

from program import BUILD, ROOT, run_tool

EXAMPLES = BUILD / "examples"


@pytest.fixture(scope="module")
def board(tmp_path_factory, shoal_bin):
    """A picture with known defects, made by the program itself."""
    folder = tmp_path_factory.mktemp("boards")
    run_tool([shoal_bin, "detect", "synthetic:pcb?size=640x640&frames=1", "--save", folder, "-q"])
    import cv2
    video = cv2.VideoCapture(str(next(folder.glob("*.mp4"))))
    ok, frame = video.read()
    assert ok
    path = folder / "board.png"
    cv2.imwrite(str(path), frame)
    return path


def test_one_picture_prints_boxes(board):
    out = run_tool([EXAMPLES / "one_picture", "pcb", board]).stdout
    assert out.strip(), "the board has defects"
    name, confidence, *box = out.splitlines()[0].split()
    assert 0.25 < float(confidence) <= 1 and len(box) == 4


def test_many_pictures_answers_in_the_order_of_the_arguments(board):
    out = run_tool([EXAMPLES / "many_pictures", "pcb"] + [board] * 20).stdout
    lines = out.splitlines()
    assert len(lines) == 20 and len(set(lines)) == 1


def test_own_pixels_finds_nothing_on_grey():
    assert "0 objects" in run_tool([EXAMPLES / "own_pixels", "pcb"]).stdout


def test_completions_count_the_one_bad_picture(board):
    assert "1 errors" in run_tool([EXAMPLES / "completions", "pcb"] + [board] * 5).stdout


def test_back_pressure_answers_or_drops_every_frame():
    assert "100 in all" in run_tool([EXAMPLES / "back_pressure", "pcb"]).stdout


def test_an_installed_tree_serves_a_project_that_only_knows_find_package(board, tmp_path):
    prefix = tmp_path / "prefix"
    run_tool(["cmake", "--install", BUILD, "--prefix", prefix])
    build = tmp_path / "consumer"
    run_tool(["cmake", "-S", ROOT / "tests/install", "-B", build,
              f"-DCMAKE_PREFIX_PATH={prefix}", f"-DSHOAL_EXAMPLES={ROOT / 'examples'}"])
    run_tool(["cmake", "--build", build])
    clean = {key: value for key, value in os.environ.items() if key != "LD_LIBRARY_PATH"}
    consumer = subprocess.run([build / "consumer", "pcb", board], env=clean, text=True,
                              capture_output=True, timeout=120)
    assert consumer.returncode == 0, consumer.stderr
    assert consumer.stdout == run_tool([EXAMPLES / "one_picture", "pcb", board]).stdout
    libraries = run_tool(["ldd", prefix / "bin/shoal"]).stdout
    assert ".venv" not in libraries, libraries
