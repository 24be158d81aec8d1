"""Versions that leave the house, and come back the same: tags, copies, bundles; near and far."""

import gzip
import hashlib
import io
import json
import subprocess
import tarfile

import cv2
import numpy as np
import pytest

from viseon import app, datasets
from viseon.datasets import bundle, export_dvc, unbundle
from viseon.datasets.bundle_copy import BundleCopy, header
from viseon.datasets.folder_copy import FolderCopy
from viseon.datasets.offline import verify_copy
from viseon.schema import (
    Conflict,
    Failed,
    Forbidden,
    Invalid,
    NotFound,
    ViseonError,
    canonical_json,
)


def photo(seed):
    rng = np.random.default_rng(seed)
    pixels = cv2.resize(rng.integers(0, 255, (6, 8, 3), np.uint8), (96, 72))
    return cv2.imencode(".png", pixels)[1].tobytes()


def box(id, name, x=1):
    return {"id": id, "class_name": name, "box": [x, 1, x + 20, 30]}


def add(platform, dataset, rows):
    lines = []
    for name, (data, more) in rows.items():
        lines.append(json.dumps({"filename": name, "digest": platform.blobs.put(data), **more}))
    platform.datasets.add(dataset, rows=platform.blobs.put("\n".join(lines).encode()))


def shop_of(platform):
    """Two versions: pictures, a file of no known kind, an empty file, labels, cameras."""
    platform.datasets.create(
        name="shop", classes=("bag", "person"), near=10, gap_s=5, ratios={"train": 3, "val": 1}
    )
    rows = {
        f"hall/{n:02d}.png": (
            photo(n),
            {
                "annotation": {"objects": [box("1", "bag", n)]},
                "metadata": {"camera_id": "c", "captured_at": 1000 + 10 * n},
            },
        )
        for n in range(12)
    }
    rows |= {
        "übung ×.bin": (b"anything", {"annotation": {}}),
        "empty": (b"", {}),
        "same.bin": (b"anything", {"annotation": {"classes": ["person"]}}),
    }
    add(platform, "shop", rows)
    platform.datasets.commit("shop", message="first")
    platform.datasets.remove("shop", filenames=("hall/03.png",))
    platform.datasets.commit("shop", message="second")
    return platform.datasets


@pytest.fixture
def shop(platform):
    return shop_of(platform)


@pytest.fixture
def tar(platform, shop, tmp_path):
    path = tmp_path / "shop-1.viseon.tar"
    bundle(platform, "shop", 1, to=path)
    return path


def test_a_version_goes_by_its_number_its_tag_and_latest(shop):
    shop.tag("shop", 1, tag="golden")
    assert shop.resolve("shop", "golden").number == 1
    assert shop.resolve("shop", "latest").number == 2
    assert shop.resolve("shop", "1") == shop.version("shop", 1)
    with pytest.raises(NotFound, match="tagged 'silver'"):
        shop.resolve("shop", "silver")
    with pytest.raises(NotFound, match="has no version 7"):
        shop.resolve("shop", "7")
    shop.create(name="bare")
    with pytest.raises(NotFound, match="no version yet"):
        shop.resolve("bare", "latest")


@pytest.mark.parametrize("name", ["latest", "3"])
def test_a_tag_never_hides_a_version(shop, name):
    with pytest.raises(Invalid, match="already"):
        shop.tag("shop", 1, tag=name)


