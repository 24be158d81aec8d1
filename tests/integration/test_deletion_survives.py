"""Collections and erasures: killed at any moment, or beside an import, they lose nothing."""

import json
import os
import random
import subprocess
import sys
import threading
import time
from contextlib import contextmanager, nullcontext
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest

from viseon.adapters.blobs.files import FileBlobs
from viseon.adapters.sql import open_store
from viseon.datasets import Datasets, VersionBooks
from viseon.schema import (
    AuditRecord,
    Conflict,
    Dataset,
    Forbidden,
    NotFound,
    Principal,
    Role,
    Scope,
    Version,
    canonical_json,
    digest_of,
)
from viseon.storage import Storage

SCOPE = Scope(principal=Principal(name="ada", role=Role.ADMIN))
MARK = b"must be forgotten "

DELETER = """
import os, shutil, signal, sys
from datetime import UTC, datetime
from pathlib import Path
from viseon.adapters.blobs.files import FileBlobs
from viseon.adapters.sql import open_store
from viseon.datasets import VersionBooks
from viseon.schema import Principal, Role, Scope
from viseon.storage import Storage, erase, collect
url, home, what, fatal = sys.argv[1], Path(sys.argv[2]), sys.argv[3], int(sys.argv[4])

class Quiet:
    job, cancelled = None, False
    def progress(self, done, stage=""): pass

steps = 0
def step():
    # the fatal step, counted over everything that changes the disk
    global steps
    steps += 1
    if steps == fatal:
        os.kill(os.getpid(), signal.SIGKILL)

class Mortal(FileBlobs):
    def delete(self, digest):
        step()
        super().delete(digest)
        step()

class Once:
    def __init__(self, inner): self.inner = inner
    def __getattr__(self, name): return getattr(self.inner, name)
    def transaction(self):
        outer = self.inner.transaction()
        class Stepped:
            def __enter__(self): return outer.__enter__()
            def __exit__(self, *error):
                step()
                done = outer.__exit__(*error)
                step()
                return done
        return Stepped()
    def scrub(self):
        step()
        done = self.inner.scrub()
        step()
        return done

collect._THREADS = 1
scope = Scope(principal=Principal(name="ada", role=Role.ADMIN))

def work(url, home):
    store = open_store(url)
    catalog = Once(store.catalog(scope))
    storage = Storage(
        catalog, Mortal(home / "blobs"), lambda: datetime.now(UTC), VersionBooks(), home / "uploads"
    )
    print("ready", flush=True)
    if what == "gc":
        Storage.collect.__wrapped__(storage, grace_s=0, report=Quiet())
    else:
        Storage.erase.__wrapped__(storage, digests=(what,), reason="asked for", report=Quiet())

if url:
    work(url, home)
    sys.exit()
# no address: one copy of the folder for each step, and a child that dies there
while True:
    fatal += 1
    copy = home.parent / f"{home.name}-{what[:4]}-{fatal:03d}"
    shutil.copytree(home, copy)
    child = os.fork()
    if not child:
        work(f"sqlite:///{copy / 'catalog.db'}", copy)
        os._exit(0)
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    if status != -signal.SIGKILL:
        sys.exit(status)
"""


class Quiet:
    """A report nobody reads."""

    job = None
    cancelled = False

    def progress(self, done, stage=""):
        pass


def now():
    return datetime.now(UTC)


def opened(url, home):
    store = open_store(url)
    blobs = FileBlobs(home / "blobs")
    catalog = store.catalog(SCOPE)
    return SimpleNamespace(
        store=store,
        catalog=catalog,
        blobs=blobs,
        datasets=Datasets(catalog, blobs, now),
        storage=Storage(catalog, blobs, now, VersionBooks(), home / "uploads"),
    )


def collect(place, grace_s=0):
    return Storage.collect.__wrapped__(place.storage, grace_s=grace_s, report=Quiet())


