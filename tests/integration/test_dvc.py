"""What is exported for DVC, asked of DVC itself: up to date, checked out, pulled from a remote."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest
import yaml

from viseon import app
from viseon.datasets import export_dvc
from viseon.datasets.folder_copy import FolderCopy
from viseon.datasets.offline import verify_copy
from viseon.schema import Conflict, Invalid


@pytest.fixture(scope="session")
def dvc_program():
    """DVC has an environment of its own, made by `make test`: its needs contradict ours."""
    beside = Path(sys.prefix) / "dvc" / "bin" / "dvc"
    found = os.environ.get("VISEON_TEST_DVC") or (
        str(beside) if beside.is_file() else shutil.which("dvc")
    )
    if found is None:
        pytest.skip("dvc is not installed: run make .venv/dvc/bin/dvc, or set VISEON_TEST_DVC")
    return found


@pytest.fixture
def dvc(dvc_program, tmp_path):
    """Runs `dvc …` in a folder, with no settings but the repository's; gives its output."""
    plain = {"HOME": str(tmp_path), "DVC_NO_ANALYTICS": "1"}
    plain |= {f"DVC_{kind}_CONFIG_DIR": str(tmp_path / kind) for kind in ("GLOBAL", "SYSTEM")}

    def run(folder, *arguments):
        done = subprocess.run(
            [dvc_program, *map(str, arguments)], cwd=folder, env=os.environ | plain,
            capture_output=True, text=True, timeout=120,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    return run


def git(folder, *arguments):
    who = ("-c", "user.name=Ada", "-c", "user.email=ada@example.org")
    done = subprocess.run(
        ["git", *who, *arguments], cwd=folder, check=True, capture_output=True, text=True
    )
    return done.stdout


@pytest.fixture
def repository(dvc, tmp_path):
    """A git repository with DVC and nothing in it."""
    root = tmp_path / "repository"
    root.mkdir()
    git(root, "init", "-q")
    dvc(root, "init", "-q")
    git(root, "commit", "-qm", "dvc init")
    return root


@pytest.fixture
def shop(local):
    """Two versions of pictures with boxes, in folders, with names in several scripts."""
    names = ["hall/01.png", "hall/02.png", "übung ×.png", "日本/😀.png", "same.png", "a-b.png"]
    local.datasets.create(name="shop", classes=("bag", "person"), near=None)
    for version, of in enumerate((names[:4], names[4:]), 1):
        rows = []
        for name in of:
            pixels = np.random.default_rng(len(name)).integers(0, 255, (48, 64, 3), np.uint8)
            data = cv2.imencode(".png", pixels)[1].tobytes()
            thing = {"id": "1", "class_name": "bag", "box": [1, 2, 30, 40]}
            size = {"width": 64, "height": 48, "annotation": {"objects": [thing]}}
            rows.append(json.dumps({"filename": name, "digest": local.blobs.put(data), **size}))
        local.datasets.add("shop", rows=local.blobs.put("\n".join(rows).encode()))
        local.datasets.commit("shop", message=f"number {version}")
    return local


def content(root):
    """Every file below a folder."""
    return {p.relative_to(root).as_posix(): p.read_bytes() for p in root.rglob("*") if p.is_file()}


def is_up_to_date(dvc, root):
    return json.loads(dvc(root, "status", "--json")) == {}


@pytest.mark.parametrize("format", [None, "coco", "yolo", "voc"])
def test_dvc_finds_an_export_up_to_date_and_would_have_written_the_same(
    dvc, repository, shop, format
):
    done = export_dvc(shop, "shop", 1, into=repository / "data" / "shop", format=format)
    assert is_up_to_date(dvc, repository)
    assert git(repository, "status", "--short", "-uall").splitlines() == [
        "?? data/.gitignore", "?? data/shop.dvc",
    ]  # fmt: skip
    ours = content(repository / "data")
    cached = content(repository / ".dvc" / "cache" / "files")
    said = yaml.safe_load(ours["shop.dvc"])
    assert said["outs"] == [
        {"md5": done.md5, "size": done.size, "nfiles": done.files, "hash": "md5", "path": "shop"}
    ]
    shutil.rmtree(repository / ".dvc" / "cache")
    (repository / "data" / "shop.dvc").unlink()
    (repository / "data" / ".gitignore").unlink()
    dvc(repository, "add", "-q", "data/shop")
    assert content(repository / ".dvc" / "cache" / "files") == cached
    theirs = content(repository / "data")
    assert yaml.safe_load(theirs.pop("shop.dvc"))["outs"] == said["outs"]
    del ours["shop.dvc"]
    assert theirs == ours


def test_dvc_brings_the_files_back_from_the_cache_and_from_a_remote(
    dvc, repository, shop, tmp_path
):
    folder = repository / "data" / "shop"
    export_dvc(shop, "shop", 1, into=folder)
    first = content(folder)
    dvc(repository, "remote", "add", "-q", "-d", "shelf", tmp_path / "shelf")
    dvc(repository, "push", "-q")
    git(repository, "add", "-A")
    git(repository, "commit", "-qm", "shop@1")
    shutil.rmtree(folder)
    dvc(repository, "checkout", "-q")
    assert content(folder) == first
    export_dvc(shop, "shop", 2, into=folder)
    assert is_up_to_date(dvc, repository)
    dvc(repository, "push", "-q")
    git(repository, "commit", "-qam", "shop@2")
    clone = tmp_path / "clone"
    git(tmp_path, "clone", "-q", repository, clone)
    dvc(clone, "pull", "-q")
    assert content(clone / "data" / "shop") == content(folder)
    found = verify_copy(FolderCopy(clone / "data" / "shop"), app.images())
    assert (found.ok, found.version) == (True, "shop@2")
    git(clone, "checkout", "-q", "HEAD~1")
    dvc(clone, "pull", "-q")
    assert content(clone / "data" / "shop") == first


def test_a_remote_can_be_filled_directly(dvc, repository, shop, tmp_path):
    shelf = tmp_path / "shelf"
    export_dvc(shop, "shop", into=repository / "shop", cache=shelf)
    ours = content(repository / "shop")
    assert not (repository / ".dvc" / "cache").exists()
    shutil.rmtree(repository / "shop")
    dvc(repository, "remote", "add", "-q", "-d", "shelf", shelf)
    dvc(repository, "pull", "-q")
    assert content(repository / "shop") == ours


def test_the_cache_is_where_the_repository_has_it(dvc, repository, shop, tmp_path):
    dvc(repository, "config", "core.autostage", "false")
    dvc(repository, "remote", "add", "-q", "shelf", tmp_path / "shelf")
    dvc(repository, "config", "cache.dir", "../far")
    done = export_dvc(shop, "shop", into=repository / "deep" / "er" / "shop")
    assert done.cache.resolve() == tmp_path / "far" / "files" / "md5"
    assert is_up_to_date(dvc, repository)
    dvc(repository, "config", "--local", "cache.dir", tmp_path / "own")
    done = export_dvc(shop, "shop", into=repository / "shop2")
    assert done.cache.resolve() == tmp_path / "own" / "files" / "md5"
    assert is_up_to_date(dvc, repository / "shop2" / "..")


def test_what_people_wrote_into_the_note_stays(dvc, repository, shop):
    folder = repository / "shop"
    export_dvc(shop, "shop", 1, into=folder)
    note = repository / "shop.dvc"
    said = yaml.safe_load(note.read_text())
    version = shop.datasets.version("shop", 1)
    assert said["meta"] == {
        "viseon": {
            "version": "shop@1",
            "fingerprint": version.fingerprint,
            "certificate": version.certificate,
        }
    }
    said["meta"]["owner"] = "ada"
    said["desc"] = "the shop"
    said["outs"][0]["push"] = False
    note.write_text(yaml.safe_dump(said))
    export_dvc(shop, "shop", 2, into=folder)
    again = yaml.safe_load(note.read_text())
    assert (again["desc"], again["meta"]["owner"], again["outs"][0]["push"]) == (
        "the shop", "ada", False,
    )  # fmt: skip
    assert again["meta"]["viseon"]["version"] == "shop@2"
    assert is_up_to_date(dvc, repository)


@pytest.mark.parametrize("name", ["dvc.yaml", "x/.dvcignore", "notes.dvc", ".git/x", "a/.dvc/b"])
def test_names_that_dvc_keeps_for_itself_are_refused(dvc, repository, local, name):
    local.datasets.create(name="shop")
    row = {"filename": name, "digest": local.blobs.put(b"x")}
    local.datasets.add("shop", rows=local.blobs.put(json.dumps(row).encode()))
    local.datasets.commit("shop")
    with pytest.raises(Invalid, match="DVC cannot track") as told:
        export_dvc(local, "shop", into=repository / "shop")
    assert name in told.value.message
    assert [p.name for p in repository.iterdir() if not p.name.startswith(".")] == []
    assert is_up_to_date(dvc, repository)


def test_what_dvc_does_not_have_is_never_overwritten(dvc, repository, shop):
    folder = repository / "shop"
    export_dvc(shop, "shop", 1, into=folder)
    (folder / "notes.txt").write_text("mine")
    with pytest.raises(Conflict, match=r"not what shop\.dvc says"):
        export_dvc(shop, "shop", 2, into=folder)
    dvc(repository, "add", "-q", "shop")
    export_dvc(shop, "shop", 2, into=folder)
    assert not (folder / "notes.txt").exists()
    shutil.rmtree(repository / ".dvc" / "cache")
    with pytest.raises(Conflict, match="lacks some of it"):
        export_dvc(shop, "shop", 1, into=folder)
