"""Files of a version on a disk: cloned, linked or copied."""

import os

import pytest

from viseon.adapters.blobs.files import FileBlobs
from viseon.adapters.blobs.memory import MemoryBlobs
from viseon.datasets import materialise
from viseon.schema import Conflict, Failed, Invalid


@pytest.fixture
def blobs(tmp_path):
    return FileBlobs(tmp_path / "store")


def _targets(blobs, folder, count=40):
    return [(folder / f"{n % 3}" / f"{n}.bin", blobs.put(b"%d" % n * n)) for n in range(count)]


def _pulled(blobs, targets, how):
    heard = []
    materialise.materialise(blobs, targets, how, heard.append)
    assert heard == list(range(1, len(targets) + 1))


def test_copies_are_files_of_their_own(blobs, tmp_path):
    targets = _targets(blobs, tmp_path / "out")
    _pulled(blobs, targets, "copy")
    for path, digest in targets:
        assert path.read_bytes() == blobs.get(digest)
        path.write_bytes(b"changed")
        assert blobs.get(digest) != b"changed"


def test_hard_links_are_the_stores_own_files_and_read_only(blobs, tmp_path):
    targets = _targets(blobs, tmp_path / "out")
    _pulled(blobs, targets, "hardlink")
    for path, digest in targets:
        assert path.samefile(blobs.path(digest))
        assert not path.stat().st_mode & 0o222


@pytest.mark.parametrize("root", [True, False])
def test_links_are_chosen_only_where_read_only_means_something(blobs, tmp_path, monkeypatch, root):
    monkeypatch.setattr(materialise, "_works", lambda how, *_: how == "hardlink")
    monkeypatch.setattr(os, "geteuid", lambda: 0 if root else 1000)
    digest = blobs.put(b"x")
    how = materialise.choose(blobs, tmp_path / "out", digest)
    assert how == ("copy" if root else "hardlink")
    assert materialise.choose(blobs, tmp_path / "out", digest, "hardlink") == "hardlink"


def test_clones_are_preferred(blobs, tmp_path, monkeypatch):
    monkeypatch.setattr(materialise, "_works", lambda how, *_: how == "reflink")
    assert materialise.choose(blobs, tmp_path / "out", blobs.put(b"x")) == "reflink"


def test_the_probe_asks_the_real_disk_and_leaves_nothing(blobs, tmp_path):
    how = materialise.choose(blobs, tmp_path / "out", blobs.put(b"x"), "hardlink")
    assert how == "hardlink"
    assert not list((tmp_path / "out").iterdir())


@pytest.mark.parametrize("wanted", ["hardlink", "reflink"])
def test_what_cannot_be_is_said(tmp_path, wanted):
    with pytest.raises(Invalid, match=f"no {wanted} can lead"):
        materialise.choose(MemoryBlobs(), tmp_path, "a" * 64, wanted)


@pytest.mark.parametrize("how", ["copy", "hardlink"])
def test_damaged_bytes_never_arrive(blobs, tmp_path, how):
    targets = _targets(blobs, tmp_path / "out", 5)
    stored = blobs.path(targets[3][1])
    stored.chmod(0o644)
    stored.write_bytes(b"damaged")
    with pytest.raises(Failed):
        _pulled(blobs, targets, how)
    assert not targets[3][0].exists()
    assert not list((tmp_path / "out").rglob("*.part"))


@pytest.mark.parametrize("there", ["file", "folder", "loop"])
def test_other_things_in_the_way_stay(blobs, tmp_path, there):
    targets = _targets(blobs, tmp_path / "out", 5)
    path = targets[2][0]
    path.parent.mkdir(parents=True)
    if there == "file":
        path.write_bytes(b"mine")
    elif there == "folder":
        path.mkdir()
    else:
        path.symlink_to(path)
    with pytest.raises(Conflict, match=path.name):
        _pulled(blobs, targets, "copy")
    assert os.path.lexists(path)


def test_what_is_there_already_is_left_alone(blobs, tmp_path):
    targets = _targets(blobs, tmp_path / "out")
    _pulled(blobs, targets, "copy")
    before = targets[7][0].stat().st_ino
    _pulled(blobs, targets, "copy")
    assert targets[7][0].stat().st_ino == before
