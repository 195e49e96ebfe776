"""Goal: clients of KServe and Triton work as they are over both doors, and their answers are right.
Method: tritonclient and the kserve package against the real program; raw tensors against ONNX
Runtime, boxes against `shoal detect`."""

import asyncio
import pathlib
import queue
import sys

import cv2
import numpy as np
import pytest
import tritonclient.grpc as triton_grpc
import tritonclient.grpc.aio as triton_grpc_aio
import tritonclient.http as triton_http
import tritonclient.http.aio as triton_http_aio
from kserve_service import (KserveServing, assert_same_boxes, assert_same_tensors, network_input,
                            onnx_answer)
from program import run_tool


@pytest.fixture(scope="module")
def service(quick_model):
    with KserveServing("-m", f"nano={quick_model}", "--precision", "fp32") as running:
        yield running


@pytest.fixture(scope="module")
def batch(photos):
    return np.stack([network_input(path, 320) for path in photos[:3]])


@pytest.fixture(scope="module")
def expected_tensors(quick_model, batch):
    return onnx_answer(quick_model, batch)


@pytest.fixture(scope="module")
def expected_lines(shoal, quick_model, photos, tmp_path_factory):
    output = tmp_path_factory.mktemp("detect") / "lines.jsonl"
    return shoal.detect(output, *photos[:4], "-m", quick_model, "--precision", "fp32")


@pytest.fixture(params=["http", "grpc"])
def triton(request, service):
    """A client and its module; both have the same classes."""
    module = {"http": triton_http, "grpc": triton_grpc}[request.param]
    with module.InferenceServerClient(getattr(service, request.param)) as client:
        yield module, client


def filled(module, name, array, datatype, **options):
    tensor = module.InferInput(name, array.shape, datatype)
    tensor.set_data_from_numpy(array, **options)
    return tensor


def tensors_of(result, names):
    return {name: result.as_numpy(name) for name in names}


def files_of(paths):
    return np.array([path.read_bytes() for path in paths], dtype=np.object_)


BOXES = ("num_detections", "boxes", "scores", "classes", "truncated", "error")


def assert_boxes(result, lines):
    tensors = tensors_of(result, BOXES)
    assert tensors["num_detections"].shape == (len(lines), 1)
    most = max(1, *(len(line["detections"]) for line in lines))
    assert tensors["boxes"].shape == (len(lines), most, 4)
    for i, line in enumerate(lines):
        assert_same_boxes({name: tensor[i] for name, tensor in tensors.items()}, line)
        assert not tensors["truncated"][i] and tensors["error"][i] == b""


def test_raw_tensors_are_onnx_runtimes(triton, batch, expected_tensors):
    module, client = triton
    result = client.infer("nano", [filled(module, "input.1", batch, "FP32")], request_id="abc")
    assert_same_tensors(tensors_of(result, expected_tensors), expected_tensors)
    answer = result.get_response()
    assert (answer["id"] if isinstance(answer, dict) else answer.id) == "abc"


def test_boxes_of_files_are_those_of_detect(triton, photos, expected_lines):
    module, client = triton
    for shape in ((4,), (4, 1)):
        images = files_of(photos[:4]).reshape(shape)
        assert_boxes(client.infer("nano_boxes", [filled(module, "image", images, "BYTES")]),
                     expected_lines)


def test_boxes_of_pixels_are_those_of_detect(triton, photos, expected_lines):
    module, client = triton
    for path, line in zip(photos[:2], expected_lines, strict=False):
        pixels = cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB)
        assert_boxes(client.infer("nano_boxes", [filled(module, "image", pixels, "UINT8")]), [line])
        twice = np.stack([pixels, pixels])
        assert_boxes(client.infer("nano_boxes", [filled(module, "image", twice, "UINT8")]),
                     [line, line])


def test_named_outputs_are_the_only_ones(triton, photos, expected_lines):
    module, client = triton
    image = filled(module, "image", files_of(photos[:1]), "BYTES")
    wanted = [module.InferRequestedOutput("json"),
              module.InferRequestedOutput("scores", class_count=2)]
    result = client.infer("nano_boxes", [image], outputs=wanted)
    assert result.as_numpy("boxes") is None
    text = result.as_numpy("json")[0].decode()
    best = expected_lines[0]["detections"][0]
    assert f'"name":"{best["name"]}"' in text
    value, index, label = result.as_numpy("scores")[0][0].decode().split(":")
    assert abs(float(value) - best["confidence"]) < 1e-4
    assert (int(index), label) == (best["class"], best["name"])


