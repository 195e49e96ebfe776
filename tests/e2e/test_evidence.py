"""Goal: what the service tells of itself is true and usable as it is: a real Prometheus scrapes it
and evaluates the alert rules, the request log's stages add up, and no trouble with the log's file
stops an answer. Everything is counted again here, from what the clients got."""

import contextlib
import json
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import time
import urllib.parse
import urllib.request

import pytest
from made_pictures import encoded, scene
from program import BINARY, ROOT, read_lines
from rest_client import Serving, at_once
from running_site import RunningSite, synthetic

FIELDS = """ts request_id model source camera input_w input_h bucket priority batch_id batch_size
    batch_max close_reason chunks oom_retries queue_ms decode_ms preprocess_ms inference_ms
    postprocess_ms total_ms pad_waste lane device device_util memory_used_mb memory_peak_mb
    memory_limit_mb fragmentation h2d_bytes status error_code detections truncated""".split()
STAGES = ["queue_ms", "decode_ms", "preprocess_ms", "inference_ms", "postprocess_ms"]
ALERTS = ROOT / "deploy/alerts.yml"


class Watched(Serving):
    """The service with its metrics, and mostly with a request log."""

    def __init__(self, *arguments):
        super().__init__()
        self.arguments = [BINARY, "serve", "--http", "127.0.0.1:0", "--grpc", "",
                          "--metrics", "127.0.0.1:0", *arguments]

    def __enter__(self):
        super().__enter__()
        self.metrics_url = re.search(r"http://\S+/metrics", "".join(self.lines)).group()
        return self

    def metrics(self):
        with urllib.request.urlopen(self.metrics_url, timeout=30) as response:
            assert response.headers["Content-Type"].startswith("text/plain; version=0.0.4")
            return response.read().decode()

    def value(self, name, **labels):
        """The sum of the series of a name that have these labels."""
        return sum(value for got, value in series(self.metrics(), name)
                   if labels.items() <= got.items())

    def detect(self, picture, status=200):
        answer = self.post("/v1/detect", picture)
        assert answer.status == status, answer
        return answer


def series(text, name):
    for line in text.splitlines():
        match = re.match(r"([a-zA-Z_:]\w*)(?:\{(.*)\})? (\S+)$", line)
        if match and match.group(1) == name:
            labels = dict(re.findall(r'(\w+)="((?:[^"\\]|\\.)*)"', match.group(2) or ""))
            yield labels, float(match.group(3))


def families(text):
    return {line.split()[2]: line.split()[3]
            for line in text.splitlines() if line.startswith("# TYPE ")}


def wait_until(true, seconds, what):
    deadline = time.monotonic() + seconds
    while not (result := true()):
        assert time.monotonic() < deadline, f"not within {seconds} s: {what}"
        time.sleep(0.05)
    return result


def free_port():
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        return sock.getsockname()[1]


def tool(name):
    path = shutil.which(name)
    if path is None:
        pytest.fail(f"no {name}; scripts/setup installs Debian's prometheus, which has it")
    return path


@pytest.fixture(scope="module")
def picture():
    return encoded(scene(640, 480), "JPEG")


@pytest.fixture(scope="module")
def traffic(shoal_bin, picture, tmp_path_factory):
    """A service that has answered 40 pictures, eight at a time, and five that are none."""
    log = tmp_path_factory.mktemp("evidence") / "requests.jsonl"
    with Watched("--request-log", log) as service:
        for _ in range(5):
            at_once([lambda: service.detect(picture)] * 8)
        answers = at_once([lambda: service.post("/v1/detect", b"\xff\xd8 no picture")] * 5)
        assert all(400 <= answer.status < 500 for answer in answers), answers
        wait_until(lambda: len(log.read_text().splitlines()) >= 45, 20, "the log's lines")
        yield service, read_lines(log)


def test_every_request_has_its_line_with_the_fields_of_the_page(traffic):
    _, lines = traffic
    assert len(lines) == 45
    for line in lines:
        assert list(line) == FIELDS
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", line["ts"])
        assert line["source"].startswith("127.0.0.1")
        assert 0 < line["memory_used_mb"] <= line["memory_peak_mb"] < line["memory_limit_mb"]
        assert 0 <= line["device_util"] <= 1 and line["device"] == "cpu"
        assert line["h2d_bytes"] == 0 and line["camera"] is None
    answered = [line for line in lines if line["status"] == "ok"]
    assert len(answered) == 40
    for line in answered:
        assert (line["input_w"], line["input_h"]) == (640, 480)
        assert 1 <= line["batch_size"] <= line["batch_max"] and line["lane"] >= 0
        assert line["close_reason"] and line["bucket"] and line["error_code"] is None
    failed = [line for line in lines if line["status"] == "error"]
    assert len(failed) == 5 and {line["error_code"] for line in failed} <= {
        "corrupt_input", "unsupported"}
    page = (ROOT / "docs/evidence.md").read_text()
    for field in FIELDS:
        assert f"`{field}`" in page, f"docs/evidence.md does not explain {field}"