def test_a_bundle_is_checked_by_standard_tools(platform, shop, tar, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    subprocess.run(["tar", "xf", tar], cwd=out, check=True)
    checked = subprocess.run(
        ["sha256sum", "-c", "--strict", "SHA256SUMS"], cwd=out, capture_output=True, text=True
    )
    assert checked.returncode == 0, checked.stderr
    listed = {line.partition(": ")[0] for line in checked.stdout.splitlines()}
    there = {p.relative_to(out).as_posix() for p in out.rglob("*") if p.is_file()}
    assert listed == there - {"SHA256SUMS"}
    version = shop.version("shop", 1)
    manifest = (out / "manifest.jsonl").read_bytes()
    assert hashlib.sha256(manifest).hexdigest() == version.fingerprint
    certificate = (out / "certificate.json").read_bytes()
    assert hashlib.sha256(certificate).hexdigest() == version.certificate


def test_equal_versions_give_equal_bytes_near_and_far(platform, local, shop, tar, tmp_path):
    again = tmp_path / "again.tar"
    shop.tag("shop", 1, tag="golden")
    bundle(local, "shop", 1, to=again)
    assert again.read_bytes() == tar.read_bytes()
    bundle(platform, "shop", to=tmp_path / "newest.tar")
    assert (tmp_path / "newest.tar").read_bytes() != tar.read_bytes()
    with pytest.raises(Conflict, match="there already"):
        bundle(platform, "shop", 1, to=again)


def test_a_bundle_becomes_a_version_with_the_same_fingerprint(platform, shop, tar, tmp_path):
    elsewhere = app.open(tmp_path / "elsewhere")
    for target, name in ((elsewhere, None), (platform, "copy")):
        made = unbundle(target, tar, name=name)
        origin = shop.version("shop", 1)
        assert (made.ref, made.fingerprint) == (f"{name or 'shop'}@1", origin.fingerprint)
        assert (made.splits, made.classes, made.task) == (
            origin.splits, origin.classes, origin.task,
        )  # fmt: skip
        assert target.datasets.verify(made.dataset, 1).problem == ""
        dataset = target.datasets.get(made.dataset)
        assert (dataset.near, dataset.gap_s) == (10, 5)
        assert dataset.ratios["train"] == 0.75
        stated, own = (
            shop.certificate("shop", 1), target.datasets.certificate(made.dataset, 1)
        )  # fmt: skip
        assert (own.balance, own.nearest) == (stated.balance, stated.nearest)
    with pytest.raises(Conflict, match="already exists"):
        unbundle(platform, tar)


def test_an_unbundled_dataset_keeps_its_splits_when_it_grows(platform, shop, tar):
    unbundle(platform, tar, name="copy")
    home = {s.filename: s.split for s in shop.samples("copy", version=1).items}
    close = {"metadata": {"camera_id": "c", "captured_at": 1000 + 10 * 4 + 2}}
    add(platform, "copy", {"new.png": (photo(77), close)})
    platform.datasets.commit("copy")
    assert shop.sample("copy", filename="new.png").split == home["hall/04.png"]


def test_pulled_folders_and_bundles_are_whole(platform, shop, tar, tmp_path):
    datasets.pull(platform, "shop", 1, into=tmp_path / "out")
    found = verify_copy(FolderCopy(tmp_path / "out"), app.images())
    assert (found.ok, found.problem) == (True, "")
    assert (found.version, found.samples) == ("shop@1", 15)
    with BundleCopy(tar) as copy:
        assert verify_copy(copy, app.images()) == found
    assert found.fingerprint == shop.version("shop", 1).fingerprint
    other = verify_copy(FolderCopy(tmp_path / "out"), None, expected="0" * 64)
    assert (other.ok, other.where) == (False, "manifest")


def _forge_split(root):
    """Move a frame to the other split and make everything else agree with it."""
    manifest = root / ".viseon" / "manifest.jsonl"
    lines = manifest.read_text().splitlines(keepends=True)
    here = next(i for i, line in enumerate(lines) if "hall/05" in line)
    old = "train" if '"train"' in lines[here] else "val"
    lines[here] = lines[here].replace(old, "val" if old == "train" else "train")
    near = json.loads(lines[here])
    lines[here + 1] = lines[here + 1].replace(
        '"captured_at":1060', f'"captured_at":{near["metadata"]["captured_at"] + 3}'
    )
    if json.loads(lines[here + 1])["split"] == near["split"]:
        lines[here + 1] = lines[here + 1].replace(near["split"], old)
    manifest.write_text("".join(lines))
    path = root / ".viseon" / "certificate.json"
    stated = json.loads(path.read_text())
    stated["fingerprint"] = hashlib.sha256(manifest.read_bytes()).hexdigest()
    samples = [json.loads(line) for line in lines[1:]]
    labels = {
        hashlib.sha256(line).hexdigest(): json.loads(line)
        for line in (root / ".viseon" / "annotations.jsonl").read_bytes().splitlines()
    }
    stated["splits"], stated["balance"] = {}, {}
    for sample in samples:
        split = sample["split"]
        stated["splits"][split] = stated["splits"].get(split, 0) + 1
        said = labels.get(sample.get("annotation"), {})
        for name in [o["class_name"] for o in said.get("objects", [])] + said.get("classes", []):
            of = stated["balance"].setdefault(name, {})
            of[split] = of.get(split, 0) + 1
    path.write_bytes(canonical_json(stated))


@pytest.mark.parametrize(
    ("spoil", "where", "words"),
    [
        (lambda r: (r / "hall/02.png").write_bytes(photo(99)), "bytes", "hall/02.png: its SHA-256"),
        (lambda r: (r / "hall/02.png").unlink(), "bytes", "hall/02.png: it is missing"),
        (lambda r: (r / "hall/extra.png").write_bytes(b"x"), "strays", "hall/extra.png"),
        (lambda r: _replace(r, "manifest.jsonl", '"train"', '"val"'), "manifest", "SHA-256"),
        (lambda r: _replace(r, "manifest.jsonl", "hall/02", "../etc"), "manifest", "line"),
        (lambda r: _replace(r, "manifest.jsonl", '{"annot', '{ "annot'), "manifest", "canonical"),
        (lambda r: _replace(r, "annotations.jsonl", '"bag"', '"person"'), "labels", "hall/0"),
        (lambda r: _replace(r, "annotations.jsonl", "{", "["), "labels", "line 1"),
        (lambda r: _replace(r, "certificate.json", '"near":10', '"near":9'), "", ""),
        (lambda r: _replace(r, "certificate.json", '"train":', '"test":'), "certificate", ""),
        (lambda r: _replace(r, "certificate.json", '"bag"', '"hat"'), "certificate", "classes"),
        (lambda r: _replace(r, "certificate.json", '"near":10', '"near":63'), "leakage", "bits"),
        (lambda r: _replace(r, "certificate.json", '"gap_s":5.0', '"gap_s":10.0'), "leakage", "camera c"),
        (_forge_split, "leakage", "camera c is in two splits only 3 s apart"),
    ],
)  # fmt: skip
def test_a_spoilt_folder_names_the_first_thing_that_differs(local, tmp_path, spoil, where, words):
    shop_of(local)
    root = tmp_path / "out"
    datasets.pull(local, "shop", 1, into=root)
    spoil(root)
    found = verify_copy(FolderCopy(root), app.images())
    assert (found.ok, found.where) == (not where, where), found.problem
    assert words in found.problem


def _replace(root, name, old, new):
    path = root / ".viseon" / name
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def entries(path):
    with tarfile.open(path) as tar:
        return {m.name: tar.extractfile(m).read() for m in tar.getmembers()}


def written(path, files, *, resum=True):
    """A bundle as its maker would have written it, sums and all."""
    if resum:
        lines = sorted((n, d) for n, d in files.items() if n != "SHA256SUMS")
        sums = "".join(f"{hashlib.sha256(d).hexdigest()}  {n}\n" for n, d in lines)
        files = {"SHA256SUMS": sums.encode()} | dict(lines)
    out = io.BytesIO()
    for name, data in files.items():
        out.write(header(name, len(data)) + data + bytes(-len(data) % 512))
    path.write_bytes(out.getvalue() + bytes(1024))
    return path


def refused(platform, path, words):
    before = [d.name for d in platform.datasets.find().items]
    with pytest.raises(ViseonError) as error:
        unbundle(platform, path, name="hostile")
    assert not isinstance(error.value, Conflict)
    assert words in error.value.message
    assert [d.name for d in platform.datasets.find().items] == before


def _entry(name, kind=tarfile.REGTYPE, link=""):
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, link
    return info.tobuf(tarfile.GNU_FORMAT)


@pytest.mark.parametrize(
    ("block", "words"),
    [
        (_entry("../../etc/passwd"), "../../etc/passwd"),
        (_entry("/etc/passwd"), "/etc/passwd"),
        (
            _entry("manifest.jsonl", tarfile.SYMTYPE, "/etc/passwd"),
            "manifest.jsonl: it is no plain",
        ),
        (_entry("manifest.jsonl", tarfile.LNKTYPE, "x"), "manifest.jsonl: it is no plain"),
        (_entry("blobs", tarfile.DIRTYPE), "blobs: no bundle"),
        (_entry("././@LongLink", tarfile.GNUTYPE_LONGNAME), "LongLink"),
        (_entry("blobs/aa/" + "b" * 64), "blobs/aa/bbb"),
        (header("version.json", 0), "version.json: it is there twice"),
    ],
)
def test_entries_that_no_bundle_has_are_named(platform, shop, tar, tmp_path, block, words):
    data = tar.read_bytes()
    path = tmp_path / "hostile.tar"
    path.write_bytes(data[:-1024] + block + bytes(1024))
    refused(platform, path, words)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda f: f.pop(next(n for n in f if n.startswith("blobs/"))), "is missing"),
        (lambda f: f.update({f"blobs/{_sha(b'x')[:2]}/{_sha(b'x')}": b"x"}), "belongs to no sample"),
        (lambda f: f.pop("manifest.jsonl"), "there is no manifest.jsonl"),
        (lambda f: f.update({"version.json": b"{}"}), "version.json: dataset"),
        (lambda f: f.update({"manifest.jsonl": b"{}\n"}), "manifest"),
        (lambda f: f.update({"manifest.jsonl": f["manifest.jsonl"][:-1]}), "canonical"),
        (lambda f: f.update({"annotations.jsonl": b""}), "annotation is missing"),
        (lambda f: f.update({"annotations.jsonl": f["annotations.jsonl"] + b"{}\n"}), ""),
        (lambda f: f.update({"certificate.json": b"{}"}), "certificate.json: its SHA-256 is 44136fa3"),
        (lambda f: _certify(f, b"{}"), "certificate cannot be read"),
        (lambda f: _swap(f, "certificate.json", b'"near":10', b'"near":9'), "and version.json says"),
        (lambda f: f.pop("certificate.json"), "certificate.json is missing"),
        (lambda f: _certify(f, None), "that there is none"),
        (lambda f: _swap(f, "version.json", b'"number":1', b'"number":7'), "says shop@7, the certificate shop@1"),
        (lambda f: _swap(f, "version.json", b'"bundle":1', b'"bundle":2'), "form 2 are not known"),
        (lambda f: _swap(f, "version.json", b'"shop"', b'"../x"'), "version.json: dataset"),
    ],
)  # fmt: skip
def test_a_bundle_that_was_put_together_wrongly_is_refused(
    platform, shop, tar, tmp_path, change, words
):
    files = entries(tar)
    change(files)
    path = written(tmp_path / "wrong.tar", files)
    if words:
        refused(platform, path, words)
    else:  # an empty annotation is one of the version's already
        assert unbundle(platform, path, name="copy").number == 1


