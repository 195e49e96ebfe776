"""Data sets as they come from labelling tools and other machines, for `shoal eval`."""

import json
import os

import numpy as np
import pytest
import toy
from PIL import Image

QUICK = ("--execution", "spread", "--lanes", "1", "--precision", "fp32")
PICTURES = 4


def label_line(spot):
    x, y, colour = spot
    return f"{colour} {(x + 4) / 640} {(y + 4) / 640} 0.1 0.1"


class Dataset:
    """A folder with data.yaml, pictures in images/val and right labels in labels/val."""

    def __init__(self, root):
        self.root = root
        random = np.random.default_rng(1)
        for folder in ("images/val", "labels/val"):
            (root / folder).mkdir(parents=True)
        for n in range(PICTURES):
            cells = random.choice(36, 3, replace=False)
            spots = [(int(cell % 6) * 96 + 80, int(cell // 6) * 96 + 80, colour)
                     for colour, cell in enumerate(cells)]
            Image.fromarray(toy.picture(spots=spots)).save(root / f"images/val/p{n}.png")
            self.label(n).write_text("\n".join(map(label_line, spots)) + "\n")
        self.yaml("val: images/val\n")

    def label(self, n):
        return self.root / f"labels/val/p{n}.txt"

    def change_labels(self, change):
        for n in range(PICTURES):
            lines = self.label(n).read_text().splitlines()
            self.label(n).write_text("\n".join(map(change, lines)))

    def yaml(self, text):
        (self.root / "data.yaml").write_text("names: [red, green, blue]\n" + text)


@pytest.fixture
def dataset(tmp_path):
    return Dataset(tmp_path / "data")


@pytest.fixture
def evaluate(shoal, toys, dataset, tmp_path):
    """evaluate(): the JSON result and what was said."""
    def run(status=0):
        done = shoal("eval", *QUICK, "-m", toys / "toy640.onnx", "--data",
                     dataset.root / "data.yaml", "--json", tmp_path / "result.json")
        assert done.status == status, done
        result = json.loads((tmp_path / "result.json").read_text()) if status == 0 else None
        return result, done.err
    return run


def test_a_sound_data_set_scores_one(evaluate):
    result, said = evaluate()
    assert (result["map50_95"], result["images"], result["left_out"]) == (1, PICTURES, 0)
    assert "warning" not in said


@pytest.mark.parametrize("line", ["0 1.5 0.5 0.1 0.1", "0 0.5 0.5 0.1 0.1 0.93",
                                  "3 0.5 0.5 0.1 0.1", "0 0.5", "red 0.5 0.5 0.1 0.1"])
def test_a_bad_label_line_costs_its_picture_and_is_said(evaluate, dataset, line):
    dataset.label(2).write_text(dataset.label(2).read_text() + line + "\n")
    result, said = evaluate()
    assert (result["map50_95"], result["images"], result["left_out"]) == (1, PICTURES - 1, 1)
    assert "p2.txt:4: " in said and "left out 1 picture" in said, said


def test_where_no_label_can_be_read_there_is_no_result(evaluate, dataset):
    dataset.change_labels(lambda line: line + " 0.93")
    _, said = evaluate(status=3)
    assert "none of 4 pictures" in said and "p0.txt:1: 6 numbers" in said, said


def test_hidden_files_are_passed_over(evaluate, dataset):
    for n in range(PICTURES):
        (dataset.root / f"images/val/._p{n}.png").write_bytes(b"\0\5\26\7Mac OS X")
        (dataset.root / f"labels/val/._p{n}.txt").write_bytes(b"\0\5\26\7Mac OS X")
    (dataset.root / "images/val/.DS_Store").write_bytes(b"\0\0\0\1Bud1")
    result, _ = evaluate()
    assert (result["map50_95"], result["images"]) == (1, PICTURES)


@pytest.mark.parametrize("place, beside", [("lists/val.txt", False), ("val.txt", False),
                                           ("images/val/list.txt", True)])
@pytest.mark.parametrize("mark, end", [("", "\n"), ("\ufeff", "\r\n")])
def test_lists_are_relative_to_where_the_pictures_are(evaluate, dataset, place, beside, mark, end):
    path = dataset.root / place
    path.parent.mkdir(exist_ok=True)
    folder = "" if beside else "images/val/"
    text = mark + "".join(f"{folder}p{n}.png{end}" for n in range(PICTURES))
    path.write_bytes(text.encode())
    dataset.yaml(f"val: {place}\n")
    result, _ = evaluate()
    assert (result["map50_95"], result["images"]) == (1, PICTURES)


def test_missing_pictures_are_said_to_be_missing(evaluate, dataset):
    names = [f"images/val/p{n}.png" for n in range(PICTURES)]
    (dataset.root / "val.txt").write_text("\n".join([*names, "images/val/gone.png"]))
    dataset.yaml("val: val.txt\n")
    result, said = evaluate()
    assert (result["images"], result["left_out"]) == (PICTURES, 1)
    assert "val.txt:5: images/val/gone.png: no such picture" in said, said
    (dataset.root / "val.txt").write_text("pictures/a.png\npictures/b.png\n")
    _, said = evaluate(status=3)
    assert "pictures/a.png: no such picture" in said, said


@pytest.mark.parametrize("shape, points", [("[2, 2]", "0.1 0.1 0.2 0.2"),
                                           ("[3, 3]", "0.1 0.1 2 0.2 0.2 2 0.3 1.3 0")])
def test_key_points_are_passed_over(evaluate, dataset, shape, points):
    dataset.change_labels(lambda line: f"{line} {points}")
    dataset.yaml(f"val: images/val\nkpt_shape: {shape}\n")
    result, _ = evaluate()
    assert (result["map50_95"], result["images"], result["left_out"]) == (1, PICTURES, 0)


def test_links_in_circles_give_each_picture_once(evaluate, dataset):
    os.symlink("..", dataset.root / "images/val/up")
    os.symlink("val", dataset.root / "images/again")
    os.symlink("self", dataset.root / "images/self")
    dataset.yaml("val: images\n")
    result, _ = evaluate()
    assert (result["map50_95"], result["images"]) == (1, PICTURES)


def test_a_picture_with_several_frames_is_one_picture(evaluate, dataset):
    still = Image.open(dataset.root / "images/val/p0.png")
    still.save(dataset.root / "images/val/p0.gif", save_all=True, duration=40,
               append_images=[Image.fromarray(toy.picture(spots=()))])
    (dataset.root / "images/val/p0.png").unlink()
    result, _ = evaluate()
    assert (result["map50_95"], result["images"]) == (1, PICTURES)