def add(place, dataset, files):
    """Add files (name to bytes); the store keeps what it has."""
    text = "\n".join(
        json.dumps({"filename": name, "digest": place.blobs.put(data)})
        for name, data in files.items()
    )
    return place.datasets.add(dataset, rows=place.blobs.put(text.encode()))


def furnish(place):
    """Two datasets, one deleted, orphans, and a file that will be erased."""
    for name in ("shop", "old"):
        place.datasets.create(name=name)
        for number in range(3):
            files = {f"{number}-{n}": f"{name} {number} {n}".encode() for n in range(4)}
            add(place, name, files | {"mine": MARK + b"%d" % (number // 2)})
            place.datasets.commit(name)
            place.datasets.manifest(name, number + 1)
    place.datasets.delete("old")
    for n in range(6):
        place.blobs.put(b"orphan %d" % n)


def assert_whole(place):
    """Every version of every dataset is readable and verifies; the audit chain is whole."""
    with place.catalog.read() as records:
        datasets = [d.name for d in records.find(Dataset)]
        versions = [v for v in records.find(Version) if v.dataset in datasets]
        chain = records.find(AuditRecord)
    for version in versions:
        checked = place.datasets.verify(version.dataset, version.number)
        assert checked.ok, checked
    for name in datasets:
        lacking = place.blobs.missing(s.digest for s in place.datasets.samples(name).items)
        assert lacking == []
    previous = "0" * 64
    for record in chain:
        rest = canonical_json(record.model_dump(mode="json", exclude={"digest"}))
        assert (record.previous, record.digest) == (previous, digest_of(rest))
        previous = record.digest


@pytest.mark.parametrize("what", ["gc", "erase"])
def test_killed_at_every_step_it_loses_nothing_and_can_be_finished(tmp_path, what):
    """Every step that changes the disk is the last one once: no point is left out."""
    home = tmp_path / "home"
    place = opened(f"sqlite:///{home / 'catalog.db'}", home)
    furnish(place)
    place.store.close()
    mine = digest_of(MARK + b"0")
    target = "gc" if what == "gc" else mine
    command = [sys.executable, "-c", DELETER, "", str(home), target, "0"]
    subprocess.run(command, check=True, timeout=200)
    copies = sorted(tmp_path.glob("home-*"))
    assert len(copies) > 12
    for copy in copies:
        left = opened(f"sqlite:///{copy / 'catalog.db'}", copy)
        assert_whole(left)
        assert left.datasets.version("shop", 3).samples == 13
        collect(left)
        assert_whole(left)
        assert_nothing_needless(left)
        decided = left.datasets.version("shop", 1).erased == 1
        assert decided or what == "gc" or copy in copies[:3]
        if decided:
            assert mine not in left.blobs
            assert all(MARK + b"0" not in p.read_bytes() for p in copy.rglob("*") if p.is_file())
        left.store.close()


def assert_nothing_needless(place):
    """Every blob that is left is named by a row or a version."""
    left = set(place.blobs.digests())
    with place.catalog.read() as records:
        named = {v.fingerprint for v in records.find(Version)}
        used = records.remains.used(left)
    assert left <= named | used


@pytest.mark.parametrize("seed", range(2))
def test_killed_at_any_moment_the_store_is_whole(store_url, tmp_path, seed):
    rng = random.Random(seed)
    place = opened(store_url, tmp_path)
    furnish(place)
    for attempt in range(4):
        for n in range(300):
            place.blobs.put(b"orphan %d %d" % (attempt, n))
        what = "gc" if attempt % 2 == 0 else digest_of(MARK + b"%d" % (attempt // 2))
        command = [sys.executable, "-c", DELETER, store_url, str(tmp_path), what, "0"]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        process.stdout.readline()
        time.sleep(rng.uniform(0.0, 0.15))  # the moment of death is the point
        process.kill()
        process.communicate()
        assert_whole(place)
    add(place, "shop", {"last": b"last"})
    place.datasets.commit("shop")
    collect(place)
    assert_whole(place)
    place.store.close()


class Collecting:
    """Collections without grace, one after the other as fast as they can, until the block ends."""

    def __init__(self, place):
        self.place = place
        self.removed, self.errors = [], []
        self._stop, self._go, self._turn = threading.Event(), threading.Event(), threading.Lock()
        self._thread = threading.Thread(target=self._work)

    def _work(self):
        while not self._stop.is_set():
            self._go.wait()
            try:
                with self._turn:
                    self.removed.append(collect(self.place).removed)
            except Conflict:
                continue
            except BaseException as error:
                self.errors.append(error)
                raise

    def __enter__(self):
        self._go.set()
        self._thread.start()
        return self

    def __exit__(self, *error):
        self._stop.set()
        self._thread.join()

    @contextmanager
    def paused(self):
        self._go.clear()
        try:
            with self._turn:
                yield
        finally:
            self._go.set()


def test_an_import_beside_collections_without_grace_loses_nothing_committed(store_url, tmp_path):
    """The hardest case: the same bytes come and go while collections run as fast as they can."""
    place, other = opened(store_url, tmp_path), opened(store_url, tmp_path)
    place.datasets.create(name="shop")
    refused, added = [], []
    rng = random.Random(3)
    with Collecting(other) as collecting:
        for round in range(80):
            files = {f"f{n}": b"content %d" % rng.randrange(40) for n in range(8)}
            alone = round % 4 == 3  # on a slow disk no round would ever win against them
            try:
                with collecting.paused() if alone else nullcontext():
                    add(place, "shop", files)
                added.append(round)
            except NotFound:
                refused.append(round)  # swept between storing and adding: said, and nothing lost
            lacking = place.blobs.missing(s.digest for s in place.datasets.samples("shop").items)
            assert lacking == []
            if round % 10 == 9:
                place.datasets.remove("shop", filenames=tuple(files))
    assert collecting.errors == []
    assert set(range(3, 80, 4)) <= set(added), refused
    assert sum(collecting.removed) > 0
    assert_whole(place)
    place.store.close()
    other.store.close()


def test_an_import_beside_a_collection_with_grace_is_never_refused(tmp_path):
    """Bytes that lay there unused for months are stored again while a collection runs."""
    url = f"sqlite:///{tmp_path / 'catalog.db'}"
    place = opened(url, tmp_path)
    place.datasets.create(name="shop")
    ancient = {f"f{n}": b"ancient %d" % n for n in range(200)}
    for data in ancient.values():
        digest = place.blobs.put(data)
        os.utime(tmp_path / "blobs" / digest[:2] / digest[2:], (0, 0))
    thread = threading.Thread(target=lambda: collect(opened(url, tmp_path), grace_s=3600))
    rows = "\n".join(
        json.dumps({"filename": name, "digest": place.blobs.put(data)})
        for name, data in ancient.items()
    )
    thread.start()
    time.sleep(0.05)
    place.datasets.add("shop", rows=place.blobs.put(rows.encode()))
    thread.join()
    assert place.blobs.missing(map(digest_of, ancient.values())) == []
    place.store.close()


def test_an_import_beside_an_erasure_brings_nothing_back(store_url, tmp_path):
    """Whoever stored the bytes before they were erased cannot add them afterwards."""
    place = opened(store_url, tmp_path)
    place.datasets.create(name="shop")
    digest = place.blobs.put(MARK)
    rows = place.blobs.put(json.dumps({"filename": "x", "digest": digest}).encode())
    Storage.erase.__wrapped__(place.storage, digests=(digest,), reason="asked", report=Quiet())
    place.blobs.put(MARK)  # this process had looked before the erasure
    with pytest.raises(Forbidden, match="was erased"):
        place.datasets.add("shop", rows=rows)
    collect(place, grace_s=7 * 86400)
    assert digest not in place.blobs
    place.store.close()
