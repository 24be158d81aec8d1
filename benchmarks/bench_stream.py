"""A whole stream (model loading, lines, zones, events, snapshots) beside a loop of its bare parts.

Bar: the stream takes at most 1.10 times the CPU time of decode + infer + track alone. CPU time, so
that neighbours on the machine count for neither. Needs the real video and model beside the
checkout, or VISEON_SHARED_DATA.
"""

import os
import sys
import tempfile
import time
from pathlib import Path

from viseon import plugins
from viseon.adapters.images.opencv import OpencvImages
from viseon.app import House, Settings
from viseon.inference import Detector
from viseon.schema import StreamState
from viseon.vision import ByteTrack

ROOT = Path(__file__).resolve().parent.parent
DATA = Path(os.environ.get("VISEON_SHARED_DATA", ROOT.parent / "shared" / "data"))
VIDEO = DATA / "video" / "one-by-one-person-detection.mp4"
THREADS = int(os.environ.get("VISEON_BENCH_THREADS", "1"))
ROUNDS = 3

YAML = f"""
stream: bench
source: {{kind: video, path: {VIDEO}}}
model: yolox-nano@1
backend: {{kind: onnxruntime, threads: {THREADS}, spin_us: 0}}
detect: {{score: 0.1, classes: [person]}}
lines: {{door: {{from: [0.85, 0.545], to: [0.15, 0.545], anchor: center}}}}
zones: {{table: {{polygon: [[0.52, 0.80], [0.66, 0.80], [0.66, 0.96], [0.52, 0.96]]}}}}
rules: [{{when: crossed, line: door}}, {{when: left, zone: table}}]
sinks: [{{kind: events}}]
"""


def bare(signature) -> float:
    """CPU seconds of a loop that only decodes, infers and tracks."""
    source = plugins.find("source", "video").make({"path": VIDEO})
    options = {"threads": THREADS, "spin_us": 0}
    backend = plugins.find("backend", "onnxruntime").make(options, DATA / "model/yolox_nano.onnx")
    detector, tracker = Detector(signature, backend, OpencvImages()), ByteTrack()
    began = time.process_time()
    for frame in source.frames():
        (found,) = detector([frame.pixels], score=0.1, classes=["person"])
        tracker.update(found, frame.pixels, time_s=frame.time_s)
    source.close()
    return time.process_time() - began


def main() -> int:
    if not VIDEO.exists():
        print(f"no video at {VIDEO}: set VISEON_SHARED_DATA")
        return 0
    ratios = []
    with tempfile.TemporaryDirectory() as home:
        house = House(Settings(home=Path(home)))
        platform = house.platform()
        classes = tuple((DATA / "model/coco80.txt").read_text().splitlines())
        onnx = platform.blobs.add(DATA / "model/yolox_nano.onnx")
        model = platform.models.add(name="yolox-nano", onnx=onnx, classes=classes)
        stream = platform.streams.apply(document=YAML)
        for _ in range(ROUNDS):
            parts_s = bare(model.signature)
            began = time.process_time()
            status = house.run_stream(stream)
            whole_s = time.process_time() - began
            assert status.state is StreamState.DONE, status.reason
            ratios.append(whole_s / parts_s)
            whole, parts = (s / status.frames * 1e3 for s in (whole_s, parts_s))
            print(
                f"{status.frames} frames, {THREADS} threads: stream {whole:.2f} ms of CPU a frame, "
                f"its parts alone {parts:.2f}, ratio {ratios[-1]:.3f}"
            )
        house.close()
    middle = sorted(ratios)[len(ratios) // 2]
    print(f"stream / bare sum of its parts: {middle:.3f} (bar: at most 1.10)")
    return 0 if middle <= 1.10 else 1


if __name__ == "__main__":
    sys.exit(main())
