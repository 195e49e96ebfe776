"""Films as people have them: joined, without times, without a container, without a suffix."""

import json

import films
import pytest

TRACK = ("--precision", "fp32", "--iou", "0.3", "--track")


@pytest.fixture(scope="module")
def model(toys):
    return toys / "toy640x384.onnx"


def times(lines):
    return [line["time"] for line in lines]


def is_rising(values):
    return all(a < b for a, b in zip(values, values[1:]))


def test_joined_recordings_are_one_film_whose_time_goes_on(shoal, model, tmp_path):
    one = films.film(tmp_path / "one.ts")
    joined = tmp_path / "joined.ts"
    joined.write_bytes(one.read_bytes() * 3)
    run = shoal("detect", "-q", "--execution", "spread", "--lanes", "1", "-m", model, *TRACK,
                "--json", tmp_path / "lines.jsonl", "--summary", tmp_path / "summary.json", joined)
    assert run.status == 0, run
    lines = [json.loads(line) for line in (tmp_path / "lines.jsonl").read_text().splitlines()]
    assert times(lines) == pytest.approx([n / 25 for n in range(90)], abs=.05)
    found = films.tracks(lines)
    assert [len(found["red"]), len(found["blue"])] == [3, 1]  # red begins anew with each recording
    # Said once, and in the summary.
    assert run.err.count("clock goes back") == 1, run.err
    [note] = json.loads((tmp_path / "summary.json").read_text())["notes"]
    assert "joined.ts" in note and "frame 30" in note


@pytest.mark.parametrize("name, change", [
    ("all equal", "setts=pts=90000:dts=90000"),
    ("an hour ahead", "setts=pts=PTS+if(gte(N\\,15)\\,324000000\\,0):"
                      "dts=DTS+if(gte(N\\,15)\\,324000000\\,0)"),
    ("an hour back", "setts=pts=PTS+if(lt(N\\,15)\\,324000000\\,0):"
                     "dts=DTS+if(lt(N\\,15)\\,324000000\\,0)"),
], ids=lambda value: value if " " in value and "=" not in value else "")
def test_a_clock_that_lies_ends_no_track(detect, model, tmp_path, name, change):
    film = films.film(tmp_path / "lying.ts", options=("-bf", 0, "-bsf:v", change))
    lines = detect(model, *TRACK, film)
    assert len(lines) == 30
    assert is_rising(times(lines)) and times(lines)[-1] - times(lines)[0] < 2, times(lines)
    assert {kind: len(ids) for kind, ids in films.tracks(lines).items()} == {"red": 1, "blue": 1}


def test_a_clock_with_pauses_is_believed(detect, model, tmp_path):
    """Variable rate: frames 10 to 19 were left out, and a screen stood still for a minute."""
    film = films.film(tmp_path / "pauses.mkv", frames=20, options=(
        "-bf", 0, "-bsf:v", "setts=pts=PTS+if(gte(N\\,10)\\,60400\\,0):"
                            "dts=DTS+if(gte(N\\,10)\\,60400\\,0)"))
    expected = [n / 25 for n in range(10)] + [60.4 + n / 25 for n in range(10, 20)]
    assert times(detect(model, film)) == pytest.approx(expected, abs=.002)


@pytest.mark.parametrize("suffix, options", [
    ("h264", ()), ("h265", ("-c:v", "libx265", "-x265-params", "log-level=none")),
    ("m4v", ("-c:v", "mpeg4", "-q:v", 2, "-f", "m4v")), ("mjpeg", ("-c:v", "mjpeg", "-q:v", 2)),
    ("m2v", ("-c:v", "mpeg2video", "-q:v", 2)), ("ivf", ("-c:v", "libvpx", "-b:v", "4M")),
])
def test_an_elementary_stream_is_one_film(shoal, model, tmp_path, suffix, options):
    raw = films.film(tmp_path / f"raw.{suffix}", options=options)
    out = tmp_path / "out"
    run = shoal("detect", "-q", "--execution", "spread", "--lanes", "1", "-m", model, raw,
                "--json", tmp_path / "lines.jsonl", "--save", out, "--txt", out,
                "--coco", tmp_path / "coco.json")
    assert run.status == 0, run
    assert "another source" not in run.err
    lines = [json.loads(line) for line in (tmp_path / "lines.jsonl").read_text().splitlines()]
    assert [line["frame"] for line in lines] == list(range(30))
    assert times(lines) == pytest.approx([n / 25 for n in range(30)], abs=.002)
    assert sorted(path.name for path in out.iterdir()) == ["labels", "raw.mp4"]
    labels = {path.name for path in (out / "labels").iterdir()}
    assert labels == {f"raw_{n}.txt" for n in range(1, 31)}
    ids = [entry["image_id"] for entry in json.loads((tmp_path / "coco.json").read_text())]
    assert set(ids) == {f"raw_{n}" for n in range(1, 31)}


@pytest.mark.parametrize("name", ["clip", "clip.f4v", "clip.3g2", "clip.insv", "clip.jpg",
                                  "clip.bin", "raw"])
def test_a_film_is_known_by_its_bytes(detect, model, tmp_path, name):
    film = films.film(tmp_path / ("clip.h264" if name == "raw" else "clip.mp4"), frames=10)
    other = tmp_path / name
    film.rename(other)
    lines = detect(model, other)
    assert times(lines) == pytest.approx([n / 25 for n in range(10)], abs=.002)
