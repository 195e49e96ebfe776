"""A client that uses the kserve package, as a program of its own: the package and tritonclient
define the same protobuf messages, so that no process can have both.

kserve_package.py HTTP GRPC BATCH.npy PICTURE ANSWERS.npz
writes "rest_json/NAME", "rest_binary/NAME", "grpc_typed/NAME", "grpc_raw/NAME", "boxes/NAME"."""

import asyncio
import pathlib
import sys

import numpy as np
from kserve import InferenceGRPCClient, InferenceRESTClient, InferInput, InferRequest
from kserve.inference_client import RESTConfig


def raw_request(batch, binary):
    tensor = InferInput("input.1", list(batch.shape), "FP32")
    tensor.set_data_from_numpy(batch, binary_data=binary)
    return InferRequest(model_name="nano", infer_inputs=[tensor])


def tensors(kind, response):
    return {f"{kind}/{output.name}": output.as_numpy() for output in response.outputs}


async def over_rest(url, batch):
    answers = {}
    async with InferenceRESTClient(RESTConfig(protocol="v2", timeout=60)) as client:
        assert await client.is_server_live(url) and await client.is_server_ready(url)
        assert await client.is_model_ready(url, "nano")
        assert not await client.is_model_ready(url, "nothing")
        for binary in (False, True):
            response = await client.infer(url, raw_request(batch, binary), model_name="nano")
            answers |= tensors("rest_binary" if binary else "rest_json", response)
    return answers


async def over_grpc(address, batch, picture):
    answers = {}
    async with InferenceGRPCClient(address) as client:
        assert await client.is_server_live() and await client.is_server_ready()
        assert await client.is_model_ready("nano")
        for binary in (False, True):
            response = await client.infer(raw_request(batch, binary))
            answers |= tensors("grpc_raw" if binary else "grpc_typed", response)
        image = InferInput("image", [1], "BYTES", data=[picture])
        request = InferRequest(model_name="nano_boxes", infer_inputs=[image])
        return answers | tensors("boxes", await client.infer(request))


def main():
    http, grpc, batch, picture, answers = sys.argv[1:]
    batch = np.load(batch)
    picture = pathlib.Path(picture).read_bytes()
    found = asyncio.run(over_rest(f"http://{http}", batch))
    found |= asyncio.run(over_grpc(grpc, batch, picture))
    np.savez(answers, **{name: np.asarray(value) for name, value in found.items()})


if __name__ == "__main__":
    main()