def test_the_stages_of_a_request_add_up_to_its_total(traffic):
    _, lines = traffic
    answered = [line for line in lines if line["status"] == "ok"]
    sums = [sum(line[stage] for stage in STAGES) for line in answered]
    totals = [line["total_ms"] for line in answered]
    assert sum(sums) == pytest.approx(sum(totals), rel=0.05)
    near = [abs(part - total) <= 0.05 * total for part, total in zip(sums, totals)]
    # A thread that the machine stops between two stages is the machine's, not a stage's.
    assert sum(near) >= 0.9 * len(near), list(zip(sums, totals))
    assert all(min(line[stage] for stage in STAGES) >= 0 for line in answered)


def test_pictures_of_a_batch_are_as_many_as_it_says(traffic):
    _, lines = traffic
    batches = {}
    for line in lines:
        if line["status"] == "ok":
            batches.setdefault((line["model"], line["lane"], line["batch_id"]), []).append(line)
    for batch in batches.values():
        assert {line["batch_size"] for line in batch} == {len(batch)}
    service, _ = traffic
    assert service.value("nv_inference_exec_count") == len(batches)
    assert sum(value for labels, value in series(service.metrics(), "shoal_batches_total")
               ) == len(batches)


def test_the_metrics_count_what_the_log_has(traffic):
    service, lines = traffic
    model = lines[0]["model"]
    answered = [line for line in lines if line["status"] == "ok"]
    assert service.value("nv_inference_request_success", model=model) == 40
    assert service.value("nv_inference_request_failure", model=model, reason="OTHER") == 5
    assert service.value("nv_inference_count", model=model) == 40
    assert service.value("shoal_requests_total", model=model) == 45
    for name, stages in {"request": ["total_ms"], "queue": ["queue_ms"],
                         "compute_input": ["decode_ms", "preprocess_ms"],
                         "compute_infer": ["inference_ms"],
                         "compute_output": ["postprocess_ms"]}.items():
        in_log = 1000 * sum(line[stage] for line in answered for stage in stages)
        counted = service.value(f"nv_inference_{name}_duration_us", model=model)
        assert counted == pytest.approx(in_log, abs=0.6 * len(answered) * len(stages)), name
    assert service.value("shoal_stage_seconds_count", model=model, stage="inference") == 40
    assert service.value("shoal_detections_total", model=model) == sum(
        line["detections"] for line in answered)
    assert service.value("shoal_request_log_lines_total") == 45
    assert service.value("shoal_request_log_dropped_total") == 0
    assert service.value("nv_model_load_duration_secs", model=model) > 0
    assert service.value("process_resident_memory_bytes") > 1 << 20
    assert service.value("shoal_memory_limit_bytes") > service.value("shoal_memory_peak_bytes")


def test_names_conform_but_for_those_that_triton_chose(traffic):
    service, _ = traffic
    checked = subprocess.run([tool("promtool"), "check", "metrics"], input=service.metrics(),
                             capture_output=True, text=True, timeout=60)
    complaints = (checked.stdout + checked.stderr).splitlines()
    assert complaints, "promtool knows that Triton's counters have no _total"
    assert [line for line in complaints if not line.startswith("nv_")] == []
    assert "error while linting" not in checked.stdout + checked.stderr


def test_the_page_explains_every_metric(traffic):
    service, _ = traffic
    page = (ROOT / "docs/evidence.md").read_text()
    summaries = {f"nv_inference_{what}_summary_us" for what in (
        "request", "queue", "compute_input", "compute_infer", "compute_output")}
    missing = [name for name in families(service.metrics())
               if f"`{name}`" not in page and name not in summaries]
    assert missing == []