def test_sums_that_lie_are_refused(platform, shop, tar, tmp_path):
    files = entries(tar)
    files["SHA256SUMS"] = files["SHA256SUMS"].replace(b"version.json", b"version.jsom")
    refused(platform, written(tmp_path / "sums.tar", files, resum=False), "SHA256SUMS")
    files["SHA256SUMS"] = entries(tar)["SHA256SUMS"] + b"x"
    refused(platform, written(tmp_path / "sums.tar", files, resum=False), "SHA256SUMS names")


def test_what_is_cut_off_or_altered_anywhere_is_refused(local, tmp_path):
    shop_of(local)
    tar = tmp_path / "whole.tar"
    bundle(local, "shop", 1, to=tar)
    data, path = tar.read_bytes(), tmp_path / "spoilt.tar"
    assert written(tmp_path / "same.tar", entries(tar), resum=False).read_bytes() == data
    for at in np.linspace(0, len(data) - 1, 97, dtype=int):
        path.write_bytes(data[:at])
        with pytest.raises(ViseonError), BundleCopy(path) as copy:
            _raise(verify_copy(copy, None, expected=copy.described.fingerprint))
        path.write_bytes(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])
        with pytest.raises(ViseonError), BundleCopy(path) as copy:
            _raise(verify_copy(copy, None, expected=copy.described.fingerprint))


