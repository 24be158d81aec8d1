"""Serving YOLOX-nano over HTTP, beside LitServe and BentoML where they are installed.

Bars: time around the model (decode, letterbox, suppression, HTTP) p95 at most 8 ms at concurrency 1;
behind the batcher at least 0.90 of a bare session at its best batch; a wait for company of at most
`max_wait_ms` and 2 ms (p99).

    BENCH_PEER_PYTHON=venv/bin/python python benchmarks/bench_serving.py

Everything runs on the same cores, the load generator too. Servers take turns in short rounds and the
median round of each counts; processor time per request hardly depends on what else the machine
does.
"""

import asyncio
import base64
import contextlib
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import batching
import cv2
import numpy as np
import psutil

HERE = Path(__file__).resolve().parent
SHARED = Path(os.environ.get("VISEON_SHARED_DATA", HERE.parent.parent / "shared" / "data"))
MODEL = SHARED / "model" / "yolox_nano.onnx"
PEERS = os.environ.get("BENCH_PEER_PYTHON", "")
SECONDS = float(os.environ.get("BENCH_SECONDS", "4"))
CONCURRENCY = 8
ROUNDS = int(os.environ.get("BENCH_ROUNDS", "4"))


def jpeg():
    """640 x 480 from the real video, as large as a camera's."""
    video = cv2.VideoCapture(str(SHARED / "video" / "one-by-one-person-detection.mp4"))
    for _ in range(260):
        _, frame = video.read()
    frame = cv2.resize(frame, (640, 480))
    return cv2.imencode(".jpg", frame, [cv2.IMWRITE_JPEG_QUALITY, 90])[1].tobytes()


class Load:
    """Keeps requests in flight over raw sockets, to cost as little as possible."""

    def __init__(self, port, path, body, kind):
        head = (
            f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n"
            f"Content-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n"
        )
        self.port, self.request, self.answers = port, head.encode() + body, []

    async def one(self, until):
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        while time.perf_counter() < until:
            start = time.perf_counter()
            writer.write(self.request)
            head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
            body = await self.body(reader, head)
            self.answers.append((time.perf_counter() - start, int(head.split()[1]), body))
        writer.close()

    async def body(self, reader, head):
        for line in head.split("\r\n"):
            if line.startswith("content-length:"):
                return await reader.readexactly(int(line.split(":")[1]))
        body = b""
        while size := int((await reader.readline()).strip(), 16):
            body += await reader.readexactly(size)
            await reader.readline()
        await reader.readline()
        return body

    def run(self, concurrency, seconds):
        self.answers = []
        start = time.perf_counter()

        async def together():
            await asyncio.gather(*(self.one(start + seconds) for _ in range(concurrency)))

        asyncio.run(together())
        took = time.perf_counter() - start
        good = [(t, b) for t, status, b in self.answers if status == 200]
        assert len(good) == len(self.answers), self.answers[-1]
        return len(good) / took, [t for t, _ in good], [b for _, b in good]


def processor_s():
    return sum(psutil.Process().cpu_times()[:2])


def bare():
    """Runs per second and processor ms per run of a bare session, and of decode to suppression."""
    sys.path.insert(0, str(HERE / "peers"))
    os.environ["BENCH_MODEL"] = str(MODEL)
    from detect import Detect

    detect = Detect(spin_us=20)
    picture = jpeg()
    tensor, _ = detect.prepare(picture)
    found = []
    for work in (lambda: detect.infer(tensor), lambda: detect(picture)):
        runs, start, busy = 0, time.perf_counter(), processor_s()
        while time.perf_counter() < start + SECONDS / 2:
            work()
            runs += 1
        found += [runs / (time.perf_counter() - start), (processor_s() - busy) / runs * 1e3]
    return found


