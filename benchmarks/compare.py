"""Shoal and its peers in one run, alternating, medians: prints a Markdown report.

  compare.py [--parts network,files,micro] [--models yolo11n_640_dq8,...] [--precisions fp32,bf16]
             [--seconds 8] [--rounds 3] [--output docs/benchmarks/cpu.md]
             [--ultralytics VENV/bin/python]

network  the network alone: `shoal bench --from device` against OpenVINO's benchmark_app (its best
         of several settings) and ONNX Runtime (its best of two settings)
files    JPEG files to boxes: `shoal detect` against the network-only rate of the same minutes and
         against Ultralytics, where --ultralytics names a Python that has it
micro    letterbox and suppression, from the google-benchmark programs

Every candidate is measured once a round, in turn, so that a drifting clock hits all alike. The
machine should do nothing else.
"""

import argparse
import datetime
import json
import os
import pathlib
import platform
import re
import statistics
import subprocess
import sys
import tempfile

from report import table

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent
MODELS = ["yolov5n_640_fp32", "yolov8n_640_dq8", "yolo11n_640_dq8", "yolov10n_640_dq8",
          "yolo26n_640_dq8", "yolox_nano_416_fp32", "nanodet_m_320_fp32", "picodet_s_320_fp32"]
# Exports that Ultralytics itself can run.
ULTRALYTICS_MODELS = ["yolov8n_640_dq8", "yolo11n_640_dq8", "yolov10n_640_dq8", "yolo26n_640_dq8"]
# By precision: on CPUs with bf16 its OpenVINO backend computes in bf16 unless told otherwise.
ULTRALYTICS_FORM = {"fp32": "onnx", "bf16": "openvino"}
OPENVINO_PRECISION = {"fp32": "f32", "bf16": "bf16"}
SHOAL_BATCHES = "1,8"


class Failed(Exception):
    pass


def run(command, timeout, env=None):
    """Standard output of a command, or Failed with its last words."""
    command = [str(word) for word in command]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=timeout, env=env)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Failed(f"{command[0]}: {error}") from error
    if done.returncode != 0:
        words = (done.stderr or done.stdout).strip().splitlines() or ["no message"]
        raise Failed(f"{pathlib.Path(command[0]).name} ended with {done.returncode}: {words[-1]}")
    return done.stdout


def size_of(model):
    return int(re.search(r"_(\d{3})_", model).group(1))


