"""Clients that exist, as they read what the service says: Ultralytics, tritonclient with asyncio,
tritony, DeepStack's, and those that write base64 and forms in older ways."""

import ast
import asyncio
import base64
import json
import math
import types

from kserve_service import KserveServing
import numpy as np
import onnx
import pytest
import toy
from toy import QUICK
import tritonclient.grpc as triton_grpc
import tritonclient.http as triton_http
import tritonclient.http.aio as triton_http_aio
from tritonclient.utils import InferenceServerException

# More than fits into a small document.
NAMES = {0: "red", 1: "green", 2: "blue"} | {
    n: f"a class that never fires, number {n}" for n in range(3, 2000)}
MANY_NAMES = {**toy.ULTRALYTICS, "imgsz": "[96, 96]", "names": str(NAMES)}


@pytest.fixture(scope="module")
def service(toys):
    toy.detector(toys / "many.onnx", classes=2000, metadata=MANY_NAMES, size=(96, 96))
    with KserveServing(*QUICK, "-m", f"toy={toys / 'toy640.onnx'}", "-m",
                       f"wide={toys / 'toy640x384.onnx'}", "-m",
                       f"many={toys / 'many.onnx'}") as running:
        yield running


@pytest.fixture(params=["http", "grpc"])
def triton(request, service):
    module = {"http": triton_http, "grpc": triton_grpc}[request.param]
    with module.InferenceServerClient(getattr(service, request.param)) as client:
        yield module, client


def png(pixels):
    import cv2
    return cv2.imencode(".png", pixels[:, :, ::-1])[1].tobytes()


def names_of(detections, key="name"):
    return sorted(one[key] for one in detections)


# -- Ultralytics --------------------------------------------------------------------------------

class RemoteModel:
    """What Ultralytics 8.3 and 8.4 read of a model on a server, and how they then send pictures:
    TritonRemoteModel, AutoBackend's metadata, LetterBox with `auto` and `stride`, batches of
    `batch` where the network is not dynamic."""

    def __init__(self, module, client, name):
        self.module, self.client, self.name = module, client, name
        config = client.get_model_config(name)
        if module is triton_grpc:
            config = client.get_model_config(name, as_json=True)["config"]
        self.input = config["input"][0]["name"]
        self.types = [one["data_type"] for one in config["input"]]
        self.outputs = sorted(one["name"] for one in config["output"])
        metadata = ast.literal_eval(config["parameters"]["metadata"]["string_value"])
        self.stride, self.batch = int(metadata["stride"]), int(metadata["batch"])
        self.size, self.names = metadata["imgsz"], metadata["names"]
        self.task = metadata["task"]
        self.dynamic = metadata.get("args", {}).get("dynamic", False)

    def letterbox(self, pixels):
        import cv2
        height, width = pixels.shape[:2]
        scale = min(self.size[0] / height, self.size[1] / width)
        inner = round(width * scale), round(height * scale)
        across, down = self.size[1] - inner[0], self.size[0] - inner[1]
        if self.dynamic:  # "auto": only as much as the stride wants
            across, down = across % self.stride, down % self.stride
        left, top = round(across / 2 - .1), round(down / 2 - .1)
        if inner != (width, height):
            pixels = cv2.resize(pixels, inner, interpolation=cv2.INTER_LINEAR)
        boxed = cv2.copyMakeBorder(pixels, top, math.ceil(down / 2 - .1 + .2) if down else 0, left,
                                   across - left, cv2.BORDER_CONSTANT, value=(114,) * 3)
        boxed = boxed[:inner[1] + down, :inner[0] + across]
        return boxed, scale, left, top

    def __call__(self, pixels):
        """{name: box} of the best cell of each class in a picture [h, w, 3]."""
        boxed, scale, left, top = self.letterbox(pixels)
        tensor = boxed.transpose(2, 0, 1)[None].astype(np.float32) / 255
        if not self.dynamic and self.batch > 1:
            tensor = np.concatenate([tensor] * self.batch)
        image = self.module.InferInput(self.input, list(tensor.shape),
                                       self.types[0].replace("TYPE_", ""))
        image.set_data_from_numpy(tensor)
        wanted = [self.module.InferRequestedOutput(name) for name in self.outputs]
        rows = self.client.infer(self.name, [image], outputs=wanted).as_numpy(self.outputs[0])[0]
        found = {}
        for number, name in self.names.items():
            scores = rows[4 + number]
            if scores.max() > 0.25:
                x, y, w, h = rows[:4, scores.argmax()]
                corners = np.array([x - w / 2, y - h / 2, x + w / 2, y + h / 2])
                found[name] = (corners - [left, top, left, top]) / scale
        return found


