"""A Python service of the same work, for comparison: JPEG in, boxes out, OpenVINO bf16 on one
stream a core. Runs in its own Python with the packages of the stack.

  peer_service.py fastapi|litserve|ray MODEL.onnx --port 8100 [--size 640]
"""

import argparse
import concurrent.futures
import threading
import typing

import cv2
import fastapi
import numpy
import openvino

try:
    import litserve
except ImportError:
    litserve = None

cv2.setNumThreads(1)


class Work:
    """Decode, letterbox, network, class-wise suppression: what every stack runs."""

    def __init__(self, path, size):
        self.size = size
        core = openvino.Core()
        model = core.read_model(path)
        model.reshape([1, 3, size, size])
        self.network = core.compile_model(model, "CPU", {
            "PERFORMANCE_HINT": "THROUGHPUT", "INFERENCE_PRECISION_HINT": "bf16"})
        self.local = threading.local()

    def __call__(self, body):
        picture = cv2.imdecode(numpy.frombuffer(body, numpy.uint8), cv2.IMREAD_COLOR)
        if not hasattr(self.local, "request"):
            self.local.request = self.network.create_infer_request()
        height, width = picture.shape[:2]
        ratio = min(self.size / height, self.size / width)
        new = round(width * ratio), round(height * ratio)
        left, top = (self.size - new[0]) // 2, (self.size - new[1]) // 2
        canvas = numpy.full((self.size, self.size, 3), 114, numpy.uint8)
        canvas[top:top + new[1], left:left + new[0]] = cv2.resize(picture, new)
        blob = cv2.dnn.blobFromImage(canvas, 1 / 255, swapRB=True)
        rows = self.local.request.infer([blob])[0][0].T
        scores = rows[:, 4:].max(axis=1)
        keep = scores > 0.25
        rows, scores = rows[keep], scores[keep]
        classes = rows[:, 4:].argmax(axis=1)
        boxes = numpy.concatenate([rows[:, :2] - rows[:, 2:4] / 2, rows[:, 2:4]], axis=1)
        kept = cv2.dnn.NMSBoxesBatched(boxes, scores, classes, 0.25, 0.7)
        return {"detections": [
            {"class": int(classes[i]), "confidence": float(scores[i]),
             "box": [float(value) for value in
                     (boxes[i] - [left, top, 0, 0]) / ratio]} for i in kept]}


def serve_fastapi(work, port):
    import asyncio

    import uvicorn
    app = fastapi.FastAPI()
    pool = concurrent.futures.ThreadPoolExecutor(2)

    @app.post("/detect")
    async def detect(request: fastapi.Request):
        body = await request.body()
        return await asyncio.get_running_loop().run_in_executor(pool, work, body)

    uvicorn.run(app, host="127.0.0.1", port=port, log_level="warning")


if litserve:
    class LitDetect(litserve.LitAPI):
        """At the top of the module, as it is pickled into a process of its own."""

        def __init__(self, model, size):
            super().__init__(max_batch_size=8, batch_timeout=0.01)
            self.model, self.size = model, size

        def setup(self, device):
            self.work = Work(self.model, self.size)
            self.pool = concurrent.futures.ThreadPoolExecutor(2)

        def decode_request(self, request: typing.Annotated[bytes, fastapi.Body()]):
            return request

        def predict(self, bodies):
            return list(self.pool.map(self.work, bodies))

        def encode_response(self, output):
            return output


def serve_litserve(model, size, port):
    server = litserve.LitServer(LitDetect(model, size), accelerator="cpu", api_path="/detect")
    server.run(host="127.0.0.1", port=port, generate_client_file=False, log_level="warning")


def serve_ray(make_work, port):
    import time

    import ray
    import starlette.requests
    from ray import serve

    @serve.deployment(max_ongoing_requests=64)
    class Detect:
        def __init__(self):
            self.work = make_work()
            self.pool = concurrent.futures.ThreadPoolExecutor(2)

        @serve.batch(max_batch_size=8, batch_wait_timeout_s=0.01)
        async def batch(self, bodies):
            return list(self.pool.map(self.work, bodies))

        async def __call__(self, request: starlette.requests.Request):
            return await self.batch(await request.body())

    ray.init(num_cpus=2, include_dashboard=False, logging_level="error")
    serve.start(http_options={"host": "127.0.0.1", "port": port})
    serve.run(Detect.bind(), route_prefix="/detect")
    while True:
        time.sleep(3600)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("stack", choices=["fastapi", "litserve", "ray"])
    parser.add_argument("model")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--size", type=int, default=640)
    arguments = parser.parse_args()

    def make_work():
        return Work(arguments.model, arguments.size)

    if arguments.stack == "fastapi":
        serve_fastapi(make_work(), arguments.port)
    elif arguments.stack == "litserve":
        serve_litserve(arguments.model, arguments.size, arguments.port)
    else:
        serve_ray(make_work, arguments.port)


if __name__ == "__main__":
    main()
