"""A site for many minutes: mixed cameras of which some die, freeze, change, lie or flood, cameras
that come and go, and a receiver of alarms that is away now and then. Prints a Markdown report and
exits with 1 if a figure is not flat.

  soak.py [--minutes 30] [--shoal build/release/shoal] [--output docs/benchmarks/soak.md]

Real servers of tests/e2e (gst-rtsp-server, MJPEG over HTTP, garbage, black holes) in processes and
threads beside the site, on the same cores.
"""

import argparse
import collections
import datetime
import os
import pathlib
import random
import signal
import statistics
import sys
import tempfile
import threading
import time

from report import say, table

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "tests/e2e")]

SOON = {"connect_timeout_ms": 2000, "read_timeout_ms": 2000, "retry_min_ms": 200,
        "retry_max_ms": 3000}
STEADY = ("made-1", "made-2", "made-3", "tape", "rtsp", "gated")  # nothing happens to them
GUESTS = 32  # cameras that come and go together
WARM_UP = 20  # seconds that do not count


def quantile(values, share):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0


class Street:
    """The servers behind the cameras, and what goes wrong with them."""

    def __init__(self, stack, folder):
        from rtsp_server import BlackHole, File, GarbageServer, MjpegServer, RtspServer
        from running_site import Boards, frames_of, make_clips
        import cv2
        clips = make_clips(folder, small=Boards(seed=4, gop=20, frames=80),
                           large=Boards(size="640x480", seed=4, gop=10, frames=80))
        self.small, self.large = {"/cam": File(clips["small"])}, {"/cam": File(clips["large"])}
        jpegs = [cv2.imencode(".jpg", frame)[1].tobytes()
                 for frame in frames_of(clips["large"], 480)]
        self.tape = clips["large"]
        self.good = stack.enter_context(RtspServer(self.small))
        self.bad = stack.enter_context(RtspServer(self.small))
        self.lossy = stack.enter_context(RtspServer(self.small, loss=0.01))
        self.web = stack.enter_context(MjpegServer(jpegs, fps=6))
        self.hole = stack.enter_context(BlackHole())
        self.garbage = stack.enter_context(GarbageServer())

    def cameras(self):
        from running_site import synthetic
        rtsp = {"rtsp": self.good.url("/cam"), "faulty": self.bad.url("/cam")}
        return [synthetic("made-1", 4, size="480x360", fps=5),
                synthetic("made-2", 3, size="1280x720", fps=12, fps_max=2),
                synthetic("made-3", 2, size="1920x1080", fps=2, fps_max=1, priority="high"),
                synthetic("gated", 5, size="640x480", fps=4, motion_gate={"enabled": True}),
                {"name": "tape", "url": f"file:{self.tape}", "loop": True, "fps_max": 4},
                *({"name": name, "url": url, "fps_max": 5, **SOON} for name, url in rtsp.items()),
                {"name": "lossy", "url": self.lossy.url("/cam"), "transport": "udp", "fps_max": 5,
                 **SOON},
                {"name": "web", "url": self.web.url("/x"), "fps_max": 3, **SOON},
                {"name": "hole", "url": self.hole.url("/x").replace("tcp:", "rtsp:"), **SOON},
                {"name": "garbage", "url": self.garbage.url("/x").replace("tcp:", "http:"), **SOON},
                synthetic("flood", 6, size="352x288", fps=200, priority="low")]


class Faults(threading.Thread):
    """One thing after the other goes wrong, and is right again some seconds later."""

    def __init__(self, site, street, receiver):
        super().__init__(daemon=True)
        self.site, self.street, self.receiver = site, street, receiver
        self.over = threading.Event()
        self.done = collections.Counter()
        self.failure = None
        self.random = random.Random(1)

    def run(self):
        kinds = [self.kill, self.guests, self.freeze, self.hang_up, self.another_size,
                 self.receiver_away, self.change, self.guests]
        try:
            while not self.over.is_set():
                for kind in kinds:
                    if self.over.wait(3):
                        return
                    kind()
                    self.done[kind.__name__] += 1
        except Exception as failure:  # told in the report: the site is what is looked at
            self.failure = failure

    def kill(self):
        self.street.bad.kill()
        self.over.wait(self.random.uniform(1, 6))
        self.street.bad.restart(self.street.small)

    def another_size(self):
        self.street.bad.restart(self.street.large)

    def freeze(self):
        self.street.bad.pause()
        self.over.wait(self.random.uniform(1, 6))
        self.street.bad.resume()

    def hang_up(self):
        self.street.web.disconnect()

    def receiver_away(self):
        self.receiver.stop()
        self.over.wait(8)
        self.receiver.start()

    def change(self):
        self.site.patch("web", fps_max=self.random.choice([2, 3, 4]))
        self.site.change("POST", "/api/v1/cameras/lossy/pause")
        self.over.wait(2)
        self.site.change("POST", "/api/v1/cameras/lossy/resume")

    def guests(self):
        from running_site import synthetic
        for one in range(GUESTS):
            camera = (synthetic(f"guest-{one}", one, size="160x120", fps=1) if one % 2 else
                      {"name": f"guest-{one}", "url": "rtsp://127.0.0.1:9/x", **SOON})
            self.site.add(camera)
        self.over.wait(2)
        for one in range(GUESTS):
            self.site.remove(f"guest-{one}")


