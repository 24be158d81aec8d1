"""Versions of 100,000 and a million rows, metadata only: commit +300, diff, first page, memory.

python benchmarks/dataset_rows.py [--rows 100000 1000000] [--database postgresql://…]
"""

import argparse
import hashlib
import resource
import tempfile
import time
from datetime import UTC, datetime

from viseon.adapters.blobs.memory import MemoryBlobs
from viseon.adapters.sql import open_store
from viseon.datasets import Datasets
from viseon.schema import Principal, Role, Sample, Scope

SCOPE = Scope(principal=Principal(name="bench", role=Role.ADMIN))
BARS = {100_000: (1.0, 0.3), 1_000_000: (5.0, 1.0)}


def rows(start, count):
    for n in range(start, start + count):
        digest = hashlib.sha256(b"%d" % n).hexdigest()
        metadata = {"camera": f"cam{n % 7}", "hour": n % 24}
        yield Sample(
            filename=f"{n // 1000:04d}/{n:08d}.jpg",
            digest=digest,
            width=1920,
            height=1080,
            metadata=metadata,
        )


def timed(label, work, bar=None):
    start = time.perf_counter()
    result = work()
    took = time.perf_counter() - start
    print(f"  {label:<28}{took:9.3f} s" + (f"   bar {bar} s" if bar else ""), flush=True)
    return result


def run(count, url):
    store = open_store(url)
    catalog = store.catalog(SCOPE)
    datasets = Datasets(catalog, MemoryBlobs(), lambda: datetime.now(UTC))
    name = f"rows-{count}-{time.time_ns()}"
    datasets.create(name=name)

    def add(start, n):
        with catalog.transaction() as records:
            records.samples.add(name, rows(start, n))

    commit_bar, diff_bar = BARS.get(count, (None, None))
    print(f"{count} rows on {url.split(':')[0]}")
    timed("add all", lambda: add(0, count))
    timed("commit all", lambda: datasets.commit(name))
    timed("add 300", lambda: add(count, 300))
    timed("commit +300", lambda: datasets.commit(name), commit_bar)
    diff = timed("diff", lambda: datasets.diff(name, old=1, new=2), diff_bar)
    assert diff.added == 300
    timed("first page", lambda: datasets.samples(name, version=2, limit=100), 0.2)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"  {'peak memory':<28}{peak:9.0f} MB  bar 1000 MB")
    store.close()


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--rows", type=int, nargs="*", default=[100_000, 1_000_000])
    arguments.add_argument("--database")
    given = arguments.parse_args()
    with tempfile.TemporaryDirectory(prefix="viseon-bench-") as scratch:
        for count in given.rows:
            run(count, given.database or f"sqlite:///{scratch}/{count}.db")


if __name__ == "__main__":
    main()
