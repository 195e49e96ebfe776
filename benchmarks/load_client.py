"""A load generator for JPEG services: closed loop (N connections, one request each at a time) and
open loop (Poisson arrivals, whatever the answers do). Raw HTTP/1.1 sockets, or gRPC by
tritonclient's messages; one thread, a few hundredths of a core at 100 requests a second.
"""

import asyncio
import json
import random
import time


class Answers:
    """(latency in s, status, time in the service in ms or None) of every request."""

    def __init__(self):
        self.rows = []
        self.seconds = 0.0

    def add(self, latency, status, inside=None):
        self.rows.append((latency, status, inside))

    def good(self):
        return sorted(row[0] for row in self.rows if row[1] == 200)

    def refused(self):
        return sorted(row[0] for row in self.rows if row[1] in (503, 504))

    def failed(self):
        return sum(row[1] not in (200, 503, 504) for row in self.rows)

    def rate(self):
        return len(self.good()) / self.seconds

    def quantile_ms(self, q, latencies=None):
        values = self.good() if latencies is None else latencies
        return 1000 * values[min(len(values) - 1, int(q * len(values)))] if values else 0.0

    def added_ms(self):
        """Median of what the client waited beyond the service's own total."""
        values = sorted(1000 * latency - inside for latency, status, inside in self.rows
                        if status == 200 and inside is not None)
        return values[len(values) // 2] if values else 0.0


class HttpDoor:
    def __init__(self, port, path, content_type="image/jpeg"):
        self.port, self.path, self.content_type = port, path, content_type
        self.free = []

    async def connect(self):
        return await asyncio.open_connection("127.0.0.1", self.port, limit=1 << 20)

    async def ask(self, connection, jpeg):
        reader, writer = connection
        head = (f"POST {self.path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: "
                f"{self.content_type}\r\nContent-Length: {len(jpeg)}\r\n\r\n").encode()
        writer.write(head + jpeg)
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        status = int(head.split(" ", 2)[1])
        fields = {name.strip().lower(): value.strip() for name, value in
                  (line.split(":", 1) for line in head.split("\r\n")[1:] if ":" in line)}
        if fields.get("transfer-encoding", "").lower() == "chunked":
            body = await self.read_chunks(reader)
        else:
            body = await reader.readexactly(int(fields.get("content-length", 0)))
        if fields.get("connection", "").lower() == "close":
            writer.close()
            raise ConnectionResetError(f"status {status}, connection closed")
        if status != 200:
            return status, None
        timing = json.loads(body).get("timing_ms") if b"timing_ms" in body else None
        return status, timing and timing["total"]

    @staticmethod
    async def read_chunks(reader):
        body = b""
        while size := int((await reader.readline()).split(b";")[0], 16):
            body += await reader.readexactly(size)
            await reader.readexactly(2)
        while await reader.readline() not in (b"\r\n", b""):
            pass  # trailers
        return body


class GrpcDoor:
    def __init__(self, port, model):
        import grpc
        from tritonclient.grpc import service_pb2, service_pb2_grpc
        self.grpc, self.messages = grpc, service_pb2
        self.channel = grpc.aio.insecure_channel(f"127.0.0.1:{port}", options=[
            ("grpc.max_send_message_length", 1 << 27)])
        self.stub = service_pb2_grpc.GRPCInferenceServiceStub(self.channel)
        self.model = model

    async def connect(self):
        return None

    async def ask(self, _, jpeg):
        request = self.messages.ModelInferRequest(model_name=self.model)
        tensor = request.inputs.add(name="image", datatype="BYTES")
        tensor.shape.append(1)
        request.raw_input_contents.append(len(jpeg).to_bytes(4, "little") + jpeg)
        try:
            await self.stub.ModelInfer(request)
        except self.grpc.aio.AioRpcError as error:
            codes = self.grpc.StatusCode
            refusals = (codes.RESOURCE_EXHAUSTED, codes.UNAVAILABLE, codes.DEADLINE_EXCEEDED)
            return (503 if error.code() in refusals else 500), None
        return 200, None


async def closed_loop(door, pictures, concurrency, seconds, warm_up=2.0):
    answers = Answers()
    start = time.perf_counter() + warm_up
    end = start + seconds

    async def client(number):
        connection = await door.connect()
        turn = number
        while (begun := time.perf_counter()) < end:
            try:
                status, inside = await door.ask(connection, pictures[turn % len(pictures)])
            except (OSError, asyncio.IncompleteReadError):
                status, inside, connection = 0, None, await door.connect()
            turn += concurrency
            now = time.perf_counter()
            if start <= now <= end:
                answers.add(now - begun, status, inside)
            if status != 200:
                await asyncio.sleep(0.05)

    await asyncio.gather(*(client(number) for number in range(concurrency)))
    answers.seconds = seconds
    return answers


async def open_loop(door, pictures, rate, seconds, seed=1):
    """Arrivals do not wait for answers; a connection is used again once it is answered."""
    answers = Answers()
    draw = random.Random(seed)
    idle, tasks = [], set()

    async def one(number):
        begun = time.perf_counter()
        connection = None
        try:
            connection = idle.pop() if idle else await door.connect()
            status, inside = await door.ask(connection, pictures[number % len(pictures)])
            idle.append(connection)
        except (OSError, asyncio.IncompleteReadError):
            status, inside = 0, None
        answers.add(time.perf_counter() - begun, status, inside)

    due = time.perf_counter()
    end = due + seconds
    number = 0
    while due < end:
        due += draw.expovariate(rate)
        await asyncio.sleep(max(0, due - time.perf_counter()))
        task = asyncio.create_task(one(number))
        tasks.add(task)
        task.add_done_callback(tasks.discard)
        number += 1
    await asyncio.gather(*tasks)
    answers.seconds = seconds
    return answers
