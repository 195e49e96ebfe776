"""The real program: where it is, where the test data is, and how it is run with a time limit."""

import json
import os
import pathlib
import signal
import subprocess
import threading
import time

import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent
ZOO = pathlib.Path(os.environ.get("SHOAL_ZOO", ROOT / "../shared/zoo")).resolve()
BINARY = pathlib.Path(os.environ.get("SHOAL_BIN", ROOT / "build/release/shoal")).resolve()
BUILD = BINARY.parent
NEEDS_BF16 = pytest.mark.skipif("avx512_bf16" not in pathlib.Path("/proc/cpuinfo").read_text(),
                                reason="bf16 needs a CPU with AVX512_BF16")


def run_tool(command, timeout=300, **options):
    """Runs any program to its end, which has to be success; its output as text."""
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True,
                          timeout=timeout, **options)
    assert done.returncode == 0, (f"{' '.join(map(str, command))}\n-> {done.returncode}\n"
                                  f"{done.stdout[-2000:]}\n{done.stderr[-2000:]}")
    return done


class Finished:
    """What a run of the program left behind."""

    def __init__(self, arguments, status, out, err, seconds, peak_kib):
        self.arguments, self.status, self.out, self.err = arguments, status, out, err
        self.seconds, self.peak_kib = seconds, peak_kib

    def __repr__(self):
        return (f"shoal {' '.join(map(str, self.arguments))}\n-> {self.status} after "
                f"{self.seconds:.1f} s\nstdout: {self.out[-1500:]}\nstderr: {self.err[-3000:]}")


def peak_memory(pid):
    """VmHWM of a process in KiB; 0 once it is gone."""
    try:
        with open(f"/proc/{pid}/status") as status:
            return next((int(line.split()[1]) for line in status if line.startswith("VmHWM")), 0)
    except (OSError, ValueError):
        return 0


class Running:
    """The program while it runs. Its output is read by threads, so that no pipe fills up."""

    def __init__(self, arguments, cwd=None, env=None):
        self.arguments = [str(a) for a in arguments]
        self.started = time.monotonic()
        self.process = subprocess.Popen([str(BINARY), *self.arguments], cwd=cwd, env=env,
                                        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE)
        self.texts = {}
        self.threads = [threading.Thread(target=self._read, args=item, daemon=True)
                        for item in (("out", self.process.stdout), ("err", self.process.stderr))]
        for thread in self.threads:
            thread.start()
        self.peak_kib = 0

    def _read(self, name, stream):
        self.texts[name] = stream.read().decode("utf-8", "replace")

    def interrupt(self):
        self.process.send_signal(signal.SIGINT)

    def wait(self, timeout):
        deadline = self.started + timeout
        while self.process.poll() is None:
            self.peak_kib = max(self.peak_kib, peak_memory(self.process.pid))
            if time.monotonic() > deadline:
                self.process.kill()
                self.process.wait()
                for thread in self.threads:
                    thread.join(5)
                pytest.fail(f"not finished after {timeout} s: shoal {' '.join(self.arguments)}\n"
                            f"stderr: {self.texts.get('err', '')[-2000:]}")
            time.sleep(0.01)
        for thread in self.threads:
            thread.join(5)
        return Finished(self.arguments, self.process.returncode, self.texts.get("out", ""),
                        self.texts.get("err", ""), time.monotonic() - self.started, self.peak_kib)


class Shoal:
    """Runs the program with a time limit."""

    def start(self, *arguments, **options):
        return Running(arguments, **options)

    def __call__(self, *arguments, timeout=60, **options):
        return Running(arguments, **options).wait(timeout)

    def detect(self, output, *arguments, status=0, timeout=60):
        """Runs `detect --json output`; the parsed lines. Fails unless the status is `status`."""
        run = self("detect", *arguments, "--json", output, timeout=timeout)
        assert run.status == status, run
        return read_lines(output)


def read_lines(path):
    return [json.loads(line) for line in pathlib.Path(path).read_text().splitlines()]
