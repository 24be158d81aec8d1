"""What batching costs and gives, without HTTP: beside a bare session, and against its own promises."""

import contextlib
import os
import statistics
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
import onnx
import onnxruntime as ort
from onnx import numpy_helper

SIZES = (1, 2, 4, 8)
WAITS_MS = (0.0, 2.0, 10.0)


def free_batch(path, folder):
    """YOLOX with the batch left open: its file fixes one, its operators do not mind."""
    model = onnx.load(path)
    for value in (*model.graph.input, *model.graph.output):
        value.type.tensor_type.shape.dim[0].dim_param = "n"
    for constant in model.graph.initializer:
        if constant.name.startswith("onnx::Reshape"):
            shape = numpy_helper.to_array(constant).copy()
            shape[0] = 0
            constant.CopyFrom(numpy_helper.from_array(shape, constant.name))
    del model.graph.value_info[:]
    target = Path(folder) / "free.onnx"
    onnx.save(model, target)
    return target


def session(path):
    options = ort.SessionOptions()
    options.intra_op_num_threads = len(os.sched_getaffinity(0))
    options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.spin_duration_us", "20")  # as viseon does
    return ort.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def bare(running, size, seconds):
    """Pictures per second of a loop that does nothing but run full batches."""
    batch = np.zeros((size, 3, 416, 416), np.float32)
    runs, start = 0, time.perf_counter()
    while time.perf_counter() < start + seconds:
        running.run(None, {"images": batch})
        runs += 1
    return runs * size / (time.perf_counter() - start)


@contextlib.contextmanager
def engine(path, **serving):
    from viseon.adapters.images.opencv import OpencvImages
    from viseon.deployments.engine import Engine
    from viseon.inference import Detector
    from viseon.models import infer_signature
    from viseon.plugins import find
    from viseon.schema import Serving

    backend = find("backend", "onnxruntime").make({}, path)
    detector = Detector(infer_signature(backend).signature, backend, OpencvImages())
    made = Engine(detector, Serving(timeout_ms=60_000, **serving))
    ready = detector.prepare(np.zeros((480, 640, 3), np.uint8))
    yield made, ready
    made.drain()


def crowd(made, ready, callers, seconds):
    """Pictures per second when many callers bring one picture each."""
    counts, start = [], time.perf_counter()

    def ask():
        count = 0
        while time.perf_counter() < start + seconds:
            made.infer([ready], deadline=time.monotonic() + 60)
            count += 1
        counts.append(count)

    threads = [threading.Thread(target=ask) for _ in range(callers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(counts) / (time.perf_counter() - start)


def added_wait(made, ready, seconds):
    """p99 of the wait of pictures that come alone, in ms: nothing but the batcher keeps them."""
    waits, until = [], time.perf_counter() + seconds
    while time.perf_counter() < until:
        (ran,) = made.infer([ready], deadline=time.monotonic() + 60)
        waits.append(ran.queue_s * 1e3)
        time.sleep(0.002)
    return float(np.percentile(waits, 99))


def report(path, seconds=2.0, rounds=5):
    """Prints both, with the bars that were set."""
    with tempfile.TemporaryDirectory() as folder:
        free = free_batch(path, folder)
        for name, file, sizes in (("one picture a run", path, (1,)), ("any batch", free, SIZES)):
            running = session(file)
            speeds = {
                s: statistics.median(bare(running, s, seconds / 2) for _ in range(3)) for s in sizes
            }
            best = max(speeds, key=speeds.get)
            told = ", ".join(f"{size}: {speed:.1f}" for size, speed in speeds.items())
            ratios = []
            with engine(file, max_batch=max(best, 1), max_wait_ms=5) as (made, ready):
                for _ in range(rounds):  # in turns, because neighbours come and go
                    crowded = crowd(made, ready, 4 * best + 4, seconds)
                    ratios.append(crowded / bare(running, best, seconds))
            ratio = statistics.median(ratios)
            print(f"{name}: bare pictures/s by batch {told}; best {best}")
            print(
                f"  behind the batcher {ratio:.2f} of bare at the best batch (bar: at least 0.90)"
            )
        for wait_ms in WAITS_MS:
            with engine(free, max_batch=8, max_wait_ms=wait_ms) as (made, ready):
                waited = added_wait(made, ready, seconds)
            print(
                f"added wait p99 {waited:6.2f} ms with max_wait_ms={wait_ms:g} "
                f"(bar: at most {wait_ms + 2:g})"
            )


if __name__ == "__main__":
    shared = os.environ.get("VISEON_SHARED_DATA")
    sys.exit(
        report(Path(shared) / "model" / "yolox_nano.onnx") if shared else "set VISEON_SHARED_DATA"
    )