class Soak:
    def __init__(self, site, faults):
        self.site, self.faults = site, faults
        self.samples = []  # (time, (resident, threads, files), cameras)

    def watch(self, seconds):
        begun = time.monotonic()
        while (now := time.monotonic() - begun) < seconds:
            self.samples.append((now, self.site.process_figures(), self.site.cameras()))
            if int(now) // 60 != int(now - 1) // 60:
                resident, threads, files = self.samples[-1][1]
                say(f"  {now / 60:5.1f} min: {resident >> 20} MiB, {threads} threads, "
                    f"{files} files, {dict(self.faults.done)}")
            time.sleep(1)

    def rate(self, name, part):
        """Analysed or carried frames a second, in a part of the samples."""
        (begun, _, first), (ended, _, last) = part[0], part[-1]

        def count(sample):
            return sample[name]["analysed"] + sample[name]["dropped"]["motion"]
        return (count(last) - count(first)) / (ended - begun)

    def camera_rows(self):
        third = len(self.samples) // 3
        rows = []
        for name, status in self.samples[-1][2].items():
            if name.startswith("guest"):
                continue
            ages = [sample[name]["age_ms"] for _, _, sample in self.samples
                    if sample[name]["age_ms"] is not None and sample[name]["state"] == "running"]
            dropped = ", ".join(f"{reason} {count}" for reason, count in status["dropped"].items()
                                if count)
            rows.append([name, status["state"], status["connects"],
                         f"{self.rate(name, self.samples[:third]):.2f}",
                         f"{self.rate(name, self.samples[-third:]):.2f}",
                         f"{quantile(ages, 0.5):.0f}", f"{quantile(ages, 0.99):.0f}",
                         status["errors"], status["alarms"], dropped or "-"])
        return rows

    def checks(self, raised, delivered):
        """(claim, figures, holds)"""
        third = len(self.samples) // 3
        early, late = self.samples[:third], self.samples[-third:]
        resident = [max(figures[0] for _, figures, _ in part) >> 20 for part in (early, late)]
        # Guests have threads while they are there.
        threads, files = ([min(figures[which] for _, figures, _ in part)
                           for part in (early, late)] for which in (1, 2))
        rates = {name: (self.rate(name, early), self.rate(name, late)) for name in STEADY}
        worst = min(rates, key=lambda name: rates[name][1] / rates[name][0])
        last = self.samples[-1][2]
        touched = [name for name in STEADY if last[name]["connects"] != 1]
        return [("memory is flat: most of the last third <= 1.05 x the first + 16 MiB",
                 f"{resident[0]} and {resident[1]} MiB", resident[1] <= resident[0] * 1.05 + 16),
                ("threads and open files come back",
                 f"{threads[0]} and {threads[1]}, {files[0]} and {files[1]}",
                 threads[1] <= threads[0] + 2 and files[1] <= files[0] + 6),
                ("steady cameras keep their rates: last third >= 0.8 x the first",
                 f"worst {worst}: {rates[worst][0]:.2f} and {rates[worst][1]:.2f} a second",
                 rates[worst][1] >= 0.8 * rates[worst][0]),
                ("steady cameras never lost their connection", ", ".join(touched) or "none did",
                 not touched),
                ("the faulty camera came back each time",
                 f"{last['faulty']['connects']} connections, {last['faulty']['state']}",
                 last["faulty"]["connects"] >= self.faults.done["kill"]),
                ("bad cameras gave no frame", f"{last['hole']['decoded']}, "
                 f"{last['garbage']['decoded']}",
                 last["hole"]["decoded"] == last["garbage"]["decoded"] == 0),
                ("every alarm was delivered",
                 f"{len(delivered)} delivered, {len(raised)} in the history, "
                 f"{len(raised - delivered)} of them missing", delivered >= raised > set()),
                ("every fault could be made", str(self.faults.failure or "yes"),
                 self.faults.failure is None)]


