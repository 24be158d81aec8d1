"""What every blob store promises: in memory, on disk, across HTTP, on S3, encrypted."""

import os
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from viseon.adapters.blobs import stagers
from viseon.adapters.blobs.files import STALE_S, FileBlobs
from viseon.schema import Failed, Invalid, NotFound, digest_of


@pytest.fixture(
    params=["memory", "files", "http", "s3", "encrypted memory", "encrypted files", "encrypted s3"]
)
def blobs(request, make_store):
    return make_store(request.param)


@settings(
    max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(data=st.binary(max_size=3000))
def test_what_goes_in_comes_out_under_its_digest(blobs, data):
    digest = blobs.put(data)
    assert digest == digest_of(data)
    assert digest in blobs
    assert blobs.get(digest) == data
    with blobs.open(digest) as file:
        assert file.read() == data


@pytest.mark.parametrize("size", [0, 1, (1 << 20) - 1, 1 << 20, 3_000_001])
def test_a_file_of_any_size_is_added_whole(blobs, tmp_path, size):
    path = tmp_path / "file"
    path.write_bytes(os.urandom(size))
    assert blobs.get(blobs.add(path)) == path.read_bytes()


@pytest.mark.parametrize("count", [0, 35])
@pytest.mark.parametrize("pays", [5, 1000])
def test_many_files_are_added_in_order_each_once(blobs, tmp_path, count, pays, monkeypatch):
    monkeypatch.setattr(stagers, "BATCH", 10)
    monkeypatch.setattr(stagers, "PAYS", pays)
    paths = []
    for n in range(count):
        paths.append(tmp_path / f"{n}")
        paths[-1].write_bytes(b"%d" % (n // 2) * (1 + 70_000 * (n == 1)))
    digests = list(blobs.add_many(paths))
    assert digests == [digest_of(p.read_bytes()) for p in paths]
    assert blobs.missing(digests) == []
    assert list(blobs.add_many(paths)) == digests
    assert all(blobs.get(d) == p.read_bytes() for d, p in zip(digests[:9], paths, strict=False))


def test_what_is_not_there_is_not_found(blobs):
    assert "f" * 64 not in blobs
    for read in (blobs.get, blobs.open):
        with pytest.raises(NotFound):
            read("f" * 64)


def test_missing_names_each_once_in_order(blobs):
    here = blobs.put(b"here")
    assert blobs.missing(["b" * 64, here, "a" * 64, "b" * 64]) == ["b" * 64, "a" * 64]


def test_deleting_twice_is_fine(blobs):
    digest = blobs.put(b"x")
    blobs.delete(digest)
    blobs.delete(digest)
    assert digest not in blobs
    assert blobs.put(b"x") == digest
    assert blobs.get(digest) == b"x"


def files(root):
    return [p for p in Path(root).rglob("*") if p.is_file()]


def test_a_damaged_file_is_never_handed_out(tmp_path):
    blobs = FileBlobs(tmp_path)
    digest = blobs.put(b"a" * 5000)
    (path,) = files(tmp_path)
    path.chmod(0o644)
    path.write_bytes(b"b" * 5000)
    with pytest.raises(Failed, match="damaged"):
        blobs.get(digest)
    with blobs.open(digest) as file, pytest.raises(Failed, match="damaged"):
        file.read()


def test_a_digest_cannot_lead_out_of_the_store(tmp_path):
    blobs = FileBlobs(tmp_path / "blobs")
    (tmp_path / "secret").write_text("x")
    for bad in ("../secret", "/etc/passwd", "a", "A" * 64, "0" * 63 + "\n"):
        with pytest.raises(Invalid, match="not a digest"):
            blobs.get(bad)


def test_many_threads_storing_the_same_bytes_leave_one_file(tmp_path):
    blobs = FileBlobs(tmp_path)
    barrier = threading.Barrier(8)

    def store():
        barrier.wait()
        for n in range(20):
            blobs.put(b"%d" % n * 100)

    threads = [threading.Thread(target=store) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(files(tmp_path)) == 20
    assert len(list(blobs.digests())) == 20


def test_the_remains_of_a_dead_writer_are_swept_once_they_are_old(tmp_path):
    blobs = FileBlobs(tmp_path)
    blobs.put(b"whole")
    old, new = tmp_path / "tmp" / "old", tmp_path / "tmp" / "new"
    for path in (old, new):
        path.write_bytes(b"half")
    os.utime(old, (old.stat().st_mtime - STALE_S - 1,) * 2)
    assert blobs.sweep() == 1
    assert new.exists()
    assert list(blobs.digests()) == [digest_of(b"whole")]


WRITER = """
import os, sys
from pathlib import Path
from viseon.adapters.blobs.files import FileBlobs
blobs = FileBlobs(Path(sys.argv[1]))
print("ready", flush=True)
while True:
    blobs.put(os.urandom(200_000))
"""


def test_a_killed_writer_leaves_only_whole_blobs(tmp_path):
    for round in range(3):
        command = [sys.executable, "-c", WRITER, str(tmp_path)]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
            process.stdout.readline()
            before = len(files(tmp_path))
            while len(files(tmp_path)) < before + 5 * (round + 1):
                pass
            process.kill()
    blobs = FileBlobs(tmp_path)
    stored = list(blobs.digests())
    assert len(stored) >= 5
    for digest in stored:
        assert digest_of(blobs.get(digest)) == digest
