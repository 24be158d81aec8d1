"""The first hundred samples that match, and how many do, in a version of a million rows.

python benchmarks/dataset_query.py [--rows 1000000] [--database postgresql://…] [--keep file.db]
"""

import argparse
import hashlib
import statistics
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from viseon.adapters.blobs.memory import MemoryBlobs
from viseon.adapters.sql import open_store
from viseon.datasets import Datasets
from viseon.datasets.query.ask import asked_for
from viseon.schema import Annotation, Object, Principal, Role, Sample, Scope

SCOPE = Scope(principal=Principal(name="bench", role=Role.ADMIN))
NAME = "rows"
BAR_S = 0.2
START = datetime(2030, 1, 1, tzinfo=UTC)
CLASSES = ("person", "car", "forklift")
QUESTIONS = {
    "common": 'split == "train"',
    "common value": 'camera_id == "cam5"',
    "the example": 'camera_id == "cam5" and hour >= 22',
    "a moment's window": 'captured_at >= "2030-02-01T10:00" and captured_at < "2030-02-01T10:05"',
    "one day of one camera": 'camera_id == "cam5" and date == "2030-01-20"',
    "one session": 'session == "s12345"',
    "common values, never together": 'camera_id == "cam7" and hour >= 22',
    "one in 100,000": 'note == "odd"',
    "a rare tag": '"golden" in tags',
    "a rare class": 'count("forklift") >= 1',
    "many people": 'count("person") >= 3 and labelled',
    "a folder": 'filename.startswith("0777/")',
    "nothing": 'note == "nowhere" or session == "nowhere"',
    "number range, rare": "blur < 0.001",
    "by bytes": f'digest == "{hashlib.sha256(b"777").hexdigest()}"',
    "no hint helps: common": "camera_id is missing or hour < 12",
    "no hint helps: nothing": "not (hour >= 0)",
    "no hint helps: text inside": 'filename.contains("98765.jpg")',
}


def labels():
    """A hundred different annotations; one in a hundred has a forklift, one in ten many people."""
    return [
        Annotation(
            objects=tuple(
                Object(id=str(i), class_name=name, box=(0, 0, n + 1, 1))
                for i, name in enumerate(
                    ["person"] * (3 if n % 10 == 0 else 1) + ["forklift"] * (n == 99)
                )
            )
        )
        for n in range(100)
    ]


def rows(count, said):
    """Twenty cameras, a picture every six seconds, one in ten annotated, some with notes."""
    for n in range(count):
        taken = START + timedelta(seconds=6 * n)
        camera = f"cam{n % 20}" if n % 20 != 7 or taken.hour < 22 else "cam8"
        metadata = {
            "camera_id": camera,
            "captured_at": taken.isoformat(),
            "session": f"s{n // 40}",
            "blur": (n * 7919 % 100_003) / 1000,
        }
        if n % 100_000 == 77_777:
            metadata |= {"note": "odd", "tags": ["golden"]}
        annotation = None
        if n % 10 == 0:
            rare = 99 if n % 50_000 == 0 else n // 10 % 99
            annotation = said[rare].digest
        yield Sample(
            filename=f"{n // 1000:04d}/{n:08d}.jpg",
            digest=hashlib.sha256(b"%d" % n).hexdigest(),
            annotation=annotation,
            width=1920,
            height=1080,
            split="train" if n % 10 else "val",
            metadata=metadata,
        )


def filled(store, count):
    catalog = store.catalog(SCOPE)
    datasets = Datasets(catalog, MemoryBlobs(), lambda: datetime.now(UTC))
    with catalog.read() as records:
        if any(d.name == NAME for d in datasets.find().items) and records.samples.count(NAME):
            return
    datasets.create(name=NAME, classes=CLASSES)
    said = labels()
    start = time.perf_counter()
    with catalog.transaction() as records:
        records.samples.annotate(said)
        records.samples.add(NAME, rows(count, said))
        records.samples.freeze(NAME, 1)  # a commit would spend its time on splits and fingerprint
    print(f"  {'add all':<32}{time.perf_counter() - start:9.3f} s", flush=True)


def ask(store, label, question, times):
    catalog = store.catalog(SCOPE)

    def page():
        with catalog.read() as records:
            asked = asked_for(records, NAME, where=question)
            return records.samples.page(NAME, version=1, limit=101, where=asked)

    def total():
        with catalog.read() as records:
            asked = asked_for(records, NAME, where=question)
            return sum(records.samples.count(NAME, version=1, where=asked).values())

    found, first = timed(page, times)
    matching, counting = timed(total, 1)
    late = "" if first <= BAR_S else "  LATE"
    print(f"  {label:<32}{first:9.3f} s{counting:9.3f} s  {matching:>8} match{late}", flush=True)
    assert len(found) == min(101, matching)


def timed(work, times):
    took = []
    for _ in range(times):
        start = time.perf_counter()
        result = work()
        took.append(time.perf_counter() - start)
    return result, statistics.median(took)


def main():
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--rows", type=int, default=1_000_000)
    arguments.add_argument("--database")
    arguments.add_argument("--keep", type=Path)
    arguments.add_argument("--times", type=int, default=5)
    given = arguments.parse_args()
    with tempfile.TemporaryDirectory(prefix="viseon-bench-") as scratch:
        store = open_store(given.database or f"sqlite:///{given.keep or Path(scratch) / 'a.db'}")
        filled(store, given.rows)
        print(f"  {'':<32}{'first page':>11}{'count':>11}  bar {BAR_S} s for the first page")
        for label, question in QUESTIONS.items():
            ask(store, label, question, given.times)
        store.close()


if __name__ == "__main__":
    main()
