"""Archives are imported like their folder, and never write outside it."""

import io
import tarfile
import tempfile
import zipfile
from pathlib import Path

import cv2
import numpy as np
import pytest

from viseon.datasets import archive, import_folder
from viseon.schema import Invalid

PNG = cv2.imencode(".png", np.zeros((48, 64, 3), np.uint8))[1].tobytes()
YOLO = {
    "data.yaml": b"names: [cat]\ntrain: images/train\n",
    "images/train/a.png": PNG,
    "labels/train/a.txt": b"0 .5 .5 .2 .2\n",
    "__MACOSX/images/train/._a.png": b"junk",
    "images/.DS_Store": b"junk",
}


def zipped(path, files, top=""):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as out:
        for name, data in files.items():
            out.writestr(top + name, data)
    return path


def tarred(path, files, top=""):
    mode = "w:" + {"gz": "gz", "tgz": "gz", "xz": "xz", "bz2": "bz2"}.get(
        path.name.split(".")[-1], ""
    )
    with tarfile.open(path, mode) as out:
        for name, data in files.items():
            entry = tarfile.TarInfo(top + name)
            entry.size = len(data)
            out.addfile(entry, io.BytesIO(data))
    return path


@pytest.mark.parametrize("top", ["", "export 1/"])
@pytest.mark.parametrize(
    "name", ["set.zip", "set.tar", "set.tar.gz", "SET.TGZ", "set.tar.xz", "set.tar.bz2"]
)
def test_an_archive_is_imported_like_its_folder(local, tmp_path, monkeypatch, name, top):
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))
    make = zipped if name.endswith("zip") else tarred
    files = YOLO if not top else {k: v for k, v in YOLO.items() if "MAC" not in k}
    assert import_folder(local, make(tmp_path / name, files, top), dataset="shop").added == 1
    (sample,) = local.datasets.samples("shop").items
    assert (sample.filename, sample.split) == ("train/a.png", "train")
    assert list(scratch.iterdir()) == []


def test_the_archive_name_is_a_hint_and_errors_name_the_archive(local, tmp_path):
    files = YOLO | {"labels/train/a.txt": b"0 .1 .1 .3 .1 .3 .3 .1 .3\n"}
    import_folder(local, zipped(tmp_path / "cars.yolov8-obb.zip", files), dataset="cars")
    assert local.datasets.get("cars").task == "obb"
    broken = YOLO | {"images/train/a.png": b"no picture"}
    with pytest.raises(Invalid) as caught:
        import_folder(local, zipped(tmp_path / "x.zip", broken), dataset="x")
    assert str(caught.value).startswith("x.zip/images/train/a.png: this is not a picture")


@pytest.mark.parametrize(
    "name", ["../evil.png", "a/../../evil.png", "/evil.png", "..\\evil.png", "C:\\x.png"]
)
@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_names_that_lead_out_are_refused(local, tmp_path, name, kind):
    make = zipped if kind == "zip" else tarred
    path = make(tmp_path / f"in.{kind}", YOLO | {name: PNG})
    with pytest.raises(Invalid, match="it leads out of the archive") as caught:
        import_folder(local, path, dataset="shop")
    assert name in str(caught.value)
    assert not list(tmp_path.rglob("evil.png"))


@pytest.mark.parametrize(("kind", "what"), [
    (tarfile.SYMTYPE, "link"), (tarfile.LNKTYPE, "link"), (tarfile.FIFOTYPE, "device"), (tarfile.CHRTYPE, "device"),
])  # fmt: skip
def test_links_and_devices_in_a_tar_are_refused(local, tmp_path, kind, what):
    path = tmp_path / "in.tar"
    with tarfile.open(path, "w") as out:
        entry = tarfile.TarInfo("images/a.png")
        entry.type, entry.linkname = kind, "/etc/passwd"
        out.addfile(entry)
    with pytest.raises(Invalid, match=rf"in\.tar: images/a\.png: it is a {what}, not a file"):
        import_folder(local, path, dataset="shop")


def test_a_link_in_a_zip_is_refused(local, tmp_path):
    path = tmp_path / "in.zip"
    with zipfile.ZipFile(path, "w") as out:
        entry = zipfile.ZipInfo("a.png")
        entry.external_attr = 0o120777 << 16
        out.writestr(entry, "/etc/passwd")
    with pytest.raises(Invalid, match=r"in\.zip: a\.png: it is a link"):
        import_folder(local, path, dataset="shop")


