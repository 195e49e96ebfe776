"""Images a second of ONNX Runtime on one model, batch 1: `sessions` threads with one session each.

  onnx_runtime_rate.py MODEL --sessions 2 --threads 1 --seconds 8
"""

import argparse
import threading
import time

import numpy as np
import onnxruntime


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model")
    parser.add_argument("--sessions", type=int, default=1)
    parser.add_argument("--threads", type=int, default=1, help="of each session")
    parser.add_argument("--seconds", type=float, default=8)
    arguments = parser.parse_args()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = arguments.threads
    options.log_severity_level = 3
    sessions = [onnxruntime.InferenceSession(arguments.model, options,
                                             providers=["CPUExecutionProvider"])
                for _ in range(arguments.sessions)]
    first = sessions[0].get_inputs()[0]
    shape = [side if isinstance(side, int) else 1 for side in first.shape]
    tensor = np.random.default_rng(0).random(shape, dtype=np.float32)
    counts = [0] * len(sessions)
    for session in sessions:
        session.run(None, {first.name: tensor})
    end = time.monotonic() + arguments.seconds

    def work(index):
        while time.monotonic() < end:
            sessions[index].run(None, {first.name: tensor})
            counts[index] += 1

    start = time.monotonic()
    threads = [threading.Thread(target=work, args=(i,)) for i in range(len(sessions))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(sum(counts) / (time.monotonic() - start))


if __name__ == "__main__":
    main()
