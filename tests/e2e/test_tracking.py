"""Goal: the tracker is ByteTrack, and good. Method: streets with known truth and a faulty detector
(tracking_scene.py), scored by two independent programs and compared identity by identity with an
independent implementation (tracking_reference.py); then the whole program on the synthetic line."""

import random

import pytest
from program import BUILD, run_tool
from tracking_files import read_results, same_identities, track_with_shoal
from tracking_metrics import by_motmetrics, by_trackeval
from tracking_reference import Options, track
from tracking_scene import detection_text, make_scene, truth_text

# Name, seed, objects a second, least MOTA and IDF1: a little below what the reference reaches.
STREETS = [("quiet", 1, 0.8, 0.93, 0.955), ("street", 2, 1.6, 0.92, 0.925),
           ("crowd", 3, 3.0, 0.895, 0.915)]


@pytest.fixture(scope="module", params=STREETS, ids=lambda street: street[0])
def street(request, tmp_path_factory):
    """The scene, its files and Shoal's results."""
    name, seed, a_second, mota, idf1 = request.param
    folder = tmp_path_factory.mktemp(name)
    scene = make_scene(seed, a_second=a_second)
    (folder / "gt.txt").write_text(truth_text(scene))
    detections = detection_text(scene)
    track_with_shoal(detections, folder / "shoal.txt", "--fps", scene.fps, "--frames",
                     scene.frames)
    return {"scene": scene, "folder": folder, "detections": detections, "mota": mota,
            "idf1": idf1, "results": (folder / "shoal.txt").read_text()}


def scores_of(street, results):
    """By motmetrics; TrackEval has to say the same."""
    folder = street["folder"]
    one = by_motmetrics(folder / "gt.txt", results)
    other = by_trackeval(folder / "gt.txt", results, street["scene"].frames,
                         folder / f"trackeval-{results.stem}")
    for name in ("mota", "idf1"):
        assert one[name] == pytest.approx(other[name], abs=2e-3), (one, other)
    for name in ("switches", "misses", "false"):
        assert one[name] == pytest.approx(other[name], abs=max(3, 0.02 * one[name])), (one, other)
    return one


def test_quality_by_motmetrics_and_trackeval(street):
    scores = scores_of(street, street["folder"] / "shoal.txt")
    assert scores["mota"] >= street["mota"], scores
    assert scores["idf1"] >= street["idf1"], scores


def test_equals_the_reference_identity_by_identity(street):
    scene = street["scene"]
    reference = track(street["detections"], scene.frames, Options(lost_frames=25))
    rows = same_identities(street["results"], reference)
    assert rows > 0.8 * len([one for one in scene.truth if one.score > 0.3])
    path = street["folder"] / "reference.txt"
    path.write_text(reference)
    ours, theirs = (scores_of(street, street["folder"] / name)
                    for name in ("shoal.txt", "reference.txt"))
    assert ours["mota"] == pytest.approx(theirs["mota"], rel=0.01)
    assert ours["idf1"] == pytest.approx(theirs["idf1"], rel=0.01)
    assert ours["switches"] == pytest.approx(theirs["switches"], rel=0.01)


def test_scores_tell_good_from_bad(street, tmp_path):
    """The measures can fail: identities by chance and lost boxes are seen by both."""
    rng = random.Random(5)
    good = by_motmetrics(street["folder"] / "gt.txt", street["folder"] / "shoal.txt")
    worse = tmp_path / "worse.txt"
    with worse.open("w") as out:
        for frame, rows in read_results(street["results"]).items():
            numbers = rng.sample(range(1, 1000), len(rows))
            for number, (_, *values) in zip(numbers, rows):
                if rng.random() < 0.8:
                    out.write(f"{frame},{number},{','.join(map(str, values))},-1,-1,-1\n")
    bad = scores_of(street, worse)
    assert bad["idf1"] < 0.3 and bad["mota"] < good["mota"] - 0.3


@pytest.mark.parametrize("fps", [5, 50])
def test_the_frame_rate_changes_nothing_where_all_times_scale(street, tmp_path, fps):
    results = track_with_shoal(street["detections"], tmp_path / "out.txt", "--fps", fps,
                               "--frames", street["scene"].frames, "--lost-ms", 25000 / fps)
    assert same_identities(street["results"], results.read_text()) > 0


def test_frames_that_never_came_cost_little(street, tmp_path):
    """Newest wins: of a busy camera a third of the frames is missing, at random."""
    scene = street["scene"]
    rng = random.Random(9)
    missing = {frame for frame in range(2, scene.frames) if rng.random() < 1 / 3}
    lines = [line for line in street["detections"].splitlines(True)
             if int(line.split(",")[0]) not in missing]
    results = track_with_shoal("".join(lines), tmp_path / "out.txt", "--fps", scene.fps,
                               "--frames", scene.frames, "--absent", "skipped")
    truth = tmp_path / "gt.txt"
    truth.write_text("".join(line for line in truth_text(scene).splitlines(True)
                             if int(line.split(",")[0]) not in missing))
    scores = by_motmetrics(truth, results)
    assert scores["mota"] >= street["mota"] - 0.01, scores
    assert scores["idf1"] >= street["idf1"] - 0.015, scores


