"""Names of files and folders as people choose them, and options as they type them."""

import json
import os

import pytest
import toy
from PIL import Image

QUICK = ("-q", "--execution", "spread", "--lanes", "1")


@pytest.fixture
def here(toys, tmp_path, monkeypatch):
    """A working directory with the toy picture under several odd names."""
    monkeypatch.chdir(tmp_path)
    for name in ("[examples]/a.png", "a,b/x,y.png", "[1,2]/[a].png", "-dash.png", "--save.png",
                 "--a.b=c.png", "we?rd*/q.png"):
        os.makedirs(os.path.dirname(name) or ".", exist_ok=True)
        Image.fromarray(toy.picture()).save(name)
    return tmp_path


@pytest.fixture
def sources(shoal, toys, here):
    """sources(argument...): the sources that were read, in their order."""
    def run(*arguments):
        done = shoal("detect", *QUICK, "-m", toys / "toy640.onnx", "--json", here / "lines.jsonl",
                     *arguments)
        assert done.status == 0, done
        lines = [json.loads(line) for line in (here / "lines.jsonl").read_text().splitlines()]
        assert all(len(line["detections"]) == 3 for line in lines), lines
        return [line["source"] for line in lines]
    return run


@pytest.mark.parametrize("given, read", [
    ("[examples]", "[examples]/a.png"), ("[examples]/a.png", "[examples]/a.png"),
    ("[examples]/*.png", "[examples]/a.png"), ("[1,2]", "[1,2]/[a].png"),
    ("a,b", "a,b/x,y.png"), ("a,b/x,y.png", "a,b/x,y.png"), ("we?rd*", "we?rd*/q.png"),
    ("we?rd*/q.png", "we?rd*/q.png"),
])
def test_brackets_commas_and_glob_characters_are_part_of_a_name_that_exists(sources, given, read):
    assert sources(given) == [read]


def test_two_dashes_end_the_options(sources):
    names = ["-dash.png", "--save.png", "--a.b=c.png", "[examples]"]
    read = ["-dash.png", "--save.png", "--a.b=c.png", "[examples]/a.png"]
    assert sources("--", *names) == read
    assert sources("[examples]", "--", "-dash.png") == ["[examples]/a.png", "-dash.png"]


def test_several_names_are_several_sources(sources):
    assert sources("[examples]", "a,b", "[1,2]/[a].png") == [
        "[examples]/a.png", "a,b/x,y.png", "[1,2]/[a].png"]


def test_outputs_may_have_brackets_and_commas_in_their_names(sources, here):
    sources("[examples]", "--save", "[o,p]", "--txt", "t,u")
    assert (here / "[o,p]/a.png").exists() and (here / "t,u/labels/a.txt").exists()


@pytest.mark.parametrize("names, collide", [
    (("0001.png", "1.png"), True), (("a.png", "b.png"), False), (("1.png", "x1.png"), False),
    (("one/7.png", "two/007.jpg"), True)])
def test_pictures_with_one_image_id_are_warned_of(shoal, toys, tmp_path, names, collide):
    for name in names:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        Image.fromarray(toy.picture()).save(tmp_path / name)
    run = shoal("detect", *QUICK, "-m", toys / "toy640.onnx", "--coco", tmp_path / "coco.json",
                *(tmp_path / name for name in names))
    assert run.status == 0
    assert ("same image_id" in run.err or "has this image_id" in run.err) == collide, run.err


@pytest.mark.parametrize("words, kept", [
    ("red", {"red"}), ("red,blue", {"red", "blue"}), ("0,blue", {"red", "blue"}), ("2", {"blue"})])
def test_classes_are_kept_by_name_or_number(detect, toys, words, kept):
    [line] = detect(toys / "toy640.onnx", "--classes", words, toys / "spots.png")
    assert {one["name"] for one in line["detections"]} == kept


@pytest.mark.parametrize("arguments, words", [
    (("--classes", "rod", "x.png"), ("--classes", "'rod'", "did you mean 'red'", "green")),
    (("--classes", "7", "x.png"), ("--classes", "'7'", "0 to 2", "green")),
    (("--max-det", "many", "x.png"), ("--max-det", "whole number", "'many'")),
    (("--conf", "high", "x.png"), ("--conf", "number", "'high'")),
    (("x.png", "--json"), ("--json", "FILE", "nothing")),
    (("x.png", "--quite"), ("unknown option '--quite'", "--quiet")),
])
def test_what_is_wrong_with_an_option_is_a_sentence(shoal, toys, tmp_path, arguments, words):
    run = shoal("detect", *QUICK, "-m", toys / "toy640.onnx", *arguments, cwd=tmp_path)
    assert run.status == 2, run
    assert all(word in run.err for word in words), run.err
    assert "Could not convert" not in run.err


@pytest.mark.parametrize("arguments", [
    ("detect", "--config", "{folder}", "x.png"), ("detect", "--config", "{pipe}", "x.png"),
    ("serve", "--config", "{folder}"), ("run", "{folder}"), ("run", "{pipe}"),
    ("eval", "--data", "{folder}"), ("eval", "--data", "{pipe}"),
    ("bench", "--from", "disk", "{empty}"), ("bench", "--from", "disk", "{pipe}"),
    ("bench", "--from", "disk"), ("inspect", "{folder}"), ("inspect", "{pipe}"),
    ("detect", "-m", "{pipe}", "x.png"),
    ("serve", "--service.api_keys", "{folder}", "--http", "127.0.0.1:0"),
])
def test_folders_and_pipes_are_refused_with_a_word(shoal, tmp_path, arguments):
    (tmp_path / "empty").mkdir()
    os.mkfifo(tmp_path / "pipe")
    places = {"folder": tmp_path, "pipe": tmp_path / "pipe", "empty": tmp_path / "empty"}
    run = shoal(*(word.format(**places) for word in arguments), timeout=60)
    assert run.status in (2, 3), run
    assert run.err.startswith("shoal: ") and len(run.err.splitlines()) == 1, run.err


def test_bench_takes_a_folder_of_pictures(shoal, toys):
    run = shoal("bench", "-m", toys / "toy640.onnx", "--from", "disk", toys,
                "--execution", "spread", "--lanes", "1", "--batch", "1", "--seconds", "0.2",
                "--json", "-")
    assert run.status == 0 and json.loads(run.out)["runs"][0]["images_per_second"] > 0, run