def _raise(found):
    if not found.ok:
        raise Failed(found.problem)


def _swap(files, name, old, new):
    assert old in files[name]
    files[name] = files[name].replace(old, new, 1)


def _certify(files, data):
    """Make version.json speak of another certificate, or of none."""
    said = json.loads(files["version.json"])
    if data is None:
        del said["certificate"]
    else:
        said["certificate"], files["certificate.json"] = _sha(data), data
    files["version.json"] = canonical_json(said)


def test_what_is_no_bundle_or_goes_on_behind_its_end_is_told_so(platform, shop, tar, tmp_path):
    data, path = tar.read_bytes(), tmp_path / "odd.tar"
    for odd, words in (
        (b"hello", "it is no bundle"),
        (gzip.compress(data), "it is no bundle"),
        (data + b"x", "something follows its end"),
        (data + bytes(512), "something follows its end"),
        (data[:-512], "its end is missing"),
        (data[:-1024], "it is cut off after blobs/"),
    ):
        path.write_bytes(odd)
        refused(platform, path, words)


def test_copies_of_a_version_with_erased_samples_are_what_they_should_be(
    platform, shop, tar, tmp_path
):
    platform.storage.erase(dataset="shop", filename="hall/04.png", reason="request 17").wait()
    version = shop.version("shop", 1)
    datasets.pull(platform, "shop", 1, into=tmp_path / "out")
    found = verify_copy(FolderCopy(tmp_path / "out"), app.images())
    assert (found.ok, found.problem) == (True, "")
    assert (found.erased, found.samples) == (1, 15)
    assert found.fingerprint == version.effective_fingerprint
    assert verify_copy(
        FolderCopy(tmp_path / "out"), None, expected=version.effective_fingerprint
    ).ok  # fmt: skip
    other = verify_copy(FolderCopy(tmp_path / "out"), None, expected=version.fingerprint)
    assert other.problem.endswith("1 samples of it are erased")
    _replace(tmp_path / "out", "annotations.jsonl", '"bag"', '"person"')
    assert verify_copy(FolderCopy(tmp_path / "out"), None).where == "labels"
    with pytest.raises(Conflict, match="1 of its samples are erased"):
        bundle(platform, "shop", 1, to=tmp_path / "b.tar")
    assert not (tmp_path / "b.tar").exists()
    with pytest.raises(Forbidden, match="must not come back") as caught:
        unbundle(platform, tar, name="again")
    assert caught.value.message.startswith("the bundle holds what was erased here: file ")