@pytest.mark.parametrize("shape", [(640, 640), (480, 640), (640, 480), (320, 1000), (64, 64)])
def test_ultralytics_finds_what_is_there_in_pictures_of_any_shape(triton, shape):
    height, width = shape
    # Large enough to fill a cell of 8 x 8 of the network, wherever the padding puts it.
    side = max(8, math.ceil(16 / min(640 / height, 640 / width)))
    spots = ((0, 0, 0), (width // 16 * 8, height // 16 * 8, 2))
    pixels = toy.picture(width, height, spots=spots, side=side)
    remote = RemoteModel(*triton, "toy")
    assert (remote.task, remote.names) == ("detect", {0: "red", 1: "green", 2: "blue"})
    assert remote.size == [640, 640] and remote.batch == 1
    found = remote(pixels)
    assert set(found) == {"red", "blue"}
    for x, y, colour in spots:
        box = found[remote.names[colour]]
        assert box[0] - 8 <= x <= box[2] and box[1] - 8 <= y <= box[3]


def test_ultralytics_sends_what_a_network_that_is_not_square_wants(triton):
    found = RemoteModel(*triton, "wide")(toy.picture(640, 384, spots=toy.SPOTS[:2]))
    assert set(found) == {"red", "green"}
    assert np.allclose(found["red"], toy.BOXES[0], atol=1)


# -- tritonclient, tritony ----------------------------------------------------------------------

def test_asyncio_clients_read_every_document(service):
    async def ask():
        async with triton_http_aio.InferenceServerClient(service.http) as client:
            config = await client.get_model_config("many")
            assert len(json.dumps(config)) > 64 * 1024
            assert (await client.get_model_metadata("many"))["name"] == "many"
            assert len((await client.get_inference_statistics())["model_stats"]) == 6
            assert len(await client.get_model_repository_index()) == 6
            assert "model_configuration" in (await client.get_server_metadata())["extensions"]
            await client.get_trace_settings()
            await client.get_log_settings()
            with pytest.raises(InferenceServerException, match="no model"):
                await client.get_model_config("n" * 100)
    asyncio.run(ask())


def test_large_answers_are_compressed_for_who_accepts_it_and_small_ones_are_not(service):
    accepts = {"Accept-Encoding": "gzip, deflate"}
    for path in ("/v2/models/many/config", "/v2/models/stats", "/v2", "/v1/nothing"):
        assert "Content-Encoding" not in service.request("GET", path, headers=accepts).headers
    tensor = {"name": "images", "datatype": "FP32", "shape": [1, 3, 640, 640],
              "data": [0] * (3 * 640 * 640)}
    body = json.dumps({"inputs": [tensor]})
    answer = service.request("POST", "/v2/models/toy/infer", body, accepts)
    assert answer.headers["Content-Encoding"] == "gzip", answer


def attributes(value):
    """As tritony makes attributes of a JSON document: what is not there raises."""
    if isinstance(value, dict):
        return types.SimpleNamespace(**{key: attributes(one) for key, one in value.items()})
    return [attributes(one) for one in value] if isinstance(value, list) else value


def test_configurations_have_the_fields_that_clients_read_unasked(service):
    config = attributes(service.get("/v2/models/toy/config").json)
    [image] = config.input
    assert (image.optional, image.is_shape_tensor, image.allow_ragged_batch) == (False,) * 3
    assert (image.name, image.data_type, image.dims) == ("images", "TYPE_FP32", [3, 640, 640])
    assert config.output[0].label_filename == "" and config.instance_group[0].gpus == []
    assert config.max_batch_size >= 1 and config.model_warmup == []


def ones(module, name="images", shape=(1, 3, 96, 96)):
    tensor = module.InferInput(name, list(shape), "FP32")
    tensor.set_data_from_numpy(np.zeros(shape, np.float32))
    return tensor


def test_a_requests_timeout_is_ignored_unless_the_service_allows_it(triton):
    module, client = triton
    for microseconds in (None, 1, 30, 10_000_000):
        client.infer("many", [ones(module)], timeout=microseconds)


@pytest.mark.parametrize("module", [triton_http, triton_grpc])
def test_a_requests_timeout_is_its_deadline_where_that_is_allowed(toys, module):
    with KserveServing(*QUICK, "-m", f"toy={toys / 'toy640.onnx'}",
                       "--service.allow_timeout_override", "true") as running:
        address = running.http if module is triton_http else running.grpc
        with module.InferenceServerClient(address) as client:
            client.infer("toy", [ones(module, shape=(1, 3, 640, 640))], timeout=60_000_000)
            with pytest.raises(InferenceServerException) as caught:
                client.infer("toy", [ones(module, shape=(1, 3, 640, 640))], timeout=1)
    assert caught.value.status() in ("503", "504", "StatusCode.DEADLINE_EXCEEDED")


def test_a_message_over_grpcs_limit_is_told_the_option_that_raises_it(toys):
    with KserveServing(*QUICK, "-m", f"toy={toys / 'toy640.onnx'}", "--service.body_max_mib",
                       "4") as running, \
         triton_grpc.InferenceServerClient(running.grpc) as client:
        for count in (2, 4, 8):
            with pytest.raises(InferenceServerException, match="service.body_max_mib"):
                client.infer("toy", [ones(triton_grpc, shape=(count, 3, 640, 640))])


def test_json_may_hold_numbers_that_are_not_finite(service):
    data = [0.0] * (3 * 96 * 96)
    data[:3] = [float("nan"), float("inf"), float("-inf")]
    body = json.dumps({"inputs": [{"name": "images", "datatype": "FP32", "shape": [1, 3, 96, 96],
                                   "data": data}]})
    assert "[NaN, Infinity, -Infinity, 0.0" in body
    answer = service.request("POST", "/v2/models/many/infer", body)
    assert answer.status == 200, answer
    values = np.array(json.loads(answer.body)["outputs"][0]["data"], np.float64)
    assert np.isnan(values).any() and b"NaN" in answer.body and b"null" not in answer.body


def test_traces_may_run_from_the_start_and_settings_are_cleared_by_null(toys, tmp_path):
    with KserveServing(*QUICK, "-m", f"toy={toys / 'toy640.onnx'}", "--service.trace_file",
                       tmp_path / "trace.json", "--service.trace_level", "TIMESTAMPS",
                       "--service.trace_rate", "2") as running:
        with triton_http.InferenceServerClient(running.http) as client:
            began = client.get_trace_settings()
            assert (began["trace_level"], began["trace_rate"]) == (["TIMESTAMPS"], "2")
            own = client.update_trace_settings("toy", {"trace_level": ["OFF"], "trace_rate": "9"})
            assert (own["trace_level"], own["trace_rate"]) == (["OFF"], "9")
            nothing = {key: None for key in ("trace_level", "trace_rate", "trace_count",
                                             "log_frequency", "trace_file")}
            assert client.update_trace_settings("toy", nothing) == began
            logs = client.update_log_settings({"log_info": False, "log_warning": True,
                                               "log_error": False, "log_verbose_level": 1})
            assert (logs["log_info"], logs["log_verbose_level"]) == (False, 1)


def test_a_trace_without_a_file_is_refused_at_start(shoal, toys):
    run = shoal("serve", *QUICK, "-m", toys / "toy640.onnx", "--http", "127.0.0.1:0", "--grpc", "",
                "--metrics", "", "--service.trace_level", "TIMESTAMPS")
    assert run.status != 0 and "trace_file" in run.err


# -- pictures in bodies -------------------------------------------------------------------------

@pytest.mark.parametrize("least", ["0", "0.1", "0.25", "0.45"])
def test_deepstack_clients_may_ask_for_less_confidence_than_the_models(service, toys, least):
    answer = service.post_form("/v1/vision/custom/toy",
                               [("image", "image", (toys / "spots.png").read_bytes())],
                               [("min_confidence", least)])
    assert answer.status == 200, answer
    assert names_of(answer.json["predictions"], "label") == ["blue", "green", "red"]


@pytest.mark.parametrize("change", [
    lambda text: text,
    lambda text: "\n".join(text[i:i + 76] for i in range(0, len(text), 76)),
    lambda text: "\r\n".join(text[i:i + 64] for i in range(0, len(text), 64)) + "\r\n",
    lambda text: text.rstrip("="),
    lambda text: text.replace("+", "-").replace("/", "_"),
    lambda text: "data:image/png;base64," + base64.encodebytes(base64.b64decode(text)).decode(),
])
def test_base64_is_read_as_clients_write_it(service, toys, change):
    for end in (b"", b"\0", b"\0\0"):  # behind a PNG's end, for every kind of padding
        text = change(base64.b64encode((toys / "spots.png").read_bytes() + end).decode())
        answer = service.post_json("/v1/models/toy/detect", {"image": text})
        assert answer.status == 200, answer
        assert names_of(answer.json["detections"]) == ["blue", "green", "red"]
    if text.startswith("data:"):
        return
    body = {"inputs": [{"name": "image", "datatype": "BYTES", "shape": [1], "data": [text]}]}
    outputs = service.post_json("/v2/models/toy_boxes/infer", body).json["outputs"]
    assert outputs[0]["data"] == [3]


@pytest.mark.parametrize("name, shown", [
    ("filename*=UTF-8''%E8%9E%BA.png", "螺.png"),
    ("filename*=utf-8'zh'%E8%9E%BA.png", "螺.png"),
    ("filename=\"x.png\"; filename*=UTF-8''%C3%A4.png", "ä.png"),
    ("filename*=ISO-8859-1''%E4.png", "ä.png"),
    ("filename*=GBK''%C2%DD.png", "??.png"),
    ("filename*0*=UTF-8''%C3%A4; filename*1=.png", "ä.png"),
])
def test_a_forms_file_may_have_an_extended_name_alone(service, toys, name, shown):
    body = (f'--B\r\nContent-Disposition: form-data; name="f"; {name}\r\n\r\n'.encode()
            + (toys / "spots.png").read_bytes() + b"\r\n--B--\r\n")
    answer = service.post("/v1/models/toy/detect", body, "multipart/form-data; boundary=B")
    assert answer.status == 200, answer
    assert answer.json["source"] == shown
    assert len(answer.json["detections"]) == 3


# -- the description ----------------------------------------------------------------------------

def test_the_openapi_document_holds_nothing_that_generators_stumble_over(service):
    document = service.get("/openapi.json").json
    licence = document["info"].get("license")
    assert licence is None or licence.get("identifier") or licence.get("url")

    def look(value, path):
        if isinstance(value, dict):
            assert "const" not in value or "properties" in path[-1:], path
            if value.get("type") == "boolean":
                assert "enum" not in value, path
            for key, one in value.items():
                look(one, [*path, key])
        elif isinstance(value, list):
            for one in value:
                look(one, path)

    look(document, [])
    ids = [operation["operationId"] for methods in document["paths"].values()
           for operation in methods.values()]
    assert len(ids) == len(set(ids)) >= 9


# -- refusals -----------------------------------------------------------------------------------

def test_a_refused_networks_outputs_are_named_with_all_their_dimensions(shoal, tmp_path):
    graph = toy.Graph()
    graph.node("AveragePool", ["images"], "mean", kernel_shape=[8, 8], strides=[8, 8])
    weights = graph.constant("weights", np.ones((80, 3, 1, 1)), np.float32)
    graph.node("Conv", ["mean", weights], "cells", kernel_shape=[1, 1])
    graph.node("Transpose", ["cells"], "last", perm=[0, 2, 3, 1])
    graph.node("Reshape", ["last", graph.constant("shape", [1600, 80], np.int64)], "scores")
    model = graph.model([("images", onnx.TensorProto.FLOAT, [1, 3, 320, 320])],
                        [("scores", onnx.TensorProto.FLOAT, [1600, 80])])
    onnx.save(model, tmp_path / "flat.onnx")
    run = shoal("inspect", tmp_path / "flat.onnx")
    assert run.status == 3 and "scores [1600, 80]" in run.err, run