def test_the_alert_rules_are_sound_and_each_has_a_test():
    for arguments in (["check", "rules", ALERTS],
                      ["test", "rules", ALERTS.parent / "alerts_test.yml"]):
        done = subprocess.run([tool("promtool"), *map(str, arguments)], capture_output=True,
                              text=True, timeout=120)
        assert done.returncode == 0, done.stdout + done.stderr
    names = re.findall(r"- alert: (\w+)", ALERTS.read_text())
    tests = (ALERTS.parent / "alerts_test.yml").read_text()
    assert len(names) >= 8 and [name for name in names if name not in tests] == []


def metric_names(text):
    return set(families(text)) | {line.split("{")[0].split()[0]
                                  for line in text.splitlines() if not line.startswith("#")}


def test_alert_rules_use_metrics_that_there_are(traffic, tmp_path):
    service, _ = traffic
    exported = metric_names(service.metrics())
    unreachable = {"type": "mqtt", "url": "mqtt://127.0.0.1:9"}
    with RunningSite(tmp_path, [synthetic("a", 1)], sinks=[unreachable]) as site:
        site.wait_for_frames("a", 1)
        # The unreachable sink and the camera appear with the next sample of the gauges.
        exported |= metric_names(site.wait_until(
            lambda: text if "shoal_camera_age_seconds" in (text := site.metrics()) else None,
            "the camera's metrics"))
    expressions = re.sub(r"#.*", "", ALERTS.read_text())
    used = set(re.findall(r"\b(?:nv|shoal|process)_\w+", re.sub(r"(action|summary):.*", "",
                                                               expressions)))
    assert len(used) > 10
    assert used - exported == set()


