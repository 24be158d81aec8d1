"""10,000 pictures of 20 kB: import, commit, +300, diff, pull; and `dvc add` on the same files.

python benchmarks/dataset_files.py [--files 10000] [--rounds 3] [--dvc path/to/dvc]
"""

import argparse
import gc
import hashlib
import mmap
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np

from viseon.adapters.blobs.files import FileBlobs
from viseon.adapters.images.opencv import OpencvImages
from viseon.adapters.sql import open_store
from viseon.cli.main import RARELY
from viseon.datasets import Datasets, import_folder, pull
from viseon.schema import Principal, Role, Scope

ROOM = 1 << 30
SCOPE = Scope(principal=Principal(name="bench", role=Role.ADMIN))


def make(root, start, count):
    root.mkdir(parents=True, exist_ok=True)
    for n in range(start, start + count):
        pixels = np.random.default_rng(n).integers(0, 255, (146, 146, 3), np.uint8)
        cv2.imwrite(str(root / f"{n:06d}.jpg"), pixels, [cv2.IMWRITE_JPEG_QUALITY, 90])


def clock(work):
    os.sync()  # nobody waits for what others wrote
    start = time.perf_counter()
    result = work()
    return time.perf_counter() - start, result


def settle(folder):
    """Both tools find `folder` in memory, and enough free memory that was used a moment ago.

    A virtual machine gets its memory from its host page by page, when it is first written to, and
    gives back what is free for some seconds. That costs more than copying, and by chance one tool
    would pay. Only root may drop what others left in memory.
    """
    os.sync()
    with suppress(OSError):
        Path("/proc/sys/vm/drop_caches").write_text("3")
    for path in folder.iterdir():
        path.read_bytes()
    with mmap.mmap(-1, ROOM) as room:
        room.write(bytes(ROOM))


def timed(label, work, bar=None):
    took, result = clock(work)
    print(f"{label:<42}{took:9.3f} s" + (f"   bar {bar} s" if bar else ""), flush=True)
    return took, result


def size(root):
    """Bytes on the disk, as `du` counts them."""
    return sum(p.lstat().st_blocks * 512 for p in root.rglob("*") if p.is_file())


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--files", type=int, default=10_000)
    arguments.add_argument("--rounds", type=int, default=3)
    arguments.add_argument("--dvc", type=os.path.abspath, default=shutil.which("dvc"))
    given = arguments.parse_args()
    gc.freeze()  # as `viseon` does
    gc.set_threshold(RARELY)
    with tempfile.TemporaryDirectory(prefix="viseon-bench-") as scratch:
        run(Path(scratch), given)


def run(scratch, given):
    """Nothing is deleted before the end: ext4 is slow to reuse what was deleted minutes ago."""
    data = scratch / "data"
    make(data, 0, given.files)
    bytes_in = sum(p.stat().st_size for p in data.iterdir())
    print(f"{given.files} files, {bytes_in / given.files / 1000:.1f} kB each")
    bench_hashing(scratch, data)
    ratios, commands = [], []
    for turn in range(given.rounds):
        took = bench_import(scratch, data, turn)
        command = bench_command(scratch, data, turn)
        if given.dvc:
            other = bench_dvc(scratch, data, given.dvc, turn)
            ratios.append(other / took)
            commands.append(other / command)
            print(f"{'import: times faster than dvc add':<42}{ratios[-1]:9.2f} x")
            print(f"{'viseon import: times faster than dvc add':<42}{commands[-1]:9.2f} x")
    if ratios:
        print(f"{'median of import':<42}{statistics.median(ratios):9.2f} x   bar 3 x")
        print(f"{'median of the whole command':<42}{statistics.median(commands):9.2f} x")
    else:
        print("dvc is not installed: no ratio")
    bench_versions(scratch, data, given)


def opened(home):
    store = open_store(f"sqlite:///{home / 'viseon.db'}")
    blobs = FileBlobs(home / "blobs")
    catalog = store.catalog(SCOPE)
    datasets = Datasets(catalog, blobs, lambda: datetime.now(UTC), OpencvImages())
    return SimpleNamespace(blobs=blobs, datasets=datasets, close=store.close)


def bench_hashing(scratch, data):
    """What looking at files that are stored already reaches of what hashlib alone reaches."""
    paths = sorted(data.iterdir())
    blobs = FileBlobs(scratch / "hashing")
    for _ in blobs.add_many(paths):
        pass
    shares = []
    for _ in range(5):
        alone, _ = clock(lambda: [hash_file(path) for path in paths])
        ours, _ = clock(lambda: list(blobs.add_many(paths)))
        shares.append(alone / ours)
    print(
        f"{'hashing, of what hashlib alone reaches':<42}{statistics.median(shares):9.2f} x   bar .8"
    )


def hash_file(path):
    """As plainly as it goes; `hashlib.file_digest` is slower for small files."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def bench_import(scratch, data, turn):
    platform = opened(scratch / f"import{turn}")
    settle(data)
    took, _ = timed("import", lambda: import_folder(platform, data, dataset="shop"), 60)
    platform.close()
    return took


def bench_command(scratch, data, turn):
    """The same with all that a person waits for: Python, its modules, the end of the process."""
    environment = os.environ | {"VISEON_HOME": str(scratch / f"command{turn}")}
    viseon = partial(subprocess.run, env=environment, check=True, capture_output=True)
    viseon([sys.executable, "-m", "viseon", "datasets", "find"])
    settle(data)
    command = [sys.executable, "-m", "viseon", "import", str(data), "shop"]
    took, _ = timed("viseon import, the whole command", lambda: viseon(command))
    return took


def bench_dvc(scratch, data, dvc, turn):
    repository = scratch / f"dvc{turn}"
    shutil.copytree(data, repository / "data")
    subprocess.run([dvc, "init", "-q", "--no-scm"], cwd=repository, check=True)
    subprocess.run([dvc, "config", "core.analytics", "false"], cwd=repository, check=True)
    settle(repository / "data")
    took, _ = timed(
        "dvc add", lambda: subprocess.run([dvc, "add", "-q", "data"], cwd=repository, check=True)
    )
    return took


def bench_versions(scratch, data, given):
    home = scratch / "home"
    platform = opened(home)
    datasets, blobs = platform.datasets, platform.blobs
    import_folder(platform, data, dataset="shop")
    timed("commit (all are looked at)", lambda: datasets.commit("shop"))
    platform.close()
    print(f"{'disk, of the files themselves':<42}{size(home) / size(data):9.3f} x   bar 1.05 x")
    platform = opened(home)
    datasets, blobs = platform.datasets, platform.blobs
    before = sum(1 for _ in blobs.digests())
    make(data, given.files, 300)
    timed(
        "import +300 (all files looked at again)",
        lambda: import_folder(platform, data, dataset="shop"),
    )
    timed("commit +300", lambda: datasets.commit("shop"), 0.3)
    print(f"{'new blobs':<42}{sum(1 for _ in blobs.digests()) - before:9d}     must be 300")
    _, diff = timed("diff", lambda: datasets.diff("shop", old=1, new=2), 0.1)
    assert diff.added == 300
    timed("pull", lambda: pull(platform, "shop", into=scratch / "out"))
    platform.close()


if __name__ == "__main__":
    main()
