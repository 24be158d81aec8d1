"""Labels and shared versions from the command line, as people type them."""

import json

import cv2
import numpy as np
import pytest

pytestmark = pytest.mark.e2e


@pytest.fixture
def shop(viseon, tmp_path):
    """Two pictures with a bag each, committed; `edit` makes an edit."""
    root = tmp_path / "pictures"
    (root / "images").mkdir(parents=True)
    (root / "labels").mkdir()
    (root / "data.yaml").write_text("path: .\ntrain: images\nnames: [bag, person]\n")
    for number in (1, 2):
        pixels = np.random.default_rng(number).integers(0, 255, (64, 64, 3), np.uint8)
        cv2.imwrite(str(root / "images" / f"{number}.png"), pixels)
        (root / "labels" / f"{number}.txt").write_text("0 0.5 0.5 0.5 0.5\n")
    viseon("import", root, "shop")
    viseon("commit", "shop", "-m", "first")

    def edit(name, what, *more):
        viseon("annotations", "edit", "shop", "--filename", name, "--edit", json.dumps(what), *more)

    return edit


def thing(id, name, x=1):
    return {"id": id, "class_name": name, "box": [x, 16, x + 32, 48]}


def test_blame_edits_and_undo_say_who_and_what(viseon, shop):
    assert viseon("edits", "shop").stderr.strip() == "no label was edited"
    shop("1.png", {"put": [thing("1", "bag", 20)], "remove": []}, "--session", "monday")
    shop("1.png", {"put": [thing("m", "person")]}, "--source", "model", "--model", "people@3")
    blamed = [line.split() for line in viseon("blame", "shop", "1.png").stdout.splitlines()]
    assert [line[:3] for line in blamed] == [
        ["1", "bag", "local"], ["m", "person", "local"], ["reviewed", "yes", "local"],
    ]  # fmt: skip
    assert [" ".join(line[5:]) for line in blamed] == [
        "edit #1 [monday]", "model people@3, edit #2", "import, shop@1",
    ]  # fmt: skip
    then = viseon("blame", "shop@1", "1.png")
    assert then.stdout.splitlines()[0].endswith("import, shop@1")
    assert "64 by 64 pixels" in then.stderr
    newest, oldest = viseon("edits", "shop").stdout.splitlines()
    assert newest.startswith("#2 ")
    assert newest.endswith("local with people@3            1.png  m: person added")
    assert oldest.endswith("[monday]  1.png  1: bag, moved 4 px")
    assert viseon("edits", "shop", "--model", "people@3").stdout.count("\n") == 1
    assert viseon("edits", "shop", "--since", "1h", "--by", "local").stdout.count("\n") == 2
    shown = viseon("undo", "shop", "--session", "monday", "--dry-run")
    assert shown.stdout.strip() == "1.png  1: bag, moved 4 px (back to before #1)"
    assert shown.stderr.strip() == "1 label of 1 sample would be changed"
    assert viseon("edits", "shop").stdout.count("\n") == 2
    viseon("undo", "shop", "--session", "monday")
    viseon("undo", "shop", "--model", "people@3")
    assert viseon("diff", "shop@1").stdout == ""
    assert json.loads(viseon("edits", "shop", "--json").stdout)["items"][0]["undoes"] == 2


def test_what_cannot_be_undone_or_read_is_said(viseon, shop):
    shop("1.png", {"put": [thing("1", "bag", 20)]}, "--session", "monday")
    shop("1.png", {"put": [thing("1", "bag", 24)]})
    kept = viseon("undo", "shop", "--session", "monday")
    assert "kept: 1.png  1: bag, moved 4 px: local changed it later" in kept.stderr
    assert "1 edit kept: --force" in kept.stderr
    assert (
        "--since: 'noon' is no time"
        in viseon("edits", "shop", "--since", "noon", check=False).stderr
    )
    assert "nothing says what" in viseon("undo", "shop", check=False).stderr
    assert "no sample '9.png'" in viseon("blame", "shop", "9.png", check=False).stderr


def test_an_export_for_dvc_says_what_to_do_next(viseon, shop, tmp_path):
    (tmp_path / "repo" / ".dvc").mkdir(parents=True)
    (tmp_path / "repo" / ".git").mkdir()
    into = tmp_path / "repo" / "shop"
    done = viseon("dvc", "shop", into, "--format", "coco")
    assert done.stdout.startswith("shop@1  ")
    assert f"git add {into}.dvc {tmp_path / 'repo' / '.gitignore'}" in done.stderr
    assert (into / "annotations").is_dir()
    outside = viseon("dvc", "shop", tmp_path / "out" / "shop", check=False)
    assert outside.returncode == 1
    assert "is in no DVC repository" in outside.stderr
    assert "--cache FOLDER" in outside.stderr


def test_a_bundle_is_held_to_what_is_known_of_it_elsewhere(viseon, shop, tmp_path):
    bundle = tmp_path / "shop.tar"
    viseon("bundle", "shop@1", bundle)
    version = json.loads(viseon("datasets", "version", "shop", "1").stdout)
    trusted = ("--fingerprint", version["fingerprint"].upper())
    viseon("verify", bundle, *trusted, "--certificate", version["certificate"])
    viseon("verify", "shop@1", *trusted, "--certificate", version["certificate"])
    for option, stage in (("--fingerprint", "manifest"), ("--certificate", "certificate")):
        for what in (bundle, "shop@1"):
            differs = viseon("verify", what, option, "0" * 64, check=False)
            assert differs.returncode == 1
            assert any(
                line.startswith(stage) and "DIFFERS" in line for line in differs.stdout.splitlines()
            )
        told = viseon("verify", bundle, option, "abc", check=False)
        assert f"{option}: 'abc' is no SHA-256" in told.stderr
    bundle.write_bytes(b"hello")
    told = viseon("verify", bundle, check=False)
    assert told.stdout.splitlines()[0] == "shop.tar is NOT whole"
    viseon("pull", "shop@1", tmp_path / "out")
    (tmp_path / "out" / ".viseon" / "certificate.json").unlink()
    bare = viseon("verify", tmp_path / "out")
    assert "none" in next(
        line for line in bare.stdout.splitlines() if line.startswith("certificate")
    )
