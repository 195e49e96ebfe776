"""Bad input: each bad item fails alone, with a message that names it; the others are answered."""

import pathlib

import numpy as np
import onnx
import pytest
from made_pictures import encoded, save, scene
from PIL import Image
from program import read_lines


def by_name(lines):
    return {pathlib.Path(line["source"]).name: line for line in lines}


def test_broken_pictures_fail_alone_and_in_order(shoal, quick_model, pictures, tmp_path):
    broken = pictures.broken()
    sources = []
    for i, path in enumerate(broken):
        sources += [path, pictures.good(f"good{i}.jpg", seed=i)]
    lines = shoal.detect(tmp_path / "out.jsonl", "-m", quick_model, *sources, status=1)
    assert [line["source"] for line in lines] == [str(source) for source in sources]
    for path, line in zip(sources, lines):
        if path in broken:
            assert line["error"]["code"] == "corrupt_input" or "bomb" in path.name, line
            assert path.name in line["error"]["message"]
            assert "detections" not in line
        else:
            assert "error" not in line and isinstance(line["detections"], list)


@pytest.mark.parametrize("make", ["bomb_jpeg", "bomb_png"])
def test_a_huge_header_is_refused_before_memory_is_spent(shoal, quick_model, pictures, tmp_path,
                                                         make):
    good = shoal("detect", "-m", quick_model, pictures.good(), "--json", tmp_path / "good.jsonl")
    bomb = getattr(pictures, make)()
    lines = shoal.detect(tmp_path / "out.jsonl", "-m", quick_model, bomb, status=1)
    assert "20000" in lines[0]["error"]["message"].replace(",", ""), lines
    run = shoal("detect", "-m", quick_model, bomb, "--json", tmp_path / "out.jsonl")
    assert run.peak_kib < good.peak_kib + 100 * 1024, (good, run)


def test_a_missing_file_among_others_fails_alone(shoal, quick_model, pictures, tmp_path):
    missing = pictures.folder / "nowhere.jpg"
    lines = shoal.detect(tmp_path / "out.jsonl", "-m", quick_model, pictures.good("a.jpg"),
                         missing, pictures.good("b.jpg"), status=1)
    assert len(lines) == 3
    assert lines[1]["error"]["code"] == "not_found"
    assert str(missing) in lines[1]["error"]["message"]
    assert "detections" in lines[0] and "detections" in lines[2]


def test_missing_lines_of_a_list_fail_alone(shoal, quick_model, pictures, tmp_path):
    pictures.good("a.jpg")
    pictures.good("b.jpg")
    listing = pictures.folder / "list.txt"
    listing.write_text("a.jpg\nnowhere.jpg\n# a comment\n\nb.jpg\n")
    lines = shoal.detect(tmp_path / "out.jsonl", "-m", quick_model, listing, status=1)
    assert [pathlib.Path(line["source"]).name for line in lines] == ["a.jpg", "nowhere.jpg",
                                                                    "b.jpg"]
    assert lines[1]["error"]["code"] == "not_found"


