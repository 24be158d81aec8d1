"""Bad input through the real import: named, with a fix, and nothing is half done."""

import errno
import importlib
import io
import os
import random
import struct
import subprocess
import sys
import tarfile
import tempfile
import unicodedata
import zipfile
import zlib
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np
import pytest

from viseon import datasets
from viseon.app import House
from viseon.datasets import disks
from viseon.schema import Busy, Conflict, Invalid, NotFound, Unavailable, digest_of
from viseon.settings import Settings

WIDTH, HEIGHT = 64, 48


def encoded(suffix, seed=0, size=(WIDTH, HEIGHT)):
    pixels = np.random.default_rng(seed).integers(0, 255, (size[1], size[0], 3), np.uint8)
    return cv2.imencode(suffix, pixels)[1].tobytes()


def tree(root, files):
    for name, data in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data if isinstance(data, bytes) else data.encode())
    return root


def refused(platform, root, words, *, error=Invalid, dataset="shop"):
    """The message; nothing was added."""
    with pytest.raises(error, match=words) as caught:
        datasets.import_folder(platform, root, dataset=dataset)
    assert caught.value.fix
    with pytest.raises(NotFound):
        platform.datasets.get(dataset)
    return caught.value


# pictures


def chunk(name, data):
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png_bomb():
    """20000x20000 real black pixels in some 50 KB."""
    side = 20000
    rows = zlib.compress(bytes(side * (side // 8 + 1)), 9)
    head = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def claims(suffix, at, value):
    data = bytearray(encoded(suffix))
    start = data.index(b"\xff\xc0") if suffix == ".jpg" else 0
    data[start + at : start + at + len(value)] = value
    return bytes(data)


BOMBS = {
    "a.png": png_bomb(),
    "b.jpg": claims(".jpg", 5, struct.pack(">HH", 60000, 60000)),
    "c.bmp": claims(".bmp", 18, struct.pack("<ii", 60000, 60000)),
    "d.gif": b"GIF89a" + struct.pack("<HH", 30000, 30000) + bytes(50),
    "e.webp": b"RIFF" + struct.pack("<I", 26) + b"WEBPVP8X" + struct.pack("<I", 10)
    + bytes(4) + (59999).to_bytes(3, "little") * 2 + bytes(4),
}  # fmt: skip


@pytest.mark.parametrize("name", BOMBS)
def test_pictures_of_too_many_pixels_are_refused_unopened(local, tmp_path, name):
    root = tree(tmp_path / "in", {"good.png": encoded(".png"), name: BOMBS[name]})
    refused(
        local, root, rf"{name}: the picture claims (60000x60000|30000x30000|20000x20000) pixels"
    )


def with_thumbnail(data):
    """A JPEG as cameras write it: a smaller one, with an end of its own, in its Exif."""
    inner = b"Exif\0\0" + encoded(".jpg", size=(16, 12))
    return data[:2] + b"\xff\xe1" + struct.pack(">H", len(inner) + 2) + inner + data[2:]


@pytest.mark.parametrize("thumbnail", [False, True])
@pytest.mark.parametrize("share", [0.3, 0.6, 0.9, 0.99])
def test_a_jpeg_cut_short_anywhere_is_named(local, tmp_path, share, thumbnail):
    data = encoded(".jpg", size=(400, 300))
    data = with_thumbnail(data) if thumbnail else data
    whole = tree(tmp_path / "whole", {"a.jpg": data})
    assert datasets.import_folder(local, whole, dataset="whole").added == 1
    at = int(len(data) * share)
    root = tree(tmp_path / "in", {"a.jpg": data[:at]})
    refused(local, root, rf"a\.jpg: the picture is cut short after {at} bytes")


def test_a_jpeg_with_long_profiles_and_a_video_behind_it_is_whole(local, tmp_path):
    data = encoded(".jpg")
    profile = b"\xff\xe2" + struct.pack(">H", 65535) + bytes(65533)
    data = data[:2] + profile * 3 + data[2:]
    root = tree(
        tmp_path / "in", {"a.jpg": data, "b.jpg": data + random.Random(0).randbytes(200000)}
    )
    assert datasets.import_folder(local, root, dataset="shop").added == 2
    refused(local, tree(tmp_path / "cut", {"a.jpg": data[:-40]}), "cut short", dataset="cut")


# files of no bytes

EMPTY = {
    "a.png": ({"a.png": b""}, r"a\.png: the picture is empty: 0 bytes"),
    "coco": ({"annotations/instances_train.json": b""}, r"instances_train\.json is empty: 0 bytes"),
    "labelstudio": ({"tasks.json": b""}, r"tasks\.json is empty: 0 bytes"),
    "cvat": ({"annotations.xml": b""}, r"annotations\.xml is empty: 0 bytes"),
    "voc": ({"JPEGImages/b.png": encoded(".png"), "Annotations/b.xml": b""}, r"b\.xml: this is not XML"),
    "names": ({"obj.names": b"", "b.png": encoded(".png"), "b.txt": b"0 .5 .5 .2 .2"}, r"there are 0"),
    "zip": (None, r"in\.zip: it cannot be unpacked"),
}  # fmt: skip


@pytest.mark.parametrize("name", EMPTY)
def test_files_of_no_bytes_are_named(local, tmp_path, name):
    files, words = EMPTY[name]
    if files is None:
        (tmp_path / "in.zip").touch()
        refused(local, tmp_path / "in.zip", words)
    else:
        refused(local, tree(tmp_path / "in", {"images/ok.png": encoded(".png")} | files), words)


def test_an_empty_yolo_label_says_that_nothing_is_in_the_picture(local, tmp_path):
    files = {"data.yaml": "names: [cat]", "images/a.png": encoded(".png"), "labels/a.txt": b""}
    datasets.import_folder(local, tree(tmp_path, files), dataset="shop")
    (sample,) = local.datasets.samples("shop").items
    assert sample.annotation == digest_of(b"{}")


# links


def test_links_in_circles_end_and_links_within_bring_the_file_they_name(local, tmp_path):
    root = tree(tmp_path / "in", {"a.png": encoded(".png"), "deep/b.png": encoded(".png", 1)})
    (root / "deep" / "up").symlink_to(root)
    (root / "self").symlink_to("self")
    (root / "deep" / "linked.png").symlink_to("../a.png")
    assert datasets.import_folder(local, root, dataset="shop").added == 3
    names = [s.filename for s in local.datasets.samples("shop").items]
    assert names == ["a.png", "deep/b.png", "deep/linked.png"]


def test_links_that_lead_nowhere_hide_no_pictures_further_down(local, tmp_path):
    root = tree(tmp_path / "in", {"deep/a.png": encoded(".png"), "deep/b.png": encoded(".png", 1)})
    (root / "loop").symlink_to("loop")
    (root / "gone").symlink_to("nowhere")
    (root / "deep" / "loop").symlink_to("loop")
    assert datasets.import_folder(local, root, dataset="shop").added == 2


@pytest.mark.parametrize("what", ["disguise", "folder", "labels"])
def test_a_link_that_leads_out_is_refused_by_name(local, tmp_path, what):
    outside = tree(tmp_path / "private", {"me.png": encoded(".png"), "me.txt": "0 .5 .5 .2 .2"})
    files = {"images/a.png": encoded(".png", 1), "data.yaml": "names: [cat]"}
    root = tree(tmp_path / "in", files)
    (root / "labels").mkdir()
    link, target = {
        "disguise": ("images/b.png", outside / "me.txt"),
        "folder": ("images/more", outside),
        "labels": ("labels/a.txt", outside / "me.txt"),
    }[what]
    (root / link).symlink_to(target)
    error = refused(local, root, f"{link} is a link that leads out of the folder, to {target}")
    assert "cp -RL" in error.fix
    subprocess.run(["cp", "-RL", root, tmp_path / "copy"], check=True)
    if what == "disguise":
        refused(local, tmp_path / "copy", "not a picture")
        return
    added = datasets.import_folder(local, tmp_path / "copy", dataset="shop").added
    assert added == (1 if what == "labels" else 2)


def test_a_folder_of_links_to_pictures_brings_the_pictures(local, tmp_path):
    outside = tree(tmp_path / "all", {f"{n}.png": encoded(".png", n) for n in range(3)})
    root = tree(tmp_path / "some", {})
    root.mkdir(exist_ok=True)
    for n in range(2):
        (root / f"{n}.png").symlink_to(outside / f"{n}.png")
    assert datasets.import_folder(local, root, dataset="shop").added == 2


@pytest.mark.parametrize("name", ["pipe.png", "labels/a.txt"])
def test_a_pipe_is_refused_by_name_and_not_waited_for(local, tmp_path, name):
    root = tree(tmp_path / "in", {"images/a.png": encoded(".png")})
    (root / "labels").mkdir()
    os.mkfifo(root / name)
    assert "remove it" in refused(local, root, f"{name} is a pipe, a socket or a device").fix


def test_the_folder_itself_may_be_a_link(local, tmp_path):
    tree(tmp_path / "in", {"a.png": encoded(".png")})
    (tmp_path / "link").symlink_to(tmp_path / "in")
    assert datasets.import_folder(local, tmp_path / "link", dataset="shop").added == 1


@pytest.mark.parametrize("kind", ["zip", "tar"])
def test_links_paths_and_bombs_in_archives_write_nothing_anywhere(
    local, tmp_path, monkeypatch, kind
):
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))
    for number, (name, link) in enumerate(
        [
            ("../out.png", ""),
            ("/out.png", ""),
            ("a/../../out.png", ""),
            ("l", "/etc"),
            ("z", "bomb"),
        ]
    ):
        path = tmp_path / f"in{number}.{kind}"
        data = bytes(60 << 20) if link == "bomb" else encoded(".png")
        monkeypatch.setattr(datasets.archive, "SLACK", 1 << 20)
        if kind == "zip":
            with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as out:
                entry = zipfile.ZipInfo(name)
                entry.compress_type = zipfile.ZIP_DEFLATED
                if link == "/etc":
                    entry.external_attr = 0o120777 << 16
                out.writestr(entry, link if link == "/etc" else data)
        else:
            with tarfile.open(path.with_suffix(".tar.gz"), "w:gz") as out:
                entry = tarfile.TarInfo(name)
                entry.size = 0 if link == "/etc" else len(data)
                if link == "/etc":
                    entry.type, entry.linkname = tarfile.SYMTYPE, link
                out.addfile(entry, io.BytesIO(data))
            path = path.with_suffix(".tar.gz")
        refused(local, path, "leads out of the archive|it is a link|unpacks to more than")
    assert not list(tmp_path.rglob("out.png"))
    assert not Path("/out.png").exists()
    assert list(scratch.iterdir()) == []


# names


def test_names_of_two_compositions_are_one_name(local, tmp_path):
    taken_apart = unicodedata.normalize("NFD", "übung.png")
    root = tree(tmp_path / "in", {taken_apart: encoded(".png")})
    datasets.import_folder(local, root, dataset="shop")
    (sample,) = local.datasets.samples("shop").items
    assert sample.filename == "übung.png"
    again = tree(tmp_path / "again", {"übung.png": encoded(".png")})
    assert datasets.import_folder(local, again, dataset="shop").unchanged == 1
    both = tree(tmp_path / "both", {"übung.png": encoded(".png"), taken_apart: encoded(".png", 1)})
    refused(local, both, r"'übung\.png' is there twice: as .* and as ", dataset="both")


COMPOSED = {
    "coco": {
        "annotations/instances_train.json": '{"images": [{"id": 1, "file_name": "NAME"}],'
        ' "annotations": [], "categories": []}'
    },
    "csv": {"boxes.csv": "filename,class,x1,y1,x2,y2\nNAME,,,,,\n"},
    "cvat": {"annotations.xml": '<annotations><image id="0" name="NAME"/></annotations>'},
    "labelstudio": {
        "tasks.json": '[{"id": 1, "data": {"image": "NAME"}, "annotations": [{"result": []}]}]'
    },
}


@pytest.mark.parametrize("format", COMPOSED)
@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_labels_find_pictures_of_the_other_composition(local, tmp_path, format, form):
    other = {"NFC": "NFD", "NFD": "NFC"}[form]
    files = {
        name: text.replace("NAME", unicodedata.normalize(form, "é.png"))
        for name, text in COMPOSED[format].items()
    }
    picture = "images/" + unicodedata.normalize(other, "é.png")
    root = tree(tmp_path / "in", files | {picture: encoded(".png")})
    datasets.import_folder(local, root, dataset="shop")
    (sample,) = local.datasets.samples("shop").items
    assert (sample.filename, sample.annotation) == ("é.png", digest_of(b"{}"))


@pytest.fixture
def colliding(local, tmp_path):
    files = {"A.jpg": encoded(".jpg"), "a.jpg": encoded(".jpg", 1), "b.jpg": encoded(".jpg", 2)}
    root = tree(tmp_path / "in", files)
    datasets.import_folder(local, root, dataset="shop")
    local.datasets.commit("shop")
    return local


def test_names_that_differ_in_case_come_back_on_a_disk_that_tells_them_apart(colliding, tmp_path):
    datasets.pull(colliding, "shop", into=tmp_path / "out")
    assert (tmp_path / "out" / "A.jpg").read_bytes() == encoded(".jpg")
    assert (tmp_path / "out" / "a.jpg").read_bytes() == encoded(".jpg", 1)


@pytest.mark.parametrize("format", [None, "coco", "folder"])
def test_on_another_disk_they_are_refused_before_anything_is_written(
    colliding, tmp_path, monkeypatch, format
):
    monkeypatch.setattr(disks, "tells_not_apart", lambda _: True)
    with pytest.raises(Conflict, match=r"'A\.jpg' and 'a\.jpg' are one file on the disk") as caught:
        datasets.pull(colliding, "shop", into=tmp_path / "out", format=format)
    assert "another disk" in caught.value.fix
    assert not list(tmp_path.glob("out/*"))


@pytest.mark.parametrize(
    "names", [("a", "A"), ("ü", "Ü"), ("stra\u00dfe", "STRASSE"), ("e\u0301", "\u00c9")]
)
def test_what_some_disk_takes_for_one_name_is_known(names):
    assert disks.folded(names[0]) == disks.folded(names[1])


def test_the_disk_itself_is_asked_and_nothing_is_left_on_it(tmp_path):
    (tmp_path / "case").touch()
    assert disks.tells_not_apart(tmp_path) == (tmp_path / "CASE").exists()
    assert [p.name for p in tmp_path.iterdir()] == ["case"]


# full disks


@contextmanager
def small_disk(folder, megabytes):
    """A real file system of so many megabytes."""
    folder.mkdir(parents=True, exist_ok=True)
    command = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        pytest.skip(f"no small disk can be mounted here, run as root: {done.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.fixture
def photos(tmp_path):
    """Some 4 MB of pictures."""
    files = {f"{n:02d}.png": encoded(".png", n, (300, 230)) for n in range(20)}
    return tree(tmp_path / "photos", files)


def test_a_store_whose_disk_is_full_stays_whole_and_takes_the_rest_later(tmp_path, photos):
    with small_disk(tmp_path / "disk", 4) as disk:
        house = House(Settings(home=disk / "home", jobs="inline"))
        platform = house.platform()
        filler = disk / "filler"
        filler.write_bytes(bytes(1 << 20))
        with pytest.raises(Busy, match="disk of the store is full") as caught:
            datasets.import_folder(platform, photos, dataset="shop")
        assert "free some space" in caught.value.fix
        blobs = disk / "home"
        assert [p for p in blobs.rglob("tmp/*") if p.is_file()] == []
        for path in [p for p in blobs.glob("**/blobs/**/??/*") if p.is_file()]:
            assert digest_of(path.read_bytes()) == path.parent.name + path.name
        filler.unlink()
        subprocess.run(["mount", "-o", "remount,size=64m", str(disk)], check=True)
        assert datasets.import_folder(platform, photos, dataset="shop").added == 20
        assert platform.datasets.commit("shop").samples == 20
        house.close()


@pytest.mark.parametrize("format", [None, "coco", "yolo"])
def test_a_pull_onto_a_full_disk_says_which_and_goes_on_when_there_is_room(
    local, tmp_path, photos, format
):
    datasets.import_folder(local, photos, dataset="shop")
    local.datasets.commit("shop")
    with small_disk(tmp_path / "disk", 2) as disk:
        with pytest.raises(Busy, match=f"the disk of {disk / 'out'} is full"):
            datasets.pull(local, "shop", into=disk / "out", format=format)
        assert not list(disk.rglob("*.part"))
        left = [p for p in disk.rglob("*.png")]
        assert all(p.read_bytes() == (photos / p.name).read_bytes() for p in left)
        if format:
            assert list(disk.iterdir()) == []
        subprocess.run(["mount", "-o", "remount,size=64m", str(disk)], check=True)
        datasets.pull(local, "shop", into=disk / "out", format=format)
        assert len(list((disk / "out").rglob("*.png"))) == 20


def test_a_bundle_onto_a_full_disk_says_which_and_leaves_nothing(local, tmp_path, photos):
    datasets.import_folder(local, photos, dataset="shop")
    local.datasets.commit("shop")
    with small_disk(tmp_path / "disk", 2) as disk:
        with pytest.raises(Busy, match=f"the disk of {disk} is full"):
            datasets.bundle(local, "shop", to=disk / "shop.tar")
        assert list(disk.iterdir()) == []


@pytest.mark.parametrize(
    ("number", "said"),
    [(errno.EIO, "Error: a disk failed"), (errno.EROFS, "Error: a disk that is written to can")],
)
def test_a_disk_that_fails_is_no_traceback(monkeypatch, capsys, number, said):
    def fails(**_):
        raise OSError(number, os.strerror(number), "/data/blobs")

    main = importlib.import_module("viseon.cli.main")
    monkeypatch.setattr(main, "build_cli", lambda *_: fails)
    with pytest.raises(SystemExit) as caught:
        main.main()
    assert caught.value.code == 1
    shown = capsys.readouterr().err
    assert said in shown
    assert "(/data/blobs)" in shown
    assert "fix: " in shown


def test_a_report_onto_a_full_disk_is_no_traceback(tmp_path, monkeypatch, capsys):
    with small_disk(tmp_path / "disk", 1) as disk:
        (disk / "filler").write_bytes(bytes(1 << 20))
        shown = disk / "page.html"
        main = importlib.import_module("viseon.cli.main")
        monkeypatch.setattr(main, "build_cli", lambda *_: lambda **_: shown.write_text("long"))
        with pytest.raises(SystemExit) as caught:
            main.main()
    assert caught.value.code == 1
    assert "disk that is written to is full" in (said := capsys.readouterr().err)
    assert "fix: free some space" in said


def test_an_archive_that_does_not_fit_says_so_and_leaves_nothing(
    local, tmp_path, photos, monkeypatch
):
    path = tmp_path / "in.zip"
    with zipfile.ZipFile(path, "w") as out:
        for picture in photos.iterdir():
            out.write(picture, picture.name)
    with small_disk(tmp_path / "disk", 2) as disk:
        monkeypatch.setattr(tempfile, "tempdir", str(disk))
        error = refused(local, path, f"the disk of {disk}.* is full", error=Busy)
        assert "TMPDIR" in error.fix
        assert list(disk.iterdir()) == []


def test_a_quota_that_is_used_up_is_a_full_disk(tmp_path):
    def write():
        with disks.room(tmp_path):
            raise OSError(errno.EDQUOT, os.strerror(errno.EDQUOT))

    with pytest.raises(Busy, match="is full"):
        write()


# a database that goes away


@pytest.mark.parametrize("moment", ["creating", "adding"])
def test_a_connection_lost_during_an_import_is_said_and_the_import_done_again(
    tmp_path, photos, postgres_url, postgres_server, monkeypatch, moment
):
    name = postgres_url[-16:]
    url = f"{postgres_url}&application_name={name}"
    house = House(Settings(home=tmp_path / "home", database=url, jobs="inline"))
    platform = house.platform()

    def cut():
        postgres_server(
            "select pg_terminate_backend(pid) from pg_stat_activity"
            f" where application_name = '{name}'"
        )

    module, function = {
        "creating": ("viseon.datasets.service", "_distinct"),
        "adding": ("viseon.datasets.service", "admitted"),
    }[moment]
    real = getattr(sys.modules[module], function)
    cuts = []

    def then(*given):
        if not cuts:
            cuts.append(cut())
        return real(*given)

    monkeypatch.setattr(f"{module}.{function}", then)
    if moment == "adding":
        with pytest.raises(Unavailable, match="the database does not answer") as caught:
            datasets.import_folder(platform, photos, dataset="shop")
        assert "try again" in caught.value.fix
        assert platform.datasets.samples("shop").items == ()
    else:  # nothing was under way yet: a new connection is made
        datasets.import_folder(platform, photos, dataset="shop")
    assert cuts == [None]
    found = datasets.import_folder(platform, photos, dataset="shop")
    assert found.added + found.unchanged == 20
    assert platform.datasets.commit("shop").samples == 20
    house.close()


# labels out of range

COCO = (
    '{{"images": [{{"id": 1, "file_name": "a.png"}}], "categories": [{{"id": 1, "name": "cat"}}],'
    ' "annotations": [{{"id": 7, "image_id": 1, "category_id": {id}, "bbox": {box}}}]}}'
)
VOC = (
    "<annotation><object><name>cat</name><bndbox><xmin>{0}</xmin><ymin>{1}</ymin>"
    "<xmax>{2}</xmax><ymax>{3}</ymax></bndbox></object></annotation>"
)
CVAT = (
    '<annotations><meta><task><labels><label><name>cat</name></label></labels></task></meta>'
    '<image id="0" name="a.png"><box label="cat" xtl="{0}" ytl="{1}" xbr="{2}" ybr="{3}"/></image>'
    "</annotations>"
)  # fmt: skip
STUDIO = (
    '[{{"id": 1, "data": {{"image": "a.png"}}, "annotations": [{{"result": [{{"id": "r",'
    ' "type": "rectanglelabels", "to_name": "image", "from_name": "b", "value": {{"x": {0},'
    ' "y": {1}, "width": {2}, "height": {3}, "rectanglelabels": ["cat"]}}}}]}}]}}]'
)
LABELME = (
    '{{"version": "5", "flags": {{}}, "imagePath": "a.png", "imageData": null, "shapes":'
    ' [{{"label": "cat", "shape_type": "rectangle", "points": [[{0}, {1}], [{2}, {3}]]}}]}}'
)


def spoilt(format, kind):
    """Files of a dataset whose one box is negative, infinite, not a number, …"""
    x1, y1, x2, y2 = {
        "a little outside": (-3, 4, 70, 20),
        "far outside": (10, 10, 900, 20),
        "far negative": (-900, 10, 20, 20),
        "nan": ("nan", 10, 20, 20),
        "infinite": (10, 10, "inf", 20),
        "turned over": (20, 10, 10, 20),
        "no class": (10, 10, 20, 20),
    }[kind]
    if format == "csv":
        row = f"a.png,{'' if kind == 'no class' else 'cat'},{x1},{y1},{x2},{y2}"
        return {"boxes.csv": f"filename,class,x1,y1,x2,y2\n{row}\n"}
    if format == "voc":
        text = VOC.format(x1, y1, x2, y2)
        return {"Annotations/a.xml": text.replace("cat", "") if kind == "no class" else text}
    if format == "cvat":
        text = CVAT.format(x1, y1, x2, y2)
        text = text.replace('label="cat"', 'label=""') if kind == "no class" else text
        return {"annotations.xml": text}
    json = {"nan": "NaN", "inf": "Infinity"}
    x1, y1, x2, y2 = (json.get(v, v) for v in (x1, y1, x2, y2))
    if format == "labelme":
        text = LABELME.format(x1, y1, x2, y2)
        return {"a.json": text.replace('"cat"', '""') if kind == "no class" else text}
    w, h = (x2 if isinstance(x2, str) else x2 - (x1 if x1 != "NaN" else 0)), y2 - y1
    if format == "coco":
        box = f"[{x1}, {y1}, {w}, {h}]"
        text = COCO.format(id=9 if kind == "no class" else 1, box=box)
        return {"annotations/instances_train.json": text}
    if format == "labelstudio":
        wide, high = 100 / WIDTH, 100 / HEIGHT
        shown = [
            v if isinstance(v, str) else v * f
            for v, f in zip((x1, y1, w, h), (wide, high) * 2, strict=True)
        ]
        text = STUDIO.format(*shown)
        return {"tasks.json": text.replace('["cat"]', "[]") if kind == "no class" else text}
    if format == "mot":
        words = {"NaN": "nan", "Infinity": "inf"}
        row = ",".join(
            str(words.get(v, v)) for v in (1, 1, x1, y1, w, h, 1, 5 if kind == "no class" else 1, 1)
        )
        return {"gt/gt.txt": row, "gt/labels.txt": "cat\n"}
    numbers = [
        v if isinstance(v, str) else v / s
        for v, s in zip((x1, y1, w, h), (WIDTH, HEIGHT) * 2, strict=True)
    ]
    centre = [
        c if isinstance(c, str) or isinstance(s, str) else c + s / 2
        for c, s in zip(numbers, numbers[2:], strict=False)
    ]
    line = " ".join(str(v) for v in (4 if kind == "no class" else 0, *centre, *numbers[2:]))
    return {"data.yaml": "names: [cat]", "labels/a.txt": line}


PLACES = {"voc": "JPEGImages/a.png", "mot": "img1/000001.png", "labelme": "a.png", "csv": "a.png"}
FILES = {
    "coco": r"instances_train\.json: annotation 7 of a\.png", "voc": r"Annotations/a\.xml: object 1",
    "cvat": r"annotations\.xml: image a\.png: box 1", "labelstudio": r"tasks\.json: task 1",
    "labelme": r"a\.json: shape 1", "mot": r"gt/gt\.txt, line 1", "csv": r"boxes\.csv, line 2",
    "yolo": r"labels/a\.txt, line 1",
}  # fmt: skip
FORMATS = tuple(FILES)


@pytest.mark.parametrize("format", FORMATS)
def test_boxes_a_little_outside_are_kept_for_the_health_report(local, tmp_path, format):
    files = {PLACES.get(format, "images/a.png"): encoded(".png")}
    root = tree(tmp_path / "in", files | spoilt(format, "a little outside"))
    assert datasets.import_folder(local, root, dataset="shop").added == 1
    (sample,) = local.datasets.samples("shop").items
    assert sample.annotation is not None
    local.datasets.commit("shop")
    lines = local.blobs.get(local.datasets.annotations("shop", 1))
    assert b"[-3.0,4.0,70.0,20.0]" in lines or format == "mot"


@pytest.mark.parametrize("format", FORMATS)
@pytest.mark.parametrize(
    "kind", ["far outside", "far negative", "nan", "infinite", "turned over", "no class"]
)
def test_labels_out_of_range_are_named_with_file_and_place(local, tmp_path, format, kind):
    if (format, kind) == ("labelme", "turned over"):
        return  # LabelMe's corners come in any order
    files = {PLACES.get(format, "images/a.png"): encoded(".png")}
    root = tree(tmp_path / "in", files | spoilt(format, kind))
    refused(
        local,
        root,
        FILES[format]
        if "far" not in kind
        else f"{FILES[format]}|object 1 .'cat'.: box .* lies far outside",
    )
