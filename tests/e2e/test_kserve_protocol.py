"""Goal: what KServe's extensions promise holds on the real program: repository, priorities and
deadlines, settings, keys, TLS, and errors that say what was wrong. Method: tritonclient and bare
requests."""

import ast
import hashlib
import json
import os
import re
import shutil
import subprocess
import threading
import time

import cv2
import numpy as np
import pytest
import tritonclient.grpc as triton_grpc
import tritonclient.http as triton_http
from kserve_service import KserveServing
from made_pictures import scene
from tritonclient.utils import InferenceServerException

SMALL = cv2.imencode(".jpg", scene(64, 64))[1].tobytes()


@pytest.fixture(scope="module")
def service(quick_model):
    with KserveServing("-m", f"nano={quick_model}",
                       "--service.allow_timeout_override", "true") as running:
        yield running


@pytest.fixture(params=["http", "grpc"])
def triton(request, service):
    module = {"http": triton_http, "grpc": triton_grpc}[request.param]
    with module.InferenceServerClient(getattr(service, request.param)) as client:
        yield module, client


def picture_input(module, *files):
    image = module.InferInput("image", [len(files)], "BYTES")
    image.set_data_from_numpy(np.array(files, np.object_))
    return image


def infer(service, document, **headers):
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    return service.request("POST", "/v2/models/nano/infer", body, headers)


def raw_document(**changes):
    tensor = {"name": "input.1", "datatype": "FP32", "shape": [1, 3, 320, 320], "data": [0.5]}
    return {"inputs": [tensor | changes]}


@pytest.mark.parametrize(("document", "says"), [
    (b"{", "JSON"),
    (b'{"a":' * 10_000, "deep"),
    (raw_document(), "shape has 307200 elements, the data 1"),
    (raw_document(shape=[-1, 3, 320, 320]), "axis of -1"),
    (raw_document(shape=[2**40, 2**40, 2, 2]), "2^40"),
    (raw_document(shape=[1]), "expected [-1, 3, 320, 320]"),
    (raw_document(datatype="FLOAT"), "unknown datatype"),
    (raw_document(name="x", shape=[1]), "called input.1"),
    (raw_document(parameters={"shared_memory_region": "r"}), "shared memory"),
    ({"inputs": []}, "has one input"),
    ({"parameters": {"sequence_id": 5}, "inputs": []}, "sequence"),
])
def test_what_is_wrong_with_a_request_is_said(service, document, says):
    answer = infer(service, document)
    assert answer.status in (400, 415)
    assert says in answer.json["error"]


def test_binary_sizes_that_lie_are_refused(service):
    document = raw_document(parameters={"binary_data_size": 8}, shape=[1, 3, 320, 320])
    del document["inputs"][0]["data"]
    text = json.dumps(document).encode()
    for header, body in ((len(text), text + b"12345678"), (len(text) + 99, text),
                         (len(text), text + b"1234"), ("-1", text), ("1e3", text)):
        answer = infer(service, body, **{"Inference-Header-Content-Length": str(header)})
        assert answer.status == 400, (header, answer)


@pytest.mark.parametrize("path", [
    "/v2/models/nothing", "/v2/models/nano/versions/9", "/v2/models/%2e%2e%2fnano/config",
    "/v2/models/..%2f..%2fetc/ready", "/v2/models/nano_boxes_boxes", "/v2/nothing",
])
def test_what_there_is_not_is_404(service, path):
    assert service.get(path).status in (400, 404)


def test_what_is_not_supported_is_501(triton, service):
    module, client = triton
    with pytest.raises(InferenceServerException, match="shared memory is not supported"):
        client.get_system_shared_memory_status()
    with pytest.raises(InferenceServerException, match="shared memory is not supported"):
        client.register_system_shared_memory("r", "/r", 100)
    with pytest.raises(InferenceServerException, match="files"):
        client.load_model("nano", config="{}", files={"file:1/model.onnx": b"x"})
    assert service.request("POST", "/v2/models/nano/generate", b"{}").status == 501


def test_one_bad_picture_fails_alone(triton, photos):
    module, client = triton
    good = photos[0].read_bytes()
    result = client.infer("nano_boxes", [picture_input(module, good, good[:500], good)])
    counts = result.as_numpy("num_detections")[:, 0]
    assert counts[0] == counts[2] > 0 and counts[1] == 0
    errors = result.as_numpy("error")
    assert errors[0] == errors[2] == b"" and b"corrupt_input" in errors[1]
    np.testing.assert_array_equal(result.as_numpy("boxes")[0], result.as_numpy("boxes")[2])
    with pytest.raises(InferenceServerException, match="JPEG") as caught:
        client.infer("nano_boxes", [picture_input(module, good[:500])])
    assert caught.value.status() in ("400", "StatusCode.INVALID_ARGUMENT")