def test_a_jpeg_with_a_cut_end_is_damaged_or_refused(shoal, quick_model, pictures, zoo, tmp_path):
    whole = (zoo / "images/bus.jpg").read_bytes()
    cut = pictures.write("cut.jpg", whole[:len(whole) // 2])
    stub = pictures.write("stub.jpg", whole[:1024])
    run = shoal("detect", "-m", quick_model, cut, stub, zoo / "images/bus.jpg", "--json",
                tmp_path / "out.jsonl")
    lines = by_name(read_lines(tmp_path / "out.jsonl"))
    assert run.status == 1, run
    assert "error" in lines["stub.jpg"] and "1,024" in lines["stub.jpg"]["error"]["message"]
    assert lines["cut.jpg"].get("damaged") or "error" in lines["cut.jpg"], lines["cut.jpg"]
    assert lines["bus.jpg"]["detections"] and "damaged" not in lines["bus.jpg"]


def test_unusual_pictures_are_answered(shoal, quick_model, pictures, tmp_path):
    pixels = scene(320, 240)
    folder = pictures.folder
    made = [
        save(folder / "one.png", pixels[:1, :1]),
        save(folder / "row.png", scene(3000, 2)),
        save(folder / "grey.jpg", pixels[:, :, 0]),
        save(folder / "rgba.png", np.dstack([pixels, pixels[:, :, :1]])),
        save(folder / "large.jpg", scene(4000, 3200), quality=80),
        save(folder / "sixteen.png", (pixels[:, :, 0].astype(np.uint16) * 257)),
        pictures.write("cmyk.jpg", cmyk(pixels)),
        pictures.write("palette.gif", encoded(pixels, "GIF")),
        save(folder / "picture.webp", pixels),
        save(folder / "picture.bmp", pixels),
        save(folder / "picture.tiff", pixels),
        pictures.write("progressive.jpg", encoded(pixels, "JPEG", progressive=True)),
    ]
    sizes = {"one.png": (1, 1), "row.png": (3000, 2), "large.jpg": (4000, 3200)}
    lines = by_name(shoal.detect(tmp_path / "out.jsonl", "-m", quick_model, *made))
    assert len(lines) == len(made)
    for name, line in lines.items():
        assert (line["width"], line["height"]) == sizes.get(name, (320, 240)), line


def cmyk(pixels):
    import io

    buffer = io.BytesIO()
    Image.fromarray(pixels).convert("CMYK").save(buffer, "JPEG", quality=95)
    return buffer.getvalue()


def boxes_near(line, expected, pixels, score):
    """Whether two answers hold the same detections, in order."""
    assert len(line["detections"]) == len(expected["detections"])
    for got, wanted in zip(line["detections"], expected["detections"]):
        assert got["class"] == wanted["class"]
        assert got["confidence"] == pytest.approx(wanted["confidence"], abs=score)
        for key in ("x1", "y1", "x2", "y2"):
            assert got["box"][key] == pytest.approx(wanted["box"][key], abs=pixels)


def test_formats_without_loss_give_equal_boxes(shoal, quick_model, pictures, zoo, tmp_path):
    pixels = np.asarray(Image.open(zoo / "images/dog.jpg").convert("RGB"))
    made = [save(pictures.folder / f"dog.{suffix}", pixels, **options) for suffix, options in (
        ("png", {}), ("bmp", {}), ("tiff", {}), ("webp", {"lossless": True, "exact": True}))]
    opaque = np.dstack([pixels, np.full(pixels.shape[:2], 255, np.uint8)])
    made.append(save(pictures.folder / "dog-rgba.png", opaque))
    lines = shoal.detect(tmp_path / "out.jsonl", "-m", quick_model, *made)
    assert len(lines[0]["detections"]) >= 2
    for line in lines[1:4]:
        if not line["source"].endswith(".webp"):
            assert line["detections"] == lines[0]["detections"], line["source"]
        else:
            boxes_near(line, lines[0], 0.5, 0.01)  # lossless WebP is RGB, but not every decoder's
    assert lines[4]["detections"] == lines[0]["detections"]


@pytest.mark.parametrize("orientation, turn", [
    (1, None), (2, Image.FLIP_LEFT_RIGHT), (3, Image.ROTATE_180), (4, Image.FLIP_TOP_BOTTOM),
    (5, Image.TRANSPOSE), (6, Image.ROTATE_90), (7, Image.TRANSVERSE), (8, Image.ROTATE_270)])
def test_exif_orientation_is_applied(shoal, pictures, zoo, tmp_path, orientation, turn):
    model = zoo / "models/yolov10n_640_dq8.onnx"  # steadier than the quick one under JPEG noise
    upright = Image.open(zoo / "images/dog.jpg").convert("RGB")
    stored = upright if turn is None else upright.transpose(turn)
    exif = Image.Exif()
    exif[0x0112] = orientation
    tagged = pictures.folder / "tagged.jpg"
    stored.save(tagged, quality=97, subsampling=0, exif=exif)
    plain = pictures.folder / "plain.png"
    upright.save(plain)
    got, wanted = shoal.detect(tmp_path / "out.jsonl", "-m", model, "--conf", 0.5, tagged,
                               plain)
    assert (got["width"], got["height"]) == upright.size
    boxes_near(got, wanted, 6.0, 0.06)  # the one is a JPEG of the other
    assert len(wanted["detections"]) >= 2


def test_grey_pictures_are_seen_as_grey(shoal, quick_model, pictures, zoo, tmp_path):
    grey = Image.open(zoo / "images/bus.jpg").convert("L")
    grey.save(pictures.folder / "grey.png")
    grey.convert("RGB").save(pictures.folder / "rgb.png")
    got, wanted = shoal.detect(tmp_path / "out.jsonl", "-m", quick_model,
                               pictures.folder / "grey.png", pictures.folder / "rgb.png")
    assert got["detections"] == wanted["detections"] and len(wanted["detections"]) >= 2


def test_a_video_without_frames_is_an_error_of_its_own(shoal, quick_model, pictures, tmp_path):
    video = pictures.write("nothing.mp4", b"")
    box = b"\x00\x00\x00\x18ftypisom\x00\x00\x02\x00isomiso2" + b"\x00\x00\x00\x08mdat"
    headless = pictures.write("headless.mp4", box)
    lines = shoal.detect(tmp_path / "out.jsonl", "-m", quick_model, video, headless,
                         pictures.good(), status=1)
    lines = by_name(lines)
    for name in ("nothing.mp4", "headless.mp4"):
        assert name in lines[name]["error"]["message"], lines[name]
    assert "detections" in lines["good.jpg"]


def test_a_video_that_ends_in_a_packet_gives_the_frames_before(shoal, quick_model, pictures, zoo,
                                                               tmp_path):
    cv2 = pytest.importorskip("cv2")
    whole = pictures.folder / "whole.avi"
    writer = cv2.VideoWriter(str(whole), cv2.VideoWriter_fourcc(*"MJPG"), 25, (320, 240))
    assert writer.isOpened()
    for i in range(40):
        writer.write(scene(320, 240, i)[:, :, ::-1])
    writer.release()
    data = whole.read_bytes()
    cut = pictures.write("cut.avi", data[:len(data) // 2])
    run = shoal("detect", "-m", quick_model, cut, pictures.good(), "--json",
                tmp_path / "out.jsonl")
    lines = read_lines(tmp_path / "out.jsonl")
    frames = [line for line in lines if line["source"].endswith("cut.avi")]
    answered = [line for line in frames if "detections" in line]
    assert run.status in (0, 1), run
    assert 10 <= len(answered) <= 25, run
    assert [line["frame"] for line in answered] == list(range(len(answered)))
    assert "detections" in lines[-1] and lines[-1]["source"].endswith("good.jpg")


def not_a_detector(path):
    from onnx import TensorProto, helper

    node = helper.make_node("Relu", ["x"], ["y"])
    graph = helper.make_graph(
        [node], "relu", [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 3, 64, 64])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, 3, 64, 64])])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    onnx.save(model, path)
    return path


