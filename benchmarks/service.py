"""The service under load, with the network-only ceiling taken beside every run, and its peers with
the same client: prints a Markdown report.

  service.py [--model yolo11n_640_dq8] [--seconds 12] [--concurrency 1,8,32,256]
             [--parts http,grpc,overload,peers] [--peers VENV/bin/python] [--output FILE]

The pictures are the 128 JPEGs of coco256 val, sent in turn over loopback by this process. Peers run
the work of peer_service.py, in a Python that has fastapi, litserve and ray. The machine should do
nothing else.
"""

import argparse
import asyncio
import contextlib
import datetime
import json
import os
import pathlib
import signal
import socket
import statistics
import subprocess
import tempfile
import time
import urllib.request

import load_client
from report import say, table

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent
PARTS = ["http", "grpc", "overload", "peers"]


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def tree_memory_mb(pid):
    """Proportional memory of a process and its children: shared pages count once."""
    total, todo = 0, [pid]
    while todo:
        one = todo.pop()
        with contextlib.suppress(OSError):
            for line in pathlib.Path(f"/proc/{one}/smaps_rollup").read_text().splitlines():
                if line.startswith("Pss:"):
                    total += int(line.split()[1])
            for task in pathlib.Path(f"/proc/{one}/task").iterdir():
                todo += [int(child) for child in (task / "children").read_text().split()]
    return total / 1024


class Server:
    """A child process that serves, ended with the block."""

    def __init__(self, command, port, ready_path, patience=90):
        self.log = tempfile.TemporaryFile()
        self.process = subprocess.Popen([str(word) for word in command], stdout=self.log,
                                        stderr=self.log, start_new_session=True)
        self.port = port
        end = time.monotonic() + patience
        while True:
            with contextlib.suppress(OSError):
                request = urllib.request.Request(f"http://127.0.0.1:{port}{ready_path}")
                with contextlib.suppress(urllib.error.HTTPError):
                    urllib.request.urlopen(request, timeout=2)
                return
            if self.process.poll() is not None or time.monotonic() > end:
                self.log.seek(0)
                raise SystemExit(f"{command[0]} does not serve: {self.log.read()[-500:]}")
            time.sleep(0.3)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGTERM)
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()

    def memory_mb(self):
        return tree_memory_mb(self.process.pid)


