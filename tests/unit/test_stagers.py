"""Several processes that stage files: their errors, their deaths and their leftovers."""

import errno
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


@pytest.mark.parametrize("count", [1, 2, 3, 19, 20, 21, 39, 40, 41, 81])
def test_batches_of_any_size_come_back_whole(tmp_path, count, monkeypatch):
    monkeypatch.setattr(stagers.os, "cpu_count", lambda: 3)
    paths = _files(tmp_path / "in", count)
    blobs = FileBlobs(tmp_path / "store")
    for _ in range(2):
        assert list(blobs.add_many(paths)) == [digest_of(p.read_bytes()) for p in paths]
    assert len(list(blobs.digests())) == count
    assert not list((tmp_path / "store" / "tmp").iterdir())


def test_a_name_is_given_away_only_once_it_is_on_the_disk(tmp_path, monkeypatch):
    """Whoever gets a digest may write it down at once; a power cut must not take the bytes back."""
    store = tmp_path / "store"
    told: list[str] = []
    synced: list[set[str]] = []

    def sync(folder):
        synced.append({p.name for p in store.glob("??/*")})

    monkeypatch.setattr("viseon.adapters.blobs.files.sync_everything", sync)
    monkeypatch.setattr(stagers, "PAYS", 10**6)  # here, where it can be seen
    for digest in FileBlobs(store).add_many(_files(tmp_path / "in", 50)):
        told.append(digest)
        assert digest[2:] in synced[-1]
    assert len(told) == 50


def test_a_disk_that_fails_in_a_process_is_found_here(tmp_path, monkeypatch, capfd):
    """The processes cannot name what they copied: a file lies where a folder should be."""
    paths = _files(tmp_path / "in", 50)
    blobs = FileBlobs(tmp_path / "store")
    (tmp_path / "store").mkdir()
    (tmp_path / "store" / digest_of(paths[33].read_bytes())[:2]).write_bytes(b"in the way")
    with pytest.raises(OSError, match="in-the-way|exists|directory"):
        list(blobs.add_many(paths))
    assert not list((tmp_path / "store" / "tmp").iterdir())
    assert capfd.readouterr().err == ""


def test_a_disk_that_fails_is_no_reason_to_try_again(tmp_path, monkeypatch):
    """The system reports lost writes once, perhaps to another process than the one that lost."""
    program = Path(stagers.stage.__file__).read_text()
    broken = tmp_path / "stage.py"
    broken.write_text(program.replace("if call is None or call(handle) != 0:", "if handle:"))
    assert broken.read_text() != program
    monkeypatch.setattr(stagers.stage, "__file__", str(broken))
    with pytest.raises(OSError, match="store") as caught:
        list(FileBlobs(tmp_path / "store").add_many(_files(tmp_path / "in", 50)))
    assert caught.value.errno == errno.EIO
    assert not list((tmp_path / "store" / "tmp").iterdir())


def test_a_path_with_a_nul_moves_no_digest_to_another_file(tmp_path):
    paths = _files(tmp_path / "in", 50)
    paths[10] = Path(f"{paths[10]}\0{paths[11]}")
    with pytest.raises(ValueError, match="NUL"):
        list(FileBlobs(tmp_path / "store").add_many(paths))
