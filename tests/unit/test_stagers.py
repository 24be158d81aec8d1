"""Several processes that stage files: their errors, their deaths and their leftovers."""

import os
from pathlib import Path

import pytest

from viseon.adapters.blobs import stagers
from viseon.adapters.blobs.files import FileBlobs
from viseon.adapters.blobs.stage import CHUNK
from viseon.schema import Busy, digest_of


@pytest.fixture(autouse=True)
def _at_once(monkeypatch):
    monkeypatch.setattr(stagers, "PAYS", 1)
    monkeypatch.setattr(stagers, "BATCH", 20)


def _files(folder: Path, count: int) -> list[Path]:
    folder.mkdir()
    made = [folder / f"ü {n}\n.bin" for n in range(count)]
    for n, path in enumerate(made):
        path.write_bytes(b"%d" % n * (1 if n % 7 else CHUNK))
    return made


def test_processes_give_the_digests_in_order(tmp_path):
    paths = _files(tmp_path / "in", 50)
    blobs = FileBlobs(tmp_path / "store")
    assert list(blobs.add_many(paths)) == [digest_of(p.read_bytes()) for p in paths]
    assert not list((tmp_path / "store" / "tmp").iterdir())


def test_a_file_that_went_away_is_named_and_leaves_nothing_half_done(tmp_path):
    paths = _files(tmp_path / "in", 50)
    paths[33].unlink()
    blobs = FileBlobs(tmp_path / "store")
    with pytest.raises(FileNotFoundError, match="ü 33"):
        list(blobs.add_many(paths))
    assert not list((tmp_path / "store" / "tmp").iterdir())
    kept = list(blobs.digests())
    assert all(digest_of(blobs.get(digest)) == digest for digest in kept)


def test_work_of_a_process_that_died_is_done_here(tmp_path, monkeypatch):
    started = stagers.Stagers._start

    def start_and_kill(self):
        started(self)
        for helper in self._helpers:
            helper.kill()
            helper.wait()

    monkeypatch.setattr(stagers.Stagers, "_start", start_and_kill)
    paths = _files(tmp_path / "in", 50)
    blobs = FileBlobs(tmp_path / "store")
    assert list(blobs.add_many(paths)) == [digest_of(p.read_bytes()) for p in paths]


def test_a_full_disk_is_said_and_leaves_no_temporary_files(tmp_path, monkeypatch):
    write = os.write
    left = [CHUNK + 100]

    def full(handle: int, data: memoryview) -> int:
        left[0] -= len(data)
        if left[0] < 0:
            raise OSError(28, "No space left on device")
        return write(handle, data)

    monkeypatch.setattr(stagers.os, "cpu_count", lambda: 0)
    monkeypatch.setattr(stagers, "PAYS", 10**6)  # here, where the disk can be pretended
    paths = _files(tmp_path / "in", 50)
    blobs = FileBlobs(tmp_path / "store")
    monkeypatch.setattr("viseon.adapters.blobs.stage.os.write", full)
    with pytest.raises(Busy, match="full"):
        list(blobs.add_many(paths))
    monkeypatch.undo()
    assert not list((tmp_path / "store" / "tmp").iterdir())
    assert list(blobs.add_many(paths)) == [digest_of(p.read_bytes()) for p in paths]