def test_json_tensors_are_the_binary_ones(service, batch, expected_tensors):
    with triton_http.InferenceServerClient(service.http) as client:
        tensor = filled(triton_http, "input.1", batch[:1], "FP32", binary_data=False)
        wanted = [triton_http.InferRequestedOutput(name, binary_data=False)
                  for name in expected_tensors]
        result = client.infer("nano", [tensor], outputs=wanted)
        binary = client.infer("nano", [filled(triton_http, "input.1", batch[:1], "FP32")])
    for name, tensor in expected_tensors.items():
        np.testing.assert_array_equal(result.as_numpy(name), binary.as_numpy(name))
        np.testing.assert_allclose(result.as_numpy(name), tensor[:1], rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("coding", ["gzip", "deflate"])
def test_bodies_may_be_compressed(triton, coding, batch, expected_tensors):
    module, client = triton
    options = ({"compression_algorithm": coding} if module is triton_grpc else
               {"request_compression_algorithm": coding, "response_compression_algorithm": coding})
    result = client.infer("nano", [filled(module, "input.1", batch, "FP32")], **options)
    assert_same_tensors(tensors_of(result, expected_tensors), expected_tensors)


def test_asynchronous_calls_have_their_own_answers(service, photos, expected_lines):
    images = [filled(triton_http, "image", files_of([path]), "BYTES") for path in photos[:4]]
    with triton_http.InferenceServerClient(service.http, concurrency=4) as client:
        calls = [client.async_infer("nano_boxes", [image]) for image in images]
        for call, line in zip(calls, expected_lines, strict=True):
            assert_boxes(call.get_result(), [line])
    answers = [queue.Queue() for _ in images]
    with triton_grpc.InferenceServerClient(service.grpc) as client:
        for path, answer in zip(photos[:4], answers, strict=True):
            client.async_infer("nano_boxes",
                               [filled(triton_grpc, "image", files_of([path]), "BYTES")],
                               callback=lambda result, error, to=answer: to.put((result, error)))
        for answer, line in zip(answers, expected_lines, strict=True):
            result, error = answer.get(timeout=60)
            assert error is None
            assert_boxes(result, [line])


def test_asyncio_clients(service, photos, expected_lines):
    async def ask(module, address, plain):
        async with module.InferenceServerClient(address) as client:
            assert await client.is_server_ready()
            images = [filled(plain, "image", files_of([path]), "BYTES") for path in photos[:4]]
            return await asyncio.gather(*(client.infer("nano_boxes", [image])
                                          for image in images))

    for module, address, plain in ((triton_http_aio, service.http, triton_http),
                                   (triton_grpc_aio, service.grpc, triton_grpc)):
        for result, line in zip(asyncio.run(ask(module, address, plain)), expected_lines,
                                strict=True):
            assert_boxes(result, [line])


def test_a_stream_answers_in_order_and_goes_on_after_an_error(service, photos, expected_lines):
    answers = queue.Queue()
    with triton_grpc.InferenceServerClient(service.grpc) as client:
        client.start_stream(lambda result, error: answers.put((result, error)))
        for path in [*photos[:2], None, *photos[2:4]]:
            files = np.array([b"no picture"], np.object_) if path is None else files_of([path])
            client.async_stream_infer("nano_boxes",
                                      [filled(triton_grpc, "image", files, "BYTES")])
        for line in [*expected_lines[:2], None, *expected_lines[2:4]]:
            result, error = answers.get(timeout=60)
            if line is None:
                assert "not a picture" in str(error)
            else:
                assert error is None
                assert_boxes(result, [line])
        client.stop_stream()


def test_clients_of_the_kserve_package(service, batch, expected_tensors, photos, expected_lines,
                                       tmp_path):
    np.save(tmp_path / "batch.npy", batch)
    script = pathlib.Path(__file__).parent / "kserve_package.py"
    run_tool([sys.executable, script, service.http, service.grpc, tmp_path / "batch.npy", photos[0],
              tmp_path / "answers.npz"])
    with np.load(tmp_path / "answers.npz", allow_pickle=True) as answers:
        def tensors(kind):
            return {name.split("/")[1]: answers[name] for name in answers.files
                    if name.startswith(kind + "/")}
        for kind in ("rest_json", "rest_binary", "grpc_typed", "grpc_raw"):
            assert_same_tensors({name: tensor.astype(np.float32)
                                 for name, tensor in tensors(kind).items()}, expected_tensors)
        assert_same_boxes({name: tensor[0] for name, tensor in tensors("boxes").items()},
                          expected_lines[0])