def test_what_unpacks_to_far_more_than_its_size_is_refused(local, tmp_path, monkeypatch):
    monkeypatch.setattr(archive, "SLACK", 1000)
    zeros = bytes(4 << 20)
    for path in (
        zipped(tmp_path / "in.zip", YOLO | {"zeros.png": zeros}),
        tarred(tmp_path / "in.tar.gz", YOLO | {"zeros.png": zeros}),
    ):
        with pytest.raises(Invalid, match=r"zeros\.png: it unpacks to more than 200 times"):
            import_folder(local, path, dataset="shop")
    lying = bytearray((tmp_path / "in.zip").read_bytes())
    for at in [
        i for i in range(len(lying)) if lying[i : i + 4] == len(zeros).to_bytes(4, "little")
    ]:
        lying[at : at + 4] = (10).to_bytes(4, "little")
    (tmp_path / "lying.zip").write_bytes(lying)
    with pytest.raises(Invalid, match=r"lying\.zip: zeros\.png: it"):
        import_folder(local, tmp_path / "lying.zip", dataset="shop")


def test_too_many_entries_are_refused(local, tmp_path, monkeypatch):
    monkeypatch.setattr(archive, "MOST_ENTRIES", 3)
    with pytest.raises(Invalid, match="more than 3 entries"):
        import_folder(local, zipped(tmp_path / "in.zip", YOLO), dataset="shop")


def test_an_entry_that_is_there_twice_is_refused(local, tmp_path):
    path = tmp_path / "in.zip"
    with zipfile.ZipFile(path, "w") as out:
        out.writestr("a.png", PNG)
        with pytest.warns(UserWarning, match="Duplicate"):
            out.writestr("a.png", PNG)
    with pytest.raises(Invalid, match=r"in\.zip: a\.png: it is there twice"):
        import_folder(local, path, dataset="shop")


def test_damage_and_passwords_are_named(local, tmp_path):
    whole = zipped(tmp_path / "in.zip", YOLO).read_bytes()
    damaged = bytearray(whole)
    at = damaged.index(b"images/train/a.png") + len("images/train/a.png") + 6
    damaged[at : at + 8] = b"XXXXXXXX"
    locked = whole.replace(
        b"PK\x01\x02\x14\x03\x14\x00\x00\x00", b"PK\x01\x02\x14\x03\x14\x00\x01\x00"
    )
    packed = tarred(tmp_path / "in.tar.gz", YOLO).read_bytes()
    for name, data, words in (
        ("cut.zip", whole[:-30], r"cut\.zip: it cannot be unpacked"),
        ("no.zip", b"not a zip", r"no\.zip: it cannot be unpacked"),
        ("bad.zip", bytes(damaged), r"bad\.zip: images/train/a\.png: it cannot be unpacked"),
        ("locked.zip", locked, r"locked\.zip: data\.yaml: it has a password"),
        ("cut.tar.gz", packed[:-40], r"cut\.tar\.gz: .*it cannot be unpacked"),
        ("no.tar", b"not a tar", r"no\.tar: it cannot be unpacked"),
    ):
        (tmp_path / name).write_bytes(data)
        with pytest.raises(Invalid, match=words) as caught:
            import_folder(local, tmp_path / name, dataset="shop")
        assert caught.value.fix


def test_other_files_are_not_taken_for_folders(local, tmp_path):
    path = tmp_path / "a.json"
    path.write_text("{}")
    with pytest.raises(Invalid, match=r"a\.json is a file"):
        import_folder(local, path, dataset="shop")


def test_two_files_that_would_be_one_sample_are_named(local, tmp_path):
    for folder in ("images", "."):
        (tmp_path / folder).mkdir(exist_ok=True)
        Path(tmp_path / folder / "a.png").write_bytes(PNG)
    with pytest.raises(Invalid, match=r"'a\.png' is there twice: as .*a\.png and as .*a\.png"):
        import_folder(local, tmp_path, dataset="shop")


def test_yolo_labels_without_names_are_not_left_behind(local, tmp_path):
    for name, data in YOLO.items():
        if name != "data.yaml":
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
    with pytest.raises(Invalid, match=r"no format here reads labels/train/a\.txt"):
        import_folder(local, tmp_path, dataset="shop")


def test_options_reach_the_format_and_need_one(local, tmp_path):
    path = zipped(tmp_path / "in.zip", YOLO)
    with pytest.raises(Invalid, match="options are a format's"):
        import_folder(local, path, dataset="shop", options={"task": "detect"})
    with pytest.raises(Invalid, match="did you mean 'task'"):
        import_folder(local, path, dataset="shop", format="yolo", options={"tsk": "detect"})
    assert import_folder(
        local, path, dataset="shop", format="yolo", options={"task": "detect"}
    ).added