def test_priorities_are_taken(triton, photos):
    module, client = triton
    for priority in range(6):
        client.infer("nano_boxes", [picture_input(module, photos[0].read_bytes())],
                     priority=priority)


def test_what_is_not_done_by_its_deadline_is_an_error(triton):
    module, client = triton
    many = picture_input(module, *[SMALL] * 1000)  # takes many seconds
    result = client.infer("nano_boxes", [many], timeout=500_000)  # us
    late = [b"deadline_exceeded" in error for error in result.as_numpy("error")]
    assert late[-1] and 0 < sum(late) < 1000
    with pytest.raises(InferenceServerException) as caught:
        client.infer("nano_boxes", [picture_input(module, SMALL)], timeout=1)
    assert caught.value.status() in ("503", "504", "StatusCode.DEADLINE_EXCEEDED")


def test_a_client_that_leaves_withdraws_its_work(service):
    many = picture_input(triton_grpc, *[SMALL] * 2000)
    with triton_grpc.InferenceServerClient(service.grpc) as client:
        def ran():
            return client.get_inference_statistics("nano_boxes").model_stats[0].inference_count

        before = ran()
        gone = threading.Event()
        call = client.async_infer("nano_boxes", [many], callback=lambda result, error: gone.set())
        end = time.monotonic() + 30
        while ran() == before:
            assert time.monotonic() < end and not gone.is_set()
            time.sleep(0.01)
        call.cancel()
        assert gone.wait(10)
        # The next answer waits for what was in the network, not for 2,000 pictures.
        client.infer("nano_boxes", [picture_input(triton_grpc, SMALL)])
        assert ran() - before < 1500


def test_statistics_count_items_and_batches(triton, photos):
    module, client = triton

    def totals():
        answer = client.get_inference_statistics(
            "nano_boxes", **({"as_json": True} if module is triton_grpc else {}))
        return answer["model_stats"][0]

    before = totals()
    client.infer("nano_boxes", [picture_input(module, *[photos[0].read_bytes()] * 5)])
    after = totals()
    assert int(after["inference_count"]) - int(before["inference_count"]) == 5
    batches = sum(int(batch["compute_infer"]["count"]) for batch in after["batch_stats"])
    assert batches == int(after["execution_count"])
    assert int(after["inference_stats"]["success"]["ns"]) > 0


def test_the_configuration_describes_the_network(triton):
    module, client = triton
    config = (client.get_model_config("nano") if module is triton_http
              else client.get_model_config("nano", as_json=True)["config"])
    assert config["input"][0]["name"] == "input.1"
    assert config["input"][0]["data_type"] == "TYPE_FP32"
    assert [int(d) for d in config["input"][0]["dims"]] == [3, 320, 320]
    metadata = ast.literal_eval(config["parameters"]["metadata"]["string_value"])
    assert metadata["task"] == "detect" and metadata["imgsz"] == [320, 320]
    assert metadata["names"][5] == "bus"


def test_log_settings_are_read_and_changed(triton):
    module, client = triton
    plain = {} if module is triton_http else {"as_json": True}
    client.update_log_settings({"log_verbose_level": 1, "log_info": True})
    text = json.dumps(client.get_log_settings(**plain))
    assert re.search(r'"log_verbose_level": (1|{"uint32_param": 1})', text), text
    client.update_log_settings({"log_verbose_level": 0, "log_info": False})
    with pytest.raises(InferenceServerException, match="log_file"):
        client.update_log_settings({"log_file": "/tmp/elsewhere"})


def test_trace_settings_are_read(triton):
    module, client = triton
    settings = client.get_trace_settings(
        "nano", **({"as_json": True} if module is triton_grpc else {}))
    assert "trace_level" in json.dumps(settings)
    with pytest.raises(InferenceServerException):
        client.update_trace_settings(settings={"trace_file": "/tmp/elsewhere"})


def repository(folder, model, **configs):
    for name, config in configs.items():
        (folder / name / "1").mkdir(parents=True)
        shutil.copy(model, folder / name / "1/model.onnx")
        if config:
            (folder / name / "config.pbtxt").write_text(config)
    return folder