def cannot_load(shoal, verb, model, *arguments):
    run = shoal(verb, "-m", model, *arguments)
    assert run.status == 3, run
    assert model.name in run.err, run
    assert "terminate" not in run.err and "Traceback" not in run.err
    return run


@pytest.mark.parametrize("verb", ["detect", "inspect"])
def test_models_that_cannot_be_loaded_are_status_3(shoal, zoo, pictures, tmp_path, verb):
    whole = (zoo / "models/nanodet_m_320_fp32.onnx").read_bytes()
    models = {
        "cut.onnx": whole[:len(whole) // 2], "stub.onnx": whole[:100], "empty.onnx": b"",
        "text.onnx": b"hello\n" * 99}
    sources = [pictures.good()] if verb == "detect" else []
    for name, data in models.items():
        cannot_load(shoal, verb, pictures.write(name, data), *sources)
    cannot_load(shoal, verb, not_a_detector(tmp_path / "relu.onnx"), *sources)
    cannot_load(shoal, verb, tmp_path / "missing.onnx", *sources)


def test_wrong_class_count_of_a_dataset_names_both(shoal, zoo, quick_model, tmp_path):
    run = shoal("eval", "-m", quick_model, "--data", zoo / "datasets/deeppcb/data.yaml")
    assert run.status in (2, 3), run
    assert "6 classes" in run.err and "80" in run.err, run
    data = tmp_path / "data.yaml"
    data.write_text(f"path: {zoo / 'datasets/coco256'}\nval: images/val2017\nnc: 80\n"
                    "names: [a, b, c]\n")
    run = shoal("eval", "-m", quick_model, "--data", data)
    assert run.status in (2, 3) and "nc is 80" in run.err and "3 entries" in run.err, run