class Report:
    def __init__(self, arguments):
        self.arguments = arguments
        folder = arguments.zoo / "datasets/coco256/images/val2017"
        self.pictures = [path.read_bytes() for path in sorted(folder.glob("*.jpg"))]
        self.model = arguments.zoo / "models" / f"{arguments.model}.onnx"
        self.precision = "auto"  # what that comes to here: of the last ceiling()

    def ceiling(self):
        text = subprocess.run(
            [self.arguments.shoal, "bench", "-m", self.model, "--from", "device", "--batch",
             "1,8", "--seconds", "3", "--json", "-"],
            capture_output=True, text=True, check=True, timeout=120).stdout
        report = json.loads(text)
        self.precision = report["precision"]
        return max(run["images_per_second"] for run in report["runs"])

    def shoal(self, *options):
        http, grpc = free_port(), free_port()
        server = Server([self.arguments.shoal, "serve", "-m", f"net={self.model}",
                         "--http", f"127.0.0.1:{http}", "--grpc", f"127.0.0.1:{grpc}",
                         "--metrics", "", "--scheduler.timeout_ms", "60000", *options], http,
                        "/v2/health/ready")
        server.grpc = grpc
        # Listening comes before loading.
        end = time.monotonic() + 60
        while time.monotonic() < end:
            with contextlib.suppress(OSError):
                urllib.request.urlopen(f"http://127.0.0.1:{http}/v2/health/ready", timeout=2)
                return server
            time.sleep(0.3)
        raise SystemExit("shoal serve does not become ready")

    def rows(self, name, server, make_door, concurrencies):
        rows = []
        for concurrency in concurrencies:
            before = self.ceiling()

            async def load():
                return await load_client.closed_loop(make_door(), self.pictures, concurrency,
                                                     self.arguments.seconds)

            answers = asyncio.run(load())
            ceiling = statistics.mean([before, self.ceiling()])
            p50, p99 = answers.quantile_ms(0.5), answers.quantile_ms(0.99)
            rows.append([name, concurrency, f"{answers.rate():.1f}", f"{p50:.1f}", f"{p99:.1f}",
                         f"{p99 / p50:.2f}" if p50 else "-", f"{answers.added_ms():.2f}",
                         f"{ceiling:.1f}", f"{answers.rate() / ceiling:.2f}",
                         f"{server.memory_mb():.0f}", len(answers.refused()), answers.failed()])
            say("  " + " ".join(str(cell) for cell in rows[-1]))
        return rows

    HEAD = ["door", "clients", "req/s", "p50 ms", "p99 ms", "p99/p50", "added ms", "ceiling",
            "ratio", "PSS MiB", "refused", "failed"]

    def doors(self):
        rows = []
        with self.shoal() as server:
            if "http" in self.arguments.parts:
                rows += self.rows("HTTP", server,
                                  lambda: load_client.HttpDoor(server.port, "/v1/detect"),
                                  self.arguments.concurrency)
            if "grpc" in self.arguments.parts:
                rows += self.rows("gRPC", server,
                                  lambda: load_client.GrpcDoor(server.grpc, "net_boxes"),
                                  self.arguments.concurrency)
        return "## Closed loop\n\n" + table(self.HEAD, rows)

    def overload(self):
        rows = []
        with self.shoal("--scheduler.timeout_ms", "1000") as server:
            for factor in (0.7, 1.0, 2.0):
                ceiling = self.ceiling()

                async def load():
                    door = load_client.HttpDoor(server.port, "/v1/detect")
                    # A service learns in the first seconds of a load what its lanes can do.
                    for seconds in (5, self.arguments.seconds):
                        answers = await load_client.open_loop(door, self.pictures,
                                                              factor * ceiling, seconds)
                    return answers

                answers = asyncio.run(load())
                refused = answers.refused()
                rows.append([f"{factor:.1f}", f"{factor * ceiling:.1f}", f"{answers.rate():.1f}",
                             f"{answers.quantile_ms(0.5):.0f}", f"{answers.quantile_ms(0.99):.0f}",
                             len(refused), f"{answers.quantile_ms(0.99, refused):.1f}",
                             answers.failed(), f"{server.memory_mb():.0f}"])
                say("  " + " ".join(str(cell) for cell in rows[-1]))
        return ("## Open loop\n\nPoisson arrivals at a multiple of the network-only ceiling, "
                "timeout_ms = 1000; after 5 s of the same load.\n\n" + table(
                    ["load", "arrivals/s", "answered/s", "p50 ms", "p99 ms", "refused",
                     "p99 of refusals ms", "failed", "PSS MiB"], rows))

    def peers(self):
        rows = []
        for stack in ("fastapi", "litserve", "ray"):
            port = free_port()
            command = [self.arguments.peers, HERE / "peer_service.py", stack, self.model,
                       "--port", port]
            try:
                with Server(command, port, "/openapi.json") as server:
                    # Starting processes answer before their model is loaded.
                    time.sleep(8)
                    rows += self.rows(
                        stack, server, lambda: load_client.HttpDoor(port, "/detect"),
                        [count for count in self.arguments.concurrency if count <= 32])
            except SystemExit as failure:
                rows.append([stack, str(failure)] + [""] * (len(self.HEAD) - 2))
        return "## Peers\n\n" + table(self.HEAD, rows)


def words(text):
    return [word for word in text.split(",") if word]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--shoal", type=pathlib.Path, default=ROOT / "build/release/shoal")
    parser.add_argument("--zoo", type=pathlib.Path,
                        default=pathlib.Path(os.environ.get("SHOAL_ZOO", ROOT / "../shared/zoo")))
    parser.add_argument("--model", default="yolo11n_640_dq8")
    parser.add_argument("--seconds", type=float, default=12)
    parser.add_argument("--concurrency", type=lambda text: [int(word) for word in words(text)],
                        default=[1, 8, 32, 256])
    parser.add_argument("--parts", type=words, default=PARTS)
    parser.add_argument("--peers", type=pathlib.Path)
    parser.add_argument("--output", type=pathlib.Path)
    arguments = parser.parse_args()
    if unknown := set(arguments.parts) - set(PARTS):
        parser.error(f"unknown parts {', '.join(unknown)}; there are {', '.join(PARTS)}")
    report = Report(arguments)
    sections = []
    if {"http", "grpc"} & set(arguments.parts):
        sections.append(report.doors())
    if "overload" in arguments.parts:
        sections.append(report.overload())
    if "peers" in arguments.parts and arguments.peers:
        sections.append(report.peers())
    head = (f"# The service under load\n\n{arguments.model}, {report.precision}, JPEG files; "
            f"{os.cpu_count()} cores; {datetime.date.today()}; {arguments.seconds:.0f} s a row.\n"
            "`added` is the median of what the client waited beyond the service's own total; "
            "`ratio` is req/s over\nthe network-only rate measured directly before and after.\n")
    text = "\n".join([head, *sections])
    print(text)
    if arguments.output:
        arguments.output.write_text(text)


if __name__ == "__main__":
    main()