def batched():
    """The same session behind the batcher, asked by eight threads with ready tensors."""
    from viseon.adapters.images.opencv import OpencvImages
    from viseon.deployments.engine import Engine
    from viseon.inference import Detector
    from viseon.models import infer_signature
    from viseon.plugins import find
    from viseon.schema import Serving

    backend = find("backend", "onnxruntime").make({}, MODEL)
    detector = Detector(infer_signature(backend).signature, backend, OpencvImages())
    engine = Engine(detector, Serving(max_wait_ms=2, timeout_ms=60_000))
    ready = detector.prepare(np.zeros((480, 640, 3), np.uint8))
    until = time.perf_counter() + SECONDS / 2
    counts = []

    def ask():
        count = 0
        while time.perf_counter() < until:
            engine.infer([ready], deadline=time.monotonic() + 60)
            count += 1
        counts.append(count)

    busy, start = processor_s(), time.perf_counter()
    threads = [threading.Thread(target=ask) for _ in range(CONCURRENCY)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    took, busy = time.perf_counter() - start, processor_s() - busy
    engine.drain()
    return [sum(counts) / took, busy / sum(counts) * 1e3]


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


@contextlib.contextmanager
def process(command, port, **environment):
    """A server in its own process group, up to when its port answers."""
    said = os.environ.get("PYTHONPATH", "").split(os.pathsep)
    paths = os.pathsep.join(str(Path(path).resolve()) for path in said if path)
    with tempfile.TemporaryFile() as log:
        running = subprocess.Popen(
            command,
            stdout=log,
            stderr=log,
            cwd=HERE / "peers",
            start_new_session=True,
            env={**os.environ, "BENCH_MODEL": str(MODEL), "PYTHONPATH": paths, **environment},
        )
        try:
            until = time.time() + 90
            while time.time() < until and running.poll() is None:
                with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                    break
                time.sleep(0.2)
            time.sleep(3)
            yield running.pid
        finally:
            os.killpg(running.pid, 15)
            try:
                running.wait(15)
            except subprocess.TimeoutExpired:
                os.killpg(running.pid, 9)


class Subject:
    """A running server, and how it did in each round."""

    def __init__(self, name, pid, load):
        self.name, self.load = name, load
        self.processes = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
        self.rates, self.alone, self.together, self.around, self.cpu = [], [], [], [], []

    def round(self):
        self.load.run(2, 0.5)
        _, alone, bodies = self.load.run(1, SECONDS / 2)
        busy = self.busy()
        rate, together, _ = self.load.run(CONCURRENCY, SECONDS)
        self.cpu.append((self.busy() - busy) / len(together) * 1e3)
        self.rates.append(rate)
        self.alone.append(np.percentile(alone, [50, 95]) * 1e3)
        self.together.append(np.percentile(together, 95) * 1e3)
        if self.name == "viseon":
            model = [json.loads(b)["predictions"][0]["latency"]["model_ms"] for b in bodies]
            self.around.append(np.percentile(np.array(alone) * 1e3 - model, 95))

    def busy(self):
        """Seconds of processor time its processes have used."""
        return sum(sum(process.cpu_times()[:2]) for process in self.processes)

    def row(self):
        p50, p95 = np.median(self.alone, axis=0)
        around = f"{statistics.median(self.around):8.1f}" if self.around else ""
        numbers = (np.median(self.rates), np.median(self.cpu), p50, p95, np.median(self.together))
        return f"{self.name:12s}" + "".join(f"{number:13.1f}" for number in numbers) + around


def home(folder):
    import viseon as vs

    platform = vs.open(folder)
    platform.models.add(name="nano", onnx=platform.blobs.add(MODEL))
    platform.deployments.create(name="nano", models=["nano"])


@contextlib.contextmanager
def subjects(body):
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        home(folder)
        port = free_port()
        command = [sys.executable, "-m", "viseon", "serve", "--port", str(port)]
        pid = stack.enter_context(process(command, port, VISEON_HOME=folder))
        load = Load(port, "/v1/deployments/nano/predict", body, "image/jpeg")
        found = [Subject("viseon", pid, load)]
        if PEERS:
            port = free_port()
            pid = stack.enter_context(process([PEERS, "litserve_app.py", str(port)], port))
            text = json.dumps({"image": base64.b64encode(body).decode()}).encode()
            load = Load(port, "/predict", text, "application/json")
            found.append(Subject("LitServe", pid, load))
            port = free_port()
            command = [str(Path(PEERS).parent / "bentoml"), "serve", "bentoml_app:Api"]
            command += ["--port", str(port), "--host", "127.0.0.1"]
            pid = stack.enter_context(process(command, port, BENTOML_DO_NOT_TRACK="1"))
            head = 'Content-Disposition: form-data; name="image"; filename="a.jpg"'
            head = f"--x-x-x\r\n{head}\r\nContent-Type: image/jpeg\r\n\r\n".encode()
            kind = "multipart/form-data; boundary=x-x-x"
            load = Load(port, "/predict", head + body + b"\r\n--x-x-x--\r\n", kind)
            found.append(Subject("BentoML", pid, load))
        yield found


def main():
    loops, engines = [], []
    with subjects(jpeg()) as found:
        for _ in range(ROUNDS):
            loops.append(bare())
            engines.append(batched())
            for subject in found:
                subject.round()
    loops, engines = np.array(loops), np.array(engines)
    rate, cpu, whole_rate, whole_cpu = np.median(loops, axis=0)
    print(f"bare session          {rate:7.1f} runs/s  {cpu:6.1f} ms of processor time each")
    shared = np.median(engines, axis=0)
    ratios = statistics.median(engines[:, 0] / loops[:, 0])
    print(
        f"behind the batcher    {shared[0]:7.1f} runs/s  {shared[1]:6.1f} ms; {ratios:.2f} of bare"
    )
    print(f"decode to suppression {whole_rate:7.1f} runs/s  {whole_cpu:6.1f} ms, one at a time\n")
    columns = ("req/s at 8", "cpu ms/req", "p50 ms at 1", "p95 ms at 1", "p95 ms at 8")
    print(f"{'':12s}" + "".join(f"{column:>13s}" for column in columns) + "  around p95")
    for subject in found:
        print(subject.row())
    viseon = found[0]
    around = statistics.median(viseon.around)
    print(f"\naround the model p95 {around:.1f} ms at concurrency 1 (bar: at most 8)")
    served = statistics.median(np.array(viseon.rates) / loops[:, 0])
    print(f"over HTTP, with decoding, on the same cores: {served:.2f} of the bare session\n")
    batching.report(MODEL, SECONDS / 2, ROUNDS)


if __name__ == "__main__":
    main()