def _sha(data):
    return hashlib.sha256(data).hexdigest()


def test_adopting_is_all_or_nothing(platform, shop):
    manifest, labels = shop.manifest("shop", 1), shop.annotations("shop", 1)
    with pytest.raises(Conflict, match="already exists"):
        shop.adopt("shop", manifest=manifest, annotations=labels)
    text = platform.blobs.get(manifest)
    cases = {
        "not in order": b"".join([*(lines := text.splitlines(True))[:1], lines[2], lines[1]]),
        "not stored": text.replace(lines[3].split(b'"digest":"')[1][:8], b"00000000"),
        "manifest: ": text.replace(b"hall/02.png", b"../02.png"),
    }
    for words, data in cases.items():
        with pytest.raises(ViseonError, match=words):
            shop.adopt("other", manifest=platform.blobs.put(data), annotations=labels)
    for data in (b"{\n", b'{"objects":[{"id":"1","class_name":"hat","box":[0,0,1,1]}]}\n'):
        with pytest.raises(Invalid, match="annotations, line 1"):
            shop.adopt("other", manifest=manifest, annotations=platform.blobs.put(data))
    with pytest.raises(NotFound):
        shop.get("other")
    with pytest.raises(Failed, match="do not keep the rules"):
        shop.adopt("other", manifest=manifest, annotations=labels, gap_s=30)
    made = shop.adopt("other", manifest=manifest, annotations=labels, gap_s=5)
    assert made.fingerprint == manifest


def test_an_export_for_dvc_is_the_same_near_and_far(platform, local, shop, tmp_path):
    cache = {"cache": tmp_path / "cache"}
    done = export_dvc(platform, "shop", 1, into=tmp_path / "a" / "shop", **cache)
    again = export_dvc(local, "shop", 1, into=tmp_path / "b" / "shop", **cache)
    assert (again.md5, again.size, again.files) == (done.md5, done.size, done.files)
    there = [
        {
            p.relative_to(tmp_path / at): p.read_bytes()
            for p in (tmp_path / at).rglob("*")
            if p.is_file()
        }
        for at in "ab"
    ]
    assert there[0] == there[1]
    assert {p.as_posix() for p in there[0]} > {"shop.dvc", "shop/hall/01.png", "shop/empty"}
    assert verify_copy(FolderCopy(tmp_path / "a" / "shop"), app.images()).ok
    listing = (done.cache / done.md5[:2] / done.md5[2:]).read_bytes()
    assert hashlib.md5(listing).hexdigest() == done.md5.removesuffix(".dir")
    for entry in json.loads(listing):
        kept = done.cache / entry["md5"][:2] / entry["md5"][2:]
        assert kept.stat().st_mode & 0o222 == 0
        assert hashlib.md5(kept.read_bytes()).hexdigest() == entry["md5"]
        assert kept.read_bytes() == (tmp_path / "a" / "shop" / entry["relpath"]).read_bytes()
    with pytest.raises(Invalid, match="is in no DVC repository"):
        export_dvc(platform, "shop", 1, into=tmp_path / "c" / "shop")
    assert not (tmp_path / "c").exists()