def test_two_runs_are_the_same_to_the_byte(street, tmp_path):
    again = track_with_shoal(street["detections"], tmp_path / "again.txt", "--fps",
                             street["scene"].fps, "--frames", street["scene"].frames)
    assert again.read_text() == street["results"]


def line_truth(folder, frames, size):
    """gt.txt of the synthetic line: everything on it moves evenly, so a defect is the same one
    where it would be by now. What the picture's edges cut off is known by its other edge."""
    run_tool([BUILD / "make_boards", "--kind", "line", "--count", frames, "--seed", 7, "--size",
              f"{size}x{size}", "--out", folder])
    labels = [line.split()[3:] for line in (folder / "labels.txt").read_text().splitlines()]
    boxes = [[tuple(map(int, words[i:i + 5])) for i in range(0, len(words), 5)]
             for words in labels]
    speed = boxes[0][0][1] - boxes[1][0][1]
    assert speed > 0 and len(boxes) == frames
    known, lines = {}, []
    for frame, defects in enumerate(boxes):
        for kind, x1, y1, x2, y2 in defects:
            names = [(kind, y1, y2, "left", x1 + speed * frame)] if x1 > 0 else []
            names += [(kind, y1, y2, "right", x2 + speed * frame)] if x2 < size else []
            number = next((known[name] for name in names if name in known), len(known) + 1)
            known.update(dict.fromkeys(names, number))
            lines.append(f"{frame + 1},{number},{x1},{y1},{x2 - x1},{y2 - y1},1,1,1\n")
    (folder / "gt.txt").write_text("".join(lines))
    return folder / "gt.txt"


def test_detect_follows_the_defects_of_the_synthetic_line(shoal, tmp_path):
    frames, size = 60, 480
    truth = line_truth(tmp_path, frames, size)
    results = tmp_path / "out.txt"
    lines = shoal.detect(tmp_path / "out.jsonl",
                         f"synthetic:pcb?size={size}x{size}&frames={frames}&seed=7",
                         "--track", "--mot", results, "--quiet", timeout=300)
    scores = by_motmetrics(truth, results)
    other = by_trackeval(truth, results, frames, tmp_path / "trackeval")
    assert scores["mota"] == pytest.approx(other["mota"], abs=2e-3)
    assert scores["idf1"] == pytest.approx(other["idf1"], abs=2e-3)
    assert scores["idf1"] >= 0.75 and scores["switches"] <= 3, scores
    # The two outputs tell the same.
    by_frame = read_results(results.read_text())
    assert len(lines) == frames
    for line in lines:
        ids = sorted(one["track_id"] for one in line["detections"])
        assert len(set(ids)) == len(ids)
        assert ids == sorted(int(row[0]) for row in by_frame.get(line["frame"] + 1, []))


def test_tracks_of_pictures_and_of_several_videos_do_not_mix(shoal, tmp_path):
    line = "synthetic:pcb?size=320x320&frames=12&seed={}"
    lines = shoal.detect(tmp_path / "out.jsonl", line.format(7), line.format(8), "--track",
                         "--quiet", timeout=300)
    ids = {}
    for one in lines:
        found = {detection["track_id"] for detection in one["detections"]}
        ids.setdefault(one["source"], set()).update(found)
    first, second = ids.values()
    assert first and second and not first & second
    assert min(first) == 1


def test_without_tracking_mot_holds_detections(shoal, tmp_path):
    shoal.detect(tmp_path / "out.jsonl", "synthetic:pcb?size=320x320&frames=4&seed=7", "--mot",
                 tmp_path / "det.txt", "--quiet", timeout=300)
    rows = [row for rows in read_results((tmp_path / "det.txt").read_text()).values()
            for row in rows]
    assert rows and all(row[0] == -1 for row in rows)


def test_a_real_video_gives_few_long_tracks(shoal, zoo, tmp_path):
    """People walk by one by one: as many tracks as people, give or take what is no person."""
    results = tmp_path / "out.txt"
    shoal.detect(tmp_path / "out.jsonl", zoo / "video/one-by-one-person-detection.mp4", "-m",
                 zoo / "models/picodet_s_320_fp32.onnx", "--classes", "0", "--track", "--mot",
                 results, "--quiet", timeout=300)
    lengths = {}
    for rows in read_results(results.read_text()).values():
        for row in rows:
            lengths[row[0]] = lengths.get(row[0], 0) + 1
    assert 5 <= sum(length >= 50 for length in lengths.values()) <= 14, lengths
