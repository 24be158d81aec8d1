"""What a look at every picture costs beside decoding it, and a recipe that has been run before.

Peer: OpenCV's decoder alone on the same files in the same run. Prints ratios.
"""

import os
import tempfile
import time
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import cv2
import numpy as np

from viseon.app import House, Settings
from viseon.schema import Row, canonical_json
from viseon.vision.phash import VIEWS, WORDS, near, perceptual_hash

FILES = int(os.environ.get("VISEON_BENCH_FILES", "1000"))
RECIPE = "recipe: b\nstages: [{kind: letterbox, width: 320, height: 320}, {kind: flip, copies: 1}]"


def picture(seed: int) -> bytes:
    """About 20 kB."""
    rng = np.random.default_rng(seed)
    small = rng.integers(0, 255, (30, 40, 3)).astype(np.uint8)
    pixels = cv2.resize(small, (480, 360), interpolation=cv2.INTER_CUBIC)
    return cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, 80])[1].tobytes()


def timed(act):
    start = time.perf_counter()
    answer = act()
    return time.perf_counter() - start, answer


def main() -> None:
    data = [picture(n) for n in range(FILES)]
    print(f"{FILES} files of {np.mean([len(d) for d in data]) / 1000:.0f} kB")
    decode_s, pixels = timed(
        lambda: [cv2.imdecode(np.frombuffer(d, np.uint8), 1) for d in data[:200]]
    )
    hash_s, _ = timed(lambda: [perceptual_hash(p) for p in pixels])
    print(f"hash: {hash_s / 200 * 1e3:.2f} ms a picture, {hash_s / decode_s:.2f} x its decoding")
    rng = np.random.default_rng(1)
    many = rng.integers(0, 2**63, (10_000, VIEWS, WORDS)).astype(np.uint64)
    near_s, _ = timed(lambda: near(many[:300], many))
    print(f"near: 300 newcomers among 10,000 pictures: {near_s:.2f} s")
    with tempfile.TemporaryDirectory() as folder:
        house = House(Settings(home=Path(folder), jobs="inline"))
        platform = house.platform()
        platform.datasets.create(name="bench")
        rows = [
            canonical_json(Row(filename=f"{n}.jpg", digest=platform.blobs.put(d)).model_dump())
            for n, d in enumerate(data)
        ]
        platform.datasets.add("bench", rows=platform.blobs.put(b"\n".join(rows)))
        platform.datasets.commit("bench")
        whole_s, _ = timed(lambda: platform.curation.health("bench", version=1).wait())
        alone_s = decode_s / 200 * FILES
        print(f"health: {whole_s:.1f} s, {whole_s / alone_s:.2f} x decoding alone")
        first_s, _ = timed(lambda: platform.recipes.start("bench", 1, document=RECIPE).wait())
        again_s, _ = timed(lambda: platform.recipes.start("bench", 1, document=RECIPE).wait())
        print(f"recipe: first {first_s:.1f} s, again {again_s:.1f} s, {first_s / again_s:.1f} x")
        house.close()


if __name__ == "__main__":
    main()
