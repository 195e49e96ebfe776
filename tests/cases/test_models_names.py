"""Class names: every way in which exporters write them, and a word where they are a guess."""

import json
import random

import onnx
import pytest
import toy
from onnx import TensorProto
from test_models_values import SIZE, N, ranked


def model(path, names, classes=3):
    """Small, as only its metadata matters; `names` None: no metadata."""
    metadata = None if names is None else {**toy.ULTRALYTICS, "names": names,
                                           "imgsz": "[64, 96]"}
    return toy.detector(path, size=(64, 96), classes=classes, metadata=metadata)


def inspected(shoal, path):
    run = shoal("inspect", path, "--json", "-")
    assert run.status == 0, run
    return json.loads(run.out)


LITERALS = {
    r"{0: 'hard\xa0hat', 1: 'green', 2: 'blue'}": ["hard\xa0hat", "green", "blue"],
    r"{0: 'red\nlight', 1: 'tab\there', 2: 'it\'s'}": ["red\nlight", "tab\there", "it's"],
    r"{0: 'back\\slash', 1: '\101\60', 2: '\d'}": ["back\\slash", "A0", "\\d"],
    r"{0: 'caf\u00e9', 1: '\U0001F600', 2: u'ü'}": ["café", "😀", "ü"],
    r'{"0": "caf\u00e9", "1": "\u87ba\u4e1d", "2": "a\/b"}': ["café", "螺丝", "a/b"],
    r'["\ud83d\ude00", "\"x\"", "b"]': ["😀", '"x"', "b"],
    "{0: 10, 1: 20, 2: 50}": ["10", "20", "50"],
    "[1.5, -3, true]": ["1.5", "-3", "true"],
    "{1: 'red', 2: 'green', 3: 'blue'}": ["red", "green", "blue"],
    "{2: 'c', 0: 'a', 1: 'b',}": ["a", "b", "c"],
    "('a', 'b', 'c')": ["a", "b", "c"],
    "{'a': 0, 'c': 2, 'b': 1}": ["a", "b", "c"],
    "{0: red light, 1: green, 2: blue}": ["red light", "green", "blue"],
    "red,green,blue": ["red", "green", "blue"],
    "red; green; blue": ["red", "green", "blue"],
    "red\ngreen\nblue\n": ["red", "green", "blue"],
    "red\r\ngreen\r\nblue": ["red", "green", "blue"],
    "- red\n- 'green'\n- blue": ["red", "green", "blue"],
    "0: red\n2: blue\n1: green": ["red", "green", "blue"],
}


@pytest.mark.parametrize("literal", LITERALS)
def test_names_are_read_as_they_were_written(shoal, tmp_path, literal):
    found = inspected(shoal, model(tmp_path / "m.onnx", literal))
    assert found["names"] == LITERALS[literal] and found["names_known"]
    assert not found["warnings"], found["warnings"]


@pytest.mark.parametrize("write", [repr, json.dumps,
                                   lambda names: repr(dict(enumerate(names))),
                                   lambda names: json.dumps(dict(enumerate(names))),
                                   lambda names: json.dumps(names, ensure_ascii=False)])
def test_whatever_python_writes_is_read_back(shoal, tmp_path, write):
    rng = random.Random(11)
    letters = "ab'\"\\/{}[]:,\n\t\r\x07\x1b\xa0éß螺😀\u200b\u2028 0x"
    names = ["".join(rng.choices(letters, k=rng.randrange(1, 9))) for _ in range(200)]
    found = inspected(shoal, model(tmp_path / "m.onnx", write(names), classes=200))
    assert found["names"] == names


DAMAGED = ["{0: 'red', 2: 'blue', 3: 'x'}", "{0: 'red'", "{5: 'a', 6: 'b', 7: 'c'}",
           "{0: 'a', 0: 'b', 1: 'c'}", "['a', '\\x4', 'c']", "['a' 'b', {}]", "a,b,c,d",
           "two words"]


@pytest.mark.parametrize("literal", DAMAGED)
def test_names_that_cannot_be_read_cost_the_names_and_a_word(shoal, tmp_path, literal):
    found = inspected(shoal, model(tmp_path / "m.onnx", literal))
    assert found["names"] == ["class 0", "class 1", "class 2"] and not found["names_known"]
    [warning] = found["warnings"]
    assert "metadata's names" in warning and "names = [...]" in warning, warning


def test_a_guess_is_said_to_be_one_by_every_verb(shoal, toys, tmp_path):
    """COCO's names for 80 nameless classes, numbers for another count."""
    for classes, word in ((80, "COCO's 80 names are a guess"), (3, "classes are numbered")):
        path = model(tmp_path / f"m{classes}.onnx", None, classes)
        line = f"names = [...] in {path}.toml"
        quick = ("--execution", "spread", "--lanes", "1", "--batch", "1")
        data = tmp_path / "data"
        for folder in ("images/val", "labels/val"):
            (data / folder).mkdir(parents=True, exist_ok=True)
        (data / "images/val/p.png").write_bytes((toys / "spots.png").read_bytes())
        (data / "labels/val/p.txt").write_text("0 .5 .5 .1 .1\n")
        names = ", ".join(f"n{i}" for i in range(classes))
        (data / "data.yaml").write_text(f"path: {data}\nval: images/val\nnames: [{names}]\n")
        verbs = {"detect": ("-m", path, toys / "spots.png", *quick),
                 "bench": ("-m", path, "--seconds", "0.2", *quick),
                 "eval": ("-m", path, "--data", data / "data.yaml", *quick)}
        for verb, arguments in verbs.items():
            run = shoal(verb, *arguments, timeout=120)
            assert word in run.err and line in run.err, run
            assert run.err.count(word) == 1, run
        run = shoal("inspect", path)
        assert word in run.out and line in run.out, run
        run = shoal("detect", "-m", path, toys / "spots.png", *quick)
        assert "names are a guess" in run.out + run.err, run


def ranked_model(path, metadata, classes):
    graph = toy.Graph()
    boxes, scores = toy.heads(graph, "images", SIZE, classes)
    ranked()(graph, boxes, scores)
    proto = graph.model([("images", TensorProto.FLOAT, ["batch", 3, *SIZE])],
                        [("output0", TensorProto.FLOAT, ["batch", 300, 6])], metadata)
    onnx.save(proto, path)
    assert N
    return path


@pytest.mark.parametrize("classes", [3, 100])
def test_classes_of_a_nameless_ranked_model_are_numbered(shoal, detect, toys, tmp_path, classes):
    """How many there are is read from the maximum that the graph takes over them."""
    path = ranked_model(tmp_path / "m.onnx", None, classes)
    found = inspected(shoal, path)
    assert found["names"] == [f"class {i}" for i in range(classes)]
    assert "are numbered" in found["warnings"][0]
    [line] = detect(path, toys / "spots.png")
    assert {d["name"] for d in line["detections"]} == {"class 0", "class 1", "class 2"}


def test_a_line_break_in_a_name_does_not_break_the_table(shoal, tmp_path):
    path = model(tmp_path / "m.onnx", r"['red\nlight', 'gr\x1b[31meen', 'blue']")
    line = next(line for line in shoal("inspect", path).out.splitlines()
                if line.startswith("classes"))
    assert "red\\nlight" in line and "blue" in line and "\x1b" not in line