def soak(minutes, folder):
    import contextlib

    from brokers import HttpReceiver
    from running_site import RunningSite
    alarms = [{"name": "any", "when": "count >= 1", "cooldown_s": 10,
               "clip_s": {"before": 2, "after": 2}}]
    with contextlib.ExitStack() as stack:
        street = Street(stack, folder)
        receiver = stack.enter_context(HttpReceiver())
        sinks = [{"type": "webhook", "url": receiver.url, "timeout_ms": 2000},
                 {"type": "sqlite", "path": folder / "site.db"}]
        site = RunningSite(folder / "site", street.cameras(), alarms, sinks,
                           site={"recordings_max": "64MiB"})
        with site:
            faults = Faults(site, street, receiver)
            run = Soak(site, faults)
            time.sleep(WARM_UP)
            faults.start()
            run.watch(minutes * 60)
            faults.over.set()
            faults.join(60)
            for camera in site.cameras():
                if camera.startswith("guest"):
                    site.remove(camera)
            for name in site.cameras():  # no more alarms from here on
                site.change("POST", f"/api/v1/cameras/{name}/pause")
            time.sleep(3)
            for _ in range(60):  # the receiver may have been away just now
                if site.sink("webhook")["spooled"] == 0:
                    break
                time.sleep(1)
            told = site.get("/api/v1/status")
            raised = {one["id"] for one in all_alarms(site)}
        delivered = {one["id"] for one in receiver.objects()}
        return report(run, minutes, told, raised, delivered)


def all_alarms(site):
    """Every alarm of the run, page after page; the history is bounded by recordings_max."""
    alarms, before = [], ""
    while page := site.get(f"/api/v1/alarms?count=200{before}")["alarms"]:
        alarms += page
        before = f"&before={page[-1]['id']}"
    return alarms


def report(run, minutes, told, raised, delivered):
    checks = run.checks(raised, delivered)
    third = len(run.samples) // 3
    parts = (run.samples[:third], run.samples[third:-third], run.samples[-third:])
    process = []
    for name, which, scale in (("resident MiB", 0, 1 << 20), ("threads", 1, 1),
                               ("open files", 2, 1)):
        values = [[figures[which] / scale for _, figures, _ in part] for part in parts]
        process.append([name, *(f"{statistics.median(part):.0f}" for part in values),
                        f"{max(map(max, values)):.0f}"])
    faults = ", ".join(f"{name.replace('_', ' ')} {count}" for name, count in
                       run.faults.done.items())
    claims = table(["claim", "figures", "holds"],
                   [[claim, figures, "yes" if holds else "NO"] for claim, figures, holds in checks])
    cameras = table(["camera", "state", "connects", "first", "last", "age p50 ms", "p99", "errors",
                     "alarms", "not analysed"], run.camera_rows())
    sinks = table(["sink", "written", "dropped", "spooled"],
                  [[one["name"], one["written"], one["dropped"], one["spooled"]]
                   for one in told["sinks"]])
    text = f"""# A site for {minutes:g} minutes

By `benchmarks/soak.py` (`make soak`), {datetime.date.today()}: {os.cpu_count()} cores, the built-in
model at 320x256; the servers of the cameras run on the same cores. One thing after the other goes
wrong: {faults} (`guests`: {GUESTS} cameras come and go).

{claims}
## The process

Medians of the first, second and last third.

{table(["", "first", "second", "last", "most"], process)}
## Cameras

Analysed frames a second (with those that the motion gate saved) in the first and the last third;
the age of the newest result while running.

{cameras}
## Sinks

{sinks}"""
    return text, all(holds for _, _, holds in checks)


def main():
    # What was started is stopped, too, where this is told to end.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--shoal", type=pathlib.Path, default=ROOT / "build/release/shoal")
    parser.add_argument("--output", type=pathlib.Path)
    arguments = parser.parse_args()
    os.environ["SHOAL_BIN"] = str(arguments.shoal.resolve())
    with tempfile.TemporaryDirectory(prefix="soak_") as folder:
        text, holds = soak(arguments.minutes, pathlib.Path(folder))
    print(text)
    if arguments.output:
        arguments.output.write_text(text)
    sys.exit(0 if holds else 1)


if __name__ == "__main__":
    main()