class Bench:
    def __init__(self, arguments):
        self.arguments = arguments
        self.models = arguments.zoo / "models"
        self.python = arguments.python
        self.seconds, self.rounds = arguments.seconds, arguments.rounds
        self.failures = []

    def median(self, candidates):
        """{name: median of the rounds}; all candidates take turns. A failing one is left out."""
        rates = {name: [] for name in candidates}
        for _ in range(self.rounds):
            for name, measure in candidates.items():
                if rates[name] is None:
                    continue
                try:
                    rates[name].append(measure())
                except Failed as failure:
                    self.failures.append(f"{name}: {failure}")
                    rates[name] = None
                    continue
                print(f"  {name:<44} {rates[name][-1]:8.1f} images/s", file=sys.stderr, flush=True)
        return {name: statistics.median(values) for name, values in rates.items() if values}

    # -- the network alone --

    def shoal_network(self, model, precision):
        text = run([self.arguments.shoal, "bench", "-m", self.models / f"{model}.onnx",
                    "--from", "device", "--precision", precision, "--batch", SHOAL_BATCHES,
                    "--seconds", self.seconds, "--json", "-"], 60 + 4 * self.seconds)
        return max(entry["images_per_second"] for entry in json.loads(text)["runs"])

    def benchmark_app(self, model, precision, settings):
        app = self.python.parent / "benchmark_app"
        size = size_of(model)
        shape = f"[{settings.get('batch', 1)},3,{size},{size}]"
        command = [self.python, app, "-m", self.models / f"{model}.onnx", "-d", "CPU", "-shape",
                   shape, "-ip", "u8", "-t", round(self.seconds), "-infer_precision",
                   OPENVINO_PRECISION[precision], "-inference_only"]
        for name in ("hint", "nstreams", "nireq", "nthreads"):
            if name in settings:
                command += [f"-{name}", settings[name]]
        text = run(command, 120 + 2 * self.seconds)
        return float(re.search(r"Throughput:\s*([\d.]+) FPS", text).group(1))

    def onnx_runtime(self, model, sessions, threads):
        text = run([self.python, HERE / "onnx_runtime_rate.py", self.models / f"{model}.onnx",
                    "--sessions", sessions, "--threads", threads, "--seconds", self.seconds],
                   120 + 2 * self.seconds)
        return float(text)

    def network(self):
        cores = os.cpu_count()
        apps = {"hint throughput": {"hint": "throughput"},
                "hint throughput, batch 8": {"hint": "throughput", "batch": 8},
                f"{cores} streams, {cores} requests": {
                    "hint": "none", "nstreams": cores, "nireq": cores, "nthreads": cores},
                f"{cores} streams, {2 * cores} requests": {
                    "hint": "none", "nstreams": cores, "nireq": 2 * cores, "nthreads": cores}}
        rows = []
        for model in self.arguments.models:
            for precision in self.arguments.precisions:
                print(f"network {model} {precision}", file=sys.stderr)
                candidates = {"shoal": lambda: self.shoal_network(model, precision)}
                for name, settings in apps.items():
                    candidates[f"benchmark_app {name}"] = (
                        lambda settings=settings: self.benchmark_app(model, precision, settings))
                if precision == "fp32":
                    candidates["ort one session"] = lambda: self.onnx_runtime(model, 1, cores)
                    candidates["ort session a core"] = lambda: self.onnx_runtime(model, cores, 1)
                rates = self.median(candidates)
                rows.append(self.network_row(model, precision, rates))
        return ("## Network only\n\nImages a second; u8 input tensors, no pictures. "
                "benchmark_app: the best of its settings, named.\n\n" + table(
                    ["model", "precision", "Shoal", "benchmark_app", "setting", "ONNX Runtime",
                     "Shoal / benchmark_app"], rows))

    @staticmethod
    def network_row(model, precision, rates):
        def best(prefix):
            return max(((rate, name[len(prefix):].strip()) for name, rate in rates.items()
                        if name.startswith(prefix)), default=(None, ""))

        app, setting = best("benchmark_app")
        ort, _ = best("ort")
        shoal = rates.get("shoal")
        ratio = f"{shoal / app:.3f}" if shoal and app else "-"
        return [model, precision, number(shoal), number(app), setting, number(ort), ratio]

    # -- files to boxes --

    def shoal_files(self, model, precision, listing):
        text = run([self.arguments.shoal, "detect", "-m", self.models / f"{model}.onnx",
                    "--precision", precision, "--json", os.devnull, "--summary", "-", "--quiet",
                    listing], 120 + 6 * self.seconds)
        summary = json.loads(text)
        return summary["pictures"] / summary["seconds"]

    def ultralytics(self, model, listing, form, folder):
        text = run([self.arguments.ultralytics, HERE / "ultralytics_rate.py",
                    self.models / f"{model}.onnx", "--list", listing, "--form", form, "--folder",
                    folder, "--seconds", self.seconds], 240 + 4 * self.seconds)
        return float(text.strip().splitlines()[-1])

    def listing(self, folder, rate):
        """The val pictures, repeated until they last about --seconds at `rate`."""
        pictures = sorted((self.arguments.zoo / "datasets/coco256/images/val2017").glob("*.jpg"))
        count = max(len(pictures), int(rate * self.seconds))
        lines = [str(pictures[i % len(pictures)]) for i in range(count)]
        path = pathlib.Path(folder) / f"{count}.txt"
        path.write_text("\n".join(lines) + "\n")
        return path

    def files(self):
        rows = []
        with tempfile.TemporaryDirectory() as folder:
            for model in self.arguments.models:
                for precision in self.arguments.precisions:
                    print(f"files {model} {precision}", file=sys.stderr)
                    rows.append(self.files_row(model, precision, folder))
        note = ("" if self.arguments.ultralytics else
                "Ultralytics was not measured: no --ultralytics was given.\n\n")
        return ("## JPEG files to boxes\n\nImages a second over the coco256 val pictures "
                "(640x480 and the like), conf 0.25; decoding, letterbox, network, suppression and "
                "output included. Ultralytics runs ONNX Runtime in the fp32 rows and OpenVINO, "
                "which takes bf16 by itself, in the bf16 rows.\n\n" + note + table(
                    ["model", "precision", "Shoal", "own network-only", "share", "Ultralytics",
                     "Shoal / Ultralytics"], rows))

    def files_row(self, model, precision, folder):
        try:
            listing = self.listing(folder, self.shoal_network(model, precision))
        except Failed as failure:
            self.failures.append(f"files {model} {precision}: {failure}")
            return [model, precision] + ["-"] * 5
        candidates = {"files": lambda: self.shoal_files(model, precision, listing),
                      "network": lambda: self.shoal_network(model, precision)}
        form = ULTRALYTICS_FORM.get(precision)
        if self.arguments.ultralytics and model in ULTRALYTICS_MODELS and form:
            candidates["ultralytics"] = lambda: self.ultralytics(model, listing, form, folder)
        rates = self.median(candidates)
        files, network = rates.get("files"), rates.get("network")
        share = f"{files / network:.3f}" if files and network else "-"
        peer = rates.get("ultralytics")
        return [model, precision, number(files), number(network), share, number(peer),
                f"{files / peer:.2f}" if files and peer else "-"]

    # -- single steps --

    def micro(self):
        programs = pathlib.Path(self.arguments.shoal).resolve().parent / "benchmarks"
        rows = []
        for program in ("shoal_preprocess_bench", "shoal_postprocess_bench"):
            print(f"micro {program}", file=sys.stderr)
            try:
                text = run([programs / program, "--benchmark_format=json",
                            f"--benchmark_repetitions={max(3, self.rounds)}",
                            "--benchmark_report_aggregates_only=true"], 900)
            except Failed as failure:
                self.failures.append(str(failure))
                continue
            for entry in json.loads(text)["benchmarks"]:
                if entry.get("aggregate_name") == "median":
                    rows.append([entry["run_name"],
                                 f"{entry['real_time']:.4f} {entry['time_unit']}"])
        return "## Single steps\n\nMedian, one thread.\n\n" + table(["what", "time"], rows)