def test_a_repository_works_as_it_is(quick_model, photos, tmp_path):
    folder = repository(tmp_path / "models", quick_model, plain="",
                        small='max_batch_size: 2\ndynamic_batching { }\nversion_policy { all {} }')
    shutil.copytree(folder / "small/1", folder / "small/12")
    image = picture_input(triton_http, photos[0].read_bytes())
    with KserveServing("--repository", folder) as service, \
            triton_http.InferenceServerClient(service.http, concurrency=4) as client:
        assert client.is_model_ready("plain") and client.is_model_ready("small", "12")
        assert not client.is_model_ready("small", "1")
        assert client.get_model_config("small")["max_batch_size"] == 2
        expected = client.infer("plain_boxes", [image]).as_numpy("boxes")
        assert (client.infer("small_boxes", [image]).as_numpy("boxes") == expected).all()

        # Loading again does not drop a call.
        stop, failed, answered = threading.Event(), [], []

        def traffic():
            with triton_http.InferenceServerClient(service.http) as one:
                while not stop.is_set():
                    try:
                        got = one.infer("plain_boxes", [image]).as_numpy("boxes")
                        answered.append((got == expected).all())
                    except InferenceServerException as error:
                        failed.append(error)

        threads = [threading.Thread(target=traffic) for _ in range(3)]
        for thread in threads:
            thread.start()
        client.load_model("plain", config='{"max_batch_size": 3}')
        client.load_model("plain")
        stop.set()
        for thread in threads:
            thread.join(30)
        assert not failed and len(answered) > 3 and all(answered)

        client.unload_model("plain")
        assert not client.is_model_ready("plain")
        with pytest.raises(InferenceServerException, match="unloaded"):
            client.infer("plain_boxes", [image])
        index = {line["name"]: line["state"] for line in client.get_model_repository_index()}
        assert index["plain"] == index["plain_boxes"] == "UNAVAILABLE"
        assert index["small"] == "READY"
        repository(folder, quick_model, late="")
        client.load_model("late")
        assert (client.infer("late_boxes", [image]).as_numpy("boxes") == expected).all()
        for name in ("../late", "nothing", ".hidden"):
            with pytest.raises(InferenceServerException):
                client.load_model(name)


def certificate(folder):
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
                    "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj",
                    "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1", "-keyout",
                    folder / "key.pem", "-out", folder / "chain.pem"],
                   check=True, capture_output=True, timeout=30)
    return folder / "key.pem", folder / "chain.pem"


def test_keys_and_tls_guard_grpc(quick_model, tmp_path):
    key, chain = certificate(tmp_path)
    (tmp_path / "keys").write_text(hashlib.sha256(b"sesame").hexdigest() + " a test\n")
    (tmp_path / "keys").chmod(0o600)
    config = tmp_path / "shoal.toml"
    config.write_text(f'[model.nano]\npath = "{quick_model}"\n[service]\n'
                      f'api_keys_file = "{tmp_path / "keys"}"\ntls_certificate = "{chain}"\n'
                      f'tls_key = "{key}"\n')
    with KserveServing("--config", config) as service:
        client = triton_grpc.InferenceServerClient(service.grpc, ssl=True,
                                                   root_certificates=str(chain))
        assert client.is_server_live()
        with pytest.raises(InferenceServerException, match="API key"):
            client.get_server_metadata()
        for headers in ({"authorization": "Bearer sesame"}, {"x-api-key": "sesame"}):
            assert client.get_server_metadata(headers=headers).name == "shoal"
        with pytest.raises(InferenceServerException, match="API key"):
            client.get_server_metadata(headers={"x-api-key": "Sesame"})
        with pytest.raises(InferenceServerException):
            triton_grpc.InferenceServerClient(service.grpc).is_server_live(client_timeout=5)


@pytest.mark.slow
@pytest.mark.parametrize("door", ["http", "grpc"])
def test_ultralytics_is_a_client(zoo, door, tmp_path):
    """YOLO("http://host:port/NAME") against YOLO of the same ONNX file."""
    python = os.environ.get("SHOAL_ULTRALYTICS")
    if python is None:
        pytest.skip("SHOAL_ULTRALYTICS names no Python that has ultralytics, tritonclient and "
                    "onnxruntime")
    model = zoo / "models/yolo11n_640_dq8.onnx"
    program = """
import sys
from ultralytics import YOLO
# The local file takes pictures of any shape, the server's network those of one: to compare them,
# the file gets the same. Of the server nothing is asked that users would not ask.
for model, options in ((sys.argv[1], {}), (sys.argv[2], dict(imgsz=640, rect=False))):
    for result in YOLO(model, task="detect")(sys.argv[3], verbose=False, **options):
        print(result.to_json(decimals=5).replace("\\n", ""))
"""
    with KserveServing("-m", f"net={model}", "--precision", "fp32") as service:
        url = f"{door}://{getattr(service, door)}/net"
        run = subprocess.run([python, "-c", program, url, model, zoo / "images/bus.jpg"],
                             capture_output=True, text=True, timeout=300, cwd=tmp_path)
    assert run.returncode == 0, run.stderr[-3000:]
    remote, local = (json.loads(line) for line in run.stdout.splitlines()
                     if line.startswith("[{"))
    assert len(remote) == len(local) > 3
    for ours, theirs in zip(remote, local, strict=True):
        assert ours["name"] == theirs["name"]
        assert abs(ours["confidence"] - theirs["confidence"]) < 0.001
        for side in ("x1", "y1", "x2", "y2"):
            assert abs(ours["box"][side] - theirs["box"][side]) < 0.2
