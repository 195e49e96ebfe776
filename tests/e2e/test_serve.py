"""Goal: the service starts, reloads, drains and bounds itself as docs/operate.md says, and its
documents' commands work. Method: the real program on a free port; answers against `detect`."""
import concurrent.futures
import hashlib
import re
import signal
import subprocess
import time

import pytest
from made_pictures import encoded, scene
from program import BINARY, ROOT
from rest_client import Serving, form


def jpeg(width, height):
    return encoded(scene(width, height), "JPEG")


def serving_documents():
    return [path for path in (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")))
            if re.search(r"^```bash\n", path.read_text(), re.M)]


@pytest.mark.parametrize("path", serving_documents(), ids=lambda path: path.name)
def test_commands_of_documents_run_beside_a_service(path, tmp_path):
    with Serving("--grpc", "127.0.0.1:0", "--metrics", "127.0.0.1:0") as service:
        text = "".join(service.lines)
        ports = {"8000": str(service.port),
                 "8001": re.search(r"grpc +[\d.]+:(\d+)", text).group(1),
                 "8002": re.search(r"metrics +http://[\d.]+:(\d+)", text).group(1)}
        for block in re.findall(r"^```bash\n(.*?)^```", path.read_text(), re.M | re.S):
            for command in block.splitlines():
                command = re.sub(r"127\.0\.0\.1:(800[012])",
                                 lambda match: "127.0.0.1:" + ports[match.group(1)], command)
                run = subprocess.run(command.replace("curl ", "curl --fail "), shell=True,
                                     cwd=tmp_path, capture_output=True, text=True, timeout=60)
                assert run.returncode == 0, f"{command}\n{run.stderr}"


def test_the_example_board_has_boxes():
    with Serving() as service:
        board = service.get("/example.jpg").body
        answer = service.post("/v1/detect", board)
    assert answer.status == 200
    assert len(answer.json["detections"]) > 0


def test_live_comes_before_ready_and_ready_before_work(tmp_path):
    with Serving() as service:
        assert service.get("/v2/health/live").status == 200
        assert service.get("/v2/health/ready").status == 200


def test_sigterm_answers_what_was_accepted_and_takes_no_more():
    with Serving("--imgsz", "320", "--scheduler.timeout_ms", "60000") as service:
        picture = jpeg(64, 64)
        with concurrent.futures.ThreadPoolExecutor(8) as pool:
            asked = [pool.submit(service.post_form, "/v1/detect",
                                 [("p", f"{i}.jpg", picture) for i in range(100)])
                     for _ in range(8)]
            time.sleep(0.5)
            service.process.send_signal(signal.SIGTERM)
            answers = [future.result() for future in asked]
        for answer in answers:
            assert answer.status == 200
            results = answer.json["results"]
            assert len(results) == 100 and all("detections" in result for result in results)
        service.process.wait(30)
        with pytest.raises(OSError):
            service.get("/v2/health/live")


def test_sighup_takes_what_can_change_and_refuses_the_rest(tmp_path):
    config = tmp_path / "shoal.toml"
    config.write_text('[model.one]\npath = "pcb"\nshapes = ["320x320"]\n')

    def reload(service):
        before = len(service.lines)
        service.process.send_signal(signal.SIGHUP)
        end = time.monotonic() + 60
        while time.monotonic() < end:
            lines = service.lines[before:]
            if any("reload: done" in line or "nothing was changed" in line for line in lines):
                return "".join(lines)
            time.sleep(0.05)
        pytest.fail("no word of the reload")

    with Serving("--config", config) as service:
        def names():
            return [model["name"] for model in service.get("/v1/models").json["models"]
                    if model["state"] == "ready"]

        assert names() == ["one"]
        config.write_text('[model.one]\npath = "pcb"\nshapes = ["320x320"]\n'
                          '[model.two]\npath = "pcb"\nshapes = ["160x160"]\n'
                          "[scheduler]\nqueue_limit = 7\n")
        said = reload(service)
        assert "model two: loaded" in said and "model one" not in said
        assert "cannot change while serving" in said
        assert names() == ["one", "two"]
        config.write_text("[model.one]\nbach = 2\n")
        assert "unknown key" in reload(service)
        assert names() == ["one", "two"]
        config.write_text('[model.two]\npath = "pcb"\nshapes = ["160x160"]\n')
        assert "model one: unloaded" in reload(service)
        assert names() == ["two"]
        assert service.post("/v1/models/two/detect", jpeg(64, 64)).status == 200
        assert service.post("/v1/models/one/detect", jpeg(64, 64)).status in (404, 503)


def test_a_request_of_4000_pictures_is_answered_in_order_with_bounded_memory():
    sizes = [(40 + i % 50, 30 + i % 40) for i in range(4000)]
    made = {size: jpeg(*size) for size in set(sizes)}

    def peak(service):
        status = open(f"/proc/{service.process.pid}/status").read()
        return int(re.search(r"VmHWM:\s+(\d+)", status).group(1)) / 1024

    with Serving("--imgsz", "160", "--scheduler.timeout_ms", "60000") as service:
        few = service.post_form("/v1/detect", [("p", f"{i}.jpg", made[sizes[i]])
                                               for i in range(40)])
        assert few.status == 200
        before = peak(service)
        answer = service.post("/v1/detect", *form([("p", f"{i}.jpg", made[size])
                                                   for i, size in enumerate(sizes)]), timeout=300)
        after = peak(service)
    assert answer.status == 200
    results = answer.json["results"]
    assert [(result["width"], result["height"]) for result in results] == sizes
    assert results[:40] != [] and after - before < 64, (before, after)


def test_keys_guard_every_door_but_health_and_the_page(tmp_path):
    keys = tmp_path / "keys.txt"
    keys.write_text(hashlib.sha256(b"secret").hexdigest() + " a test's key\n")
    keys.chmod(0o600)
    with Serving("--service.api_keys_file", keys) as service:
        board = service.get("/example.jpg").body
        for path in ("/", "/openapi.json", "/healthz", "/v2/health/ready"):
            assert service.get(path).status == 200, path
        assert service.get("/v2/models/pcb").status == 401
        assert service.post("/v1/detect", board).status == 401
        key = {"Content-Type": "image/jpeg", "Authorization": "Bearer secret"}
        assert service.request("POST", "/v1/detect", board, key).status == 200
        picture = [("image", "a.jpg", board)]
        vision = "/v1/vision/detection"
        assert service.post_form(vision, picture).status == 401
        assert service.post_form(vision, picture, [("api_key", "wrong")]).status == 401
        assert service.post_form(vision, picture, [("api_key", "secret")]).status == 200


def test_wrong_use_says_what_to_do(tmp_path):
    def run(*arguments):
        return subprocess.run([BINARY, "serve", *map(str, arguments)], capture_output=True,
                              text=True, timeout=60)

    keyless = run("--http", "0.0.0.0:0")
    assert keyless.returncode != 0 and "api_keys_file" in keyless.stderr
    missing = run("-m", "x=/nowhere.onnx", "--http", "127.0.0.1:0", "--grpc", "", "--metrics", "")
    assert missing.returncode == 3 and "/nowhere.onnx" in missing.stderr
    with Serving() as service:
        taken = run("--http", f"127.0.0.1:{service.port}", "--grpc", "", "--metrics", "")
    assert taken.returncode == 3 and str(service.port) in taken.stderr
    assert run("--http", "8000").returncode == 2