@contextlib.contextmanager
def prometheus(folder, target):
    """A Prometheus that scrapes the target every second; ended by its process id."""
    port = free_port()
    shutil.copy(ALERTS, folder / "alerts.yml")
    (folder / "prometheus.yml").write_text(json.dumps({
        "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
        "rule_files": ["alerts.yml"],
        "scrape_configs": [{"job_name": "shoal", "static_configs": [{"targets": [target]}]}]}))
    with open(folder / "prometheus.log", "w") as log:
        process = subprocess.Popen(
            [tool("prometheus"), f"--config.file={folder}/prometheus.yml",
             f"--storage.tsdb.path={folder}/data", f"--web.listen-address=127.0.0.1:{port}"],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    try:
        yield lambda path: prometheus_get(port, path)
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def prometheus_get(port, path):
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as response:
            return json.load(response)["data"]
    except OSError:
        return None  # not up yet


def test_a_prometheus_scrapes_it_and_evaluates_the_rules(traffic, tmp_path):
    service, _ = traffic
    target = urllib.parse.urlparse(service.metrics_url).netloc
    with prometheus(tmp_path, target) as get:
        def query(expression):
            data = get("/api/v1/query?query=" + urllib.parse.quote(expression))
            return [float(one["value"][1]) for one in data["result"]] if data else []

        wait_until(lambda: query('up{job="shoal"} == 1'), 60, "a scrape that succeeds")
        assert query("sum(nv_inference_request_success)") == [40]
        mean_batch, = query("sum(nv_inference_count) / sum(nv_inference_exec_count)")
        assert mean_batch >= 1
        p99, = query("histogram_quantile(0.99, sum by (le) "
                          "(shoal_stage_seconds_bucket{stage='total'}))")
        assert p99 > 0
        rules = wait_until(lambda: [
            rule for group in (get("/api/v1/rules") or {"groups": []})["groups"]
            for rule in group["rules"] if rule["health"] != "unknown"], 60, "evaluated rules")
        assert len(rules) == ALERTS.read_text().count("- alert:")
        assert [rule for rule in rules if rule["health"] != "ok"] == []
        assert [rule["name"] for rule in rules if rule["name"] == "ShoalDown"
                and rule["state"] != "inactive"] == []


def test_after_sighup_the_log_is_a_new_file(shoal_bin, picture, tmp_path):
    log = tmp_path / "requests.jsonl"
    with Watched("--request-log", log) as service:
        service.detect(picture)
        wait_until(lambda: log.exists() and log.read_text(), 20, "the first line")
        moved = log.rename(tmp_path / "moved.jsonl")
        service.process.send_signal(signal.SIGHUP)
        wait_until(lambda: any("done" in line for line in service.lines), 60, "the reload")
        service.detect(picture)
        wait_until(lambda: log.exists() and log.read_text(), 20, "a line in the new file")
    assert len(read_lines(moved)) == 1
    assert len(read_lines(log)) == 1


@pytest.mark.parametrize("path, why", [("/dev/full", "No space left on device"),
                                       ("/proc/no/such/requests.jsonl", "No such file")])
def test_a_log_that_cannot_be_written_is_said_once_and_stops_nothing(shoal_bin, picture, path, why):
    with Watched("--request-log", path) as service:
        for _ in range(3):
            service.detect(picture)
        wait_until(lambda: service.value("shoal_request_log_dropped_total", reason="file") == 3, 20,
                   "the lost lines' count")
        assert service.value("nv_inference_request_success") == 3
    said = [line for line in service.lines if str(path) in line]
    assert len(said) == 1 and why in said[0], service.lines


def test_the_log_is_whole_after_sigterm(shoal_bin, picture, tmp_path):
    log = tmp_path / "deep" / "requests.jsonl"
    with Watched("--request-log", log) as service:
        at_once([lambda: service.detect(picture)] * 6)
    assert [line["status"] for line in read_lines(log)] == ["ok"] * 6


def test_the_trace_of_the_last_requests_is_one_that_viewers_open(traffic):
    """The rules of the Trace Event Format that viewers rely on, and our tracks."""
    service, lines = traffic
    url = service.metrics_url.replace("/metrics", "/trace")
    with urllib.request.urlopen(url, timeout=30) as response:
        assert response.headers["Content-Type"] == "application/json"
        trace = json.load(response)
    events = trace["traceEvents"]
    assert trace["otherData"] == {"requests": 45, "missed": 0}
    assert {event["ph"] for event in events} == {"M", "X", "b", "e", "C"}
    tracks = {event["args"]["name"] for event in events if event["ph"] == "M"}
    assert {"queue", "lane 0"} < tracks and any(name.startswith("model ") for name in tracks)
    begins = [(e["cat"], e["id"], e["pid"]) for e in events if e["ph"] == "b"]
    ends = [(e["cat"], e["id"], e["pid"]) for e in events if e["ph"] == "e"]
    assert len(set(begins)) == len(begins) and sorted(begins) == sorted(ends)
    answered = [line for line in lines if line["status"] == "ok"]
    slices = [event for event in events if event["ph"] == "X"]
    for name, stage in {"inference": "inference_ms", "postprocess": "postprocess_ms"}.items():
        drawn = sorted(event["dur"] / 1000 for event in slices if event["name"] == name)
        batches = {(line["lane"], line["batch_id"]): line[stage] for line in answered}
        assert drawn == pytest.approx(sorted(batches.values()), abs=0.002)
    for track in {(event["pid"], event["tid"]) for event in slices}:
        lane = sorted((e["ts"], e["ts"] + e["dur"]) for e in slices
                      if (e["pid"], e["tid"]) == track and e["name"].startswith("batch"))
        assert all(end <= start + 0.01 for (_, end), (start, _) in zip(lane, lane[1:])), lane


def summarise_triton(path):
    """Reads a trace file as Triton's own summary does: objects of one id belong together."""
    traces = {}
    for one in json.loads(pathlib.Path(path).read_text()):
        trace = traces.setdefault(one["id"], {"times": {}})
        trace.update({key: one[key] for key in ("model_name", "model_version") if key in one})
        trace["times"].update({stamp["name"]: stamp["ns"] for stamp in one.get("timestamps", [])})
    return traces


def test_a_client_turns_tritons_trace_on_and_reads_its_file(shoal_bin, picture, tmp_path):
    file = tmp_path / "trace.json"
    with Watched("--service.trace_file", file) as service:
        service.detect(picture)
        answer = service.post_json("/v2/trace/setting", {
            "trace_level": ["TIMESTAMPS"], "trace_rate": "2", "trace_count": "3"})
        assert answer.status == 200 and answer.json["trace_rate"] == "2", answer
        for _ in range(10):
            service.detect(picture)
        assert service.get("/v2/trace/setting").json["trace_count"] == "0"
        refused = service.post_json("/v2/trace/setting", {"trace_file": str(tmp_path / "else")})
        assert refused.status == 400, refused
    traces = summarise_triton(file)
    assert len(traces) == 3
    order = ["HTTP_RECV_START", "REQUEST_START", "QUEUE_START", "COMPUTE_START",
             "COMPUTE_INPUT_END", "COMPUTE_OUTPUT_START", "COMPUTE_END", "REQUEST_END"]
    for trace in traces.values():
        assert trace["model_name"] and trace["model_version"] == 1
        assert [name for name in order if name not in trace["times"]] == []
        times = [trace["times"][name] for name in order]
        assert times == sorted(times), trace
        assert times[-1] - times[0] < 60e9
