"""Pictures by path and by URL, and files with several pictures in them."""

import contextlib
import http.server
import json
import threading

import films
import numpy as np
import pytest
import toy
from PIL import Image

QUICK = ("-q", "--execution", "spread", "--lanes", "1", "--iou", "0.3")


@contextlib.contextmanager
def web_server(folder, content_type=None, length=True):
    """Serves the files of a folder; yields the address. `length`: of a body is said."""
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            body = (folder / self.path.lstrip("/").split("?")[0]).read_bytes()
            self.send_response(200)
            if content_type:
                self.send_header("Content-Type", content_type)
            if length:
                self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            with contextlib.suppress(OSError):
                self.wfile.write(body)

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture
def run(shoal, tmp_path):
    """run(model, argument...): the lines and what was said."""
    def run_detect(model, *arguments, status=0):
        done = shoal("detect", *QUICK, "-m", model, "--json", tmp_path / "lines.jsonl", *arguments)
        assert done.status == status, done
        lines = (tmp_path / "lines.jsonl").read_text().splitlines()
        return [json.loads(line) for line in lines], done.err
    return run_detect


def boxes(line):
    return sorted((one["name"], *one["box"].values()) for one in line["detections"])


def phone_photograph(path):
    """As a phone held upright writes it: turned, with EXIF orientation 6."""
    exif = Image.Exif()
    exif[0x0112] = 6
    turned = np.rot90(toy.picture(480, 640, spots=((80, 80, 0), (320, 400, 2))))
    Image.fromarray(turned).save(path, quality=95, subsampling=0, exif=exif)


@pytest.fixture
def pictures(tmp_path):
    folder = tmp_path / "pictures"
    folder.mkdir()
    phone_photograph(folder / "phone.jpg")
    picture = Image.fromarray(toy.picture())
    picture.save(folder / "lossless.webp", lossless=True)
    picture.save(folder / "plain.png")
    picture.save(folder / "one.gif")
    picture.save(folder / "plain.bmp")
    return folder


@pytest.mark.parametrize("content_type, length", [
    (None, True), ("image/jpeg", False), ("application/octet-stream", True),
    ("application/octet-stream", False)])
def test_a_picture_by_url_is_the_picture_by_path(run, toys, pictures, tmp_path, content_type,
                                                 length):
    names = [path.name for path in sorted(pictures.iterdir())]
    by_path, _ = run(toys / "toy640.onnx", *(pictures / name for name in names))
    with web_server(pictures, content_type, length) as address:
        urls = [f"{address}/{name}" for name in names]
        by_url, said = run(toys / "toy640.onnx", *urls, "--save", tmp_path / "out")
    assert [line["source"] for line in by_url] == urls
    for one, other in zip(by_path, by_url):
        assert one["time"] is None and other["time"] is None
        assert (one["width"], one["height"]) == (other["width"], other["height"])
        assert boxes(one) == boxes(other) and len(boxes(one)) >= 2
    assert "warning" not in said
    saved = sorted(path.name for path in (tmp_path / "out").iterdir())
    assert len(saved) == len(names) and not any(name.endswith(".mp4") for name in saved), saved


def test_a_film_by_url_is_a_film(run, toys, tmp_path):
    films.film(tmp_path / "clip.mp4", options=("-movflags", "faststart"))
    (tmp_path / "clip").write_bytes((tmp_path / "clip.mp4").read_bytes())
    for length in (True, False):
        with web_server(tmp_path, "video/mp4", length) as address:
            urls = [f"{address}/{name}" for name in ("clip.mp4", "clip")]
            found = [run(toys / "toy640x384.onnx", url)[0] for url in urls]
        for lines in found:
            assert [line["time"] for line in lines] == pytest.approx([n / 25 for n in range(30)])


def animation(path, frames=12):
    first, *others = (Image.fromarray(films.frame(n)) for n in range(frames))
    first.save(path, save_all=True, append_images=others, duration=40, loop=0)
    return path


@pytest.mark.parametrize("suffix", ["gif", "png"])
def test_every_frame_of_an_animation_is_analysed(run, toys, tmp_path, suffix):
    path = animation(tmp_path / f"moving.{suffix}")
    lines, _ = run(toys / "toy640x384.onnx", path, "--track")
    assert [line["frame"] for line in lines] == list(range(12))
    assert [line["time"] for line in lines] == pytest.approx([n / 25 for n in range(12)])
    assert {name: len(ids) for name, ids in films.tracks(lines).items()} == {"red": 1, "blue": 1}
    plain, _ = run(toys / "toy640x384.onnx", path)
    with web_server(tmp_path) as address:
        by_url, _ = run(toys / "toy640x384.onnx", f"{address}/{path.name}")
    assert list(map(boxes, plain)) == list(map(boxes, by_url))
    assert all(len(boxes(line)) == 2 for line in plain)


def test_pages_that_are_not_analysed_are_said(run, toys, tmp_path):
    pages = [Image.fromarray(toy.picture()), Image.fromarray(toy.picture(spots=()))]
    pages[0].save(tmp_path / "pages.tif", save_all=True, append_images=pages[1:])
    lines, said = run(toys / "toy640.onnx", tmp_path / "pages.tif", "--summary",
                      tmp_path / "summary.json")
    assert len(lines) == 1 and len(boxes(lines[0])) == 3
    assert "pages.tif: 2 pictures in one file" in said
    [note] = json.loads((tmp_path / "summary.json").read_text())["notes"]
    assert "pages.tif: 2 pictures" in note
    pages[0].save(tmp_path / "moving.webp", save_all=True, append_images=pages[1:])
    [line], _ = run(toys / "toy640.onnx", tmp_path / "moving.webp", status=1)
    assert "animated" in line["error"]["message"]
    pages[0].save(tmp_path / "single.tif")
    _, said = run(toys / "toy640.onnx", tmp_path / "single.tif")
    assert "warning" not in said