def number(value):
    return "-" if value is None else f"{value:.1f}"


def first_line(command):
    try:
        return run(command, 60).strip().splitlines()[0]
    except (Failed, IndexError):
        return "unknown"


def machine(arguments):
    info = {}
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        key, _, value = line.partition(":")
        info.setdefault(key.strip(), value.strip())
    flags = info.get("flags", "").split()
    sets = [name for name in ("avx2", "avx512f", "avx512_vnni", "avx512_bf16", "amx_bf16")
            if name in flags]
    memory = int(pathlib.Path("/proc/meminfo").read_text().split()[1]) / 2**20
    versions = run([arguments.python, "-c", "import openvino, onnxruntime as o;"
                    "print('OpenVINO', openvino.__version__.split('-')[0], '/ ONNX Runtime',"
                    " o.__version__)"], 60).strip()
    if arguments.ultralytics:
        versions += " / " + first_line([arguments.ultralytics, "-c",
                                        "import ultralytics as u; print('Ultralytics',"
                                        " u.__version__)"])
    commit = first_line(["git", "-C", ROOT, "rev-parse", "--short", "HEAD"])
    return (f"- machine: {info.get('model name', 'unknown')}, family {info.get('cpu family')} "
            f"model {info.get('model')}, {os.cpu_count()} cores ({', '.join(sets)}), "
            f"{memory:.0f} GiB, {platform.system()} {platform.release()}\n"
            f"- versions: {first_line([arguments.shoal, '--version'])} at {commit} / {versions}\n"
            f"- date: {datetime.date.today().isoformat()}\n"
            f"- method: {arguments.rounds} rounds of {arguments.seconds:g} s for each candidate in "
            "turn, medians\n"
            "- load of the machine before the run: "
            f"{os.getloadavg()[0]:.2f} (other work distorts all figures)\n")


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    words = lambda text: text.split(",")
    parser.add_argument("--parts", type=words, default=["network", "files", "micro"])
    parser.add_argument("--models", type=words, default=MODELS)
    parser.add_argument("--precisions", type=words, default=["fp32", "bf16"])
    parser.add_argument("--seconds", type=float, default=8)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--shoal", default=ROOT / "build/release/shoal")
    parser.add_argument("--python", type=pathlib.Path, default=ROOT / ".venv/bin/python3")
    parser.add_argument("--ultralytics", help="a Python that can import ultralytics")
    parser.add_argument("--zoo", type=pathlib.Path,
                        default=os.environ.get("SHOAL_ZOO", ROOT / "../shared/zoo"))
    parser.add_argument("--output", type=pathlib.Path)
    arguments = parser.parse_args()
    unknown = set(arguments.parts) - {"network", "files", "micro"}
    if unknown:
        parser.error(f"--parts: unknown {', '.join(unknown)}")
    if not (arguments.zoo / "models").is_dir():
        parser.error(f"no models at {arguments.zoo}; set SHOAL_ZOO or --zoo")
    head = "# Measured on the CPU\n\nWritten by `benchmarks/compare.py`.\n\n" + machine(arguments)
    bench = Bench(arguments)
    sections = [getattr(bench, part)() for part in arguments.parts]
    if bench.failures:
        sections.append("## Not measured\n\n" + "".join(f"- {why}\n" for why in bench.failures))
    text = "\n".join([head, *sections])
    print(text)
    if arguments.output:
        arguments.output.parent.mkdir(parents=True, exist_ok=True)
        arguments.output.write_text(text)


if __name__ == "__main__":
    main()
