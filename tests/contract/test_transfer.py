"""Folders in, folders out, on a platform near and far."""

import json
import shutil

import cv2
import numpy as np
import pytest

from viseon import datasets
from viseon.client import connect
from viseon.datasets import Datasets, transfer
from viseon.ports import LocalBlobs
from viseon.schema import Conflict, Invalid, NotFound, digest_of


def picture(path, seed=0, size=(32, 24)):
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 255, (size[1], size[0], 3), np.uint8)
    assert cv2.imwrite(str(path), pixels)
    return path


@pytest.fixture
def coco(tmp_path):
    """Three pictures, two of them labelled train and val."""
    root = tmp_path / "coco"
    for split, names in (("train", ("a.jpg", "übung.png")), ("val", ("b.jpg",))):
        images = []
        for number, name in enumerate(names, 1):
            picture(root / "images" / split / name, seed=hash((split, name)) % 1000)
            images.append({"id": number, "file_name": name})
        document = {
            "images": images,
            "categories": [{"id": 7, "name": "bag"}, {"id": 3, "name": "person"}],
            "annotations": [
                {"id": 9, "image_id": 1, "category_id": 7, "bbox": [1.1, 2.2, 3.3, 4.4]}
            ],
        }
        path = root / "annotations" / f"instances_{split}.json"
        path.parent.mkdir(exist_ok=True)
        path.write_text(json.dumps(document))
    return root


def contents(root):
    return {
        p.relative_to(root).as_posix(): p.read_bytes()
        for p in root.rglob("*")
        if p.is_file() and ".viseon" not in p.parts
    }


def test_a_folder_becomes_a_version_and_comes_back_byte_for_byte(platform, coco, tmp_path):
    said = []
    added = datasets.import_folder(
        platform, coco, dataset="shop", progress=lambda done, stage: said.append((done, stage))
    )
    assert added.added == 3
    assert platform.datasets.get("shop").classes == ("person", "bag")
    version = platform.datasets.commit("shop")
    assert version.splits == {"train": 2, "val": 1}
    out = tmp_path / "out"
    assert datasets.pull(platform, "shop", into=out) == version
    assert contents(out) == contents(coco / "images")
    assert digest_of((out / ".viseon" / "manifest.jsonl").read_bytes()) == version.fingerprint
    assert said[0] == (0.0, "reading")
    assert said[-1] == (1.0, "done")
    assert [d for d, _ in said] == sorted(d for d, _ in said)


@pytest.mark.parametrize("format", ["coco", "yolo"])
def test_what_a_format_wrote_changes_nothing_when_it_is_read_again(
    platform, coco, tmp_path, format
):
    datasets.import_folder(platform, coco, dataset="shop")
    platform.datasets.commit("shop")
    out = tmp_path / "out"
    datasets.pull(platform, "shop", 1, into=out, format=format)
    assert datasets.import_folder(platform, out, dataset="shop").unchanged in (2, 3)
    copy = datasets.import_folder(platform, out, dataset="copy")
    assert copy.added == 3
    with pytest.raises(Conflict, match="not empty"):
        datasets.pull(platform, "shop", 1, into=out, format=format)


@pytest.mark.parametrize("said", [".", "./", "../coco", "../coco/./"])
def test_names_are_the_same_however_the_folder_is_spelled(platform, coco, monkeypatch, said):
    monkeypatch.chdir(coco)
    datasets.import_folder(platform, said, dataset="shop")
    datasets.import_folder(platform, coco, dataset="other")
    shop, other = (
        [(s.filename, s.split) for s in platform.datasets.samples(name, limit=100).items]
        for name in ("shop", "other")
    )
    assert shop == other
    assert ("train/a.jpg", "train") in shop


def test_plain_pictures_of_the_folder_one_is_in_keep_their_names(platform, tmp_path, monkeypatch):
    picture(tmp_path / "7.jpg")
    picture(tmp_path / "train" / "a1.jpg", seed=1)
    monkeypatch.chdir(tmp_path)
    datasets.import_folder(platform, ".", dataset="shop")
    names = [s.filename for s in platform.datasets.samples("shop").items]
    assert names == ["7.jpg", "train/a1.jpg"]


def test_a_local_platform_links_where_the_disk_can(local, coco, tmp_path):
    datasets.import_folder(local, coco, dataset="shop")
    local.datasets.commit("shop")
    assert isinstance(local.blobs, LocalBlobs)
    datasets.pull(local, "shop", into=tmp_path / "linked", link="hardlink")
    found = [p for p in (tmp_path / "linked").rglob("*.jpg") if ".viseon" not in p.parts]
    assert found
    assert all(p.stat().st_nlink > 1 for p in found)


def test_two_uploads_of_the_same_rows_do_not_take_each_others(platform, coco, house, monkeypatch):
    """The first addition throws its envelope away while the second waits for its turn."""
    second = house.platform()
    add = Datasets.add

    def meanwhile(self, dataset, *, rows):
        if dataset == "one":
            monkeypatch.setattr(Datasets, "add", add)
            datasets.import_folder(second, coco, dataset="two")
        return add(self, dataset, rows=rows)

    monkeypatch.setattr(Datasets, "add", meanwhile)
    datasets.import_folder(house.platform(), coco, dataset="one")
    assert {platform.datasets.commit(name).samples for name in ("one", "two")} == {3}


def test_a_file_that_vanishes_while_it_is_imported_is_named(platform, tmp_path, monkeypatch):
    for n in range(3):
        picture(tmp_path / "in" / f"{n}.jpg", seed=n)
    check = transfer.check_name

    def vanish(file, seen):
        check(file, seen)
        if file.filename == "1.jpg":
            file.path.unlink()

    monkeypatch.setattr(transfer, "check_name", vanish)
    with pytest.raises(Invalid, match=r"^1\.jpg: it changed while it was imported") as caught:
        datasets.import_folder(platform, tmp_path / "in", dataset="shop")
    assert "nothing was added" in caught.value.fix
    with pytest.raises(NotFound):
        platform.datasets.get("shop")


def test_importing_again_changes_nothing(platform, coco, house):
    datasets.import_folder(platform, coco, dataset="shop")

    def stored():
        return sorted(p for p in (house.settings.home / "blobs").rglob("*") if p.is_file())

    before = stored()
    assert datasets.import_folder(platform, coco, dataset="shop").unchanged == 3
    assert stored() == before


def test_only_bytes_the_server_lacks_travel(house, served, coco):
    far = connect("http://testserver", http=served)
    datasets.import_folder(far, coco, dataset="shop")
    picture(coco / "images" / "new.jpg", seed=5)
    sent = []
    served.event_hooks["request"] = [lambda r: sent.append((r.method, r.url.path))]
    assert datasets.import_folder(far, coco / "images", dataset="shop").added == 1
    uploads = [path for method, path in sent if (method, path) == ("POST", "/v1/blobs")]
    assert len(uploads) == 2  # the new picture, and the list of all


def test_a_pull_goes_on_where_it_was_interrupted(platform, coco, tmp_path):
    datasets.import_folder(platform, coco, dataset="shop")
    platform.datasets.commit("shop")
    out = tmp_path / "out"
    datasets.pull(platform, "shop", into=out)
    (out / "train" / "a.jpg").unlink()
    datasets.pull(platform, "shop", into=out)
    assert contents(out) == contents(coco / "images")
    (out / "train" / "a.jpg").write_bytes(b"mine")
    with pytest.raises(Conflict, match=r"a\.jpg is there already, with other bytes"):
        datasets.pull(platform, "shop", into=out)
    assert (out / "train" / "a.jpg").read_bytes() == b"mine"


def test_a_plain_folder_is_taken_as_it_is(platform, tmp_path):
    root = tmp_path / "photos"
    for name in ("x.png", "deep/er/y.JPG", ".hidden/z.png"):
        picture(root / name)
    (root / "notes.txt").write_text("hello")
    assert datasets.import_folder(platform, root, dataset="photos").added == 2
    names = [s.filename for s in platform.datasets.samples("photos").items]
    assert names == ["deep/er/y.JPG", "x.png"]
    sizes = {(s.width, s.height) for s in platform.datasets.samples("photos").items}
    assert sizes == {(32, 24)}


def broken(root, how):  # noqa: C901 - a table of twelve ways to break a folder
    a = root / "images" / "train" / "a.jpg"
    labels = root / "annotations" / "instances_train.json"
    document = json.loads(labels.read_text())
    if how == "empty":
        a.write_bytes(b"")
    elif how == "cut short":
        a.write_bytes(a.read_bytes()[:-60])
    elif how == "no picture":
        a.write_text("not a picture at all")
    elif how == "bomb":
        header = bytearray(picture(root / "b.png").read_bytes())
        header[16:24] = (60000).to_bytes(4, "big") * 2
        a.write_bytes(header)
    elif how == "missing":
        a.unlink()
    elif how == "stray annotation":
        document["annotations"][0]["image_id"] = 77
    elif how == "stray category":
        document["annotations"][0]["category_id"] = 77
    elif how == "empty box":
        document["annotations"][0]["bbox"] = [1, 2, 0, 4]
    elif how == "words for a box":
        document["annotations"][0]["bbox"] = ["a", 2, 0, 4]
    elif how == "not a number":
        document["annotations"][0]["bbox"] = [1, 2, float("nan"), 4]
    elif how == "leads outside":
        document["images"][0]["file_name"] = "../../../../etc/passwd"
    labels.write_text("{" if how == "not json" else json.dumps(document))


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ("empty", r"a\.jpg: the picture is empty"),
        ("cut short", r"a\.jpg: the picture is cut short"),
        ("no picture", r"a\.jpg: this is not a picture"),
        ("bomb", r"a\.jpg: the picture claims 60000x60000"),
        ("missing", r"instances_train\.json: image 1 names the file 'a\.jpg', which is not there"),
        ("stray annotation", r"instances_train\.json: annotation 9 is for image 77"),
        ("stray category", r"annotation 9 of a\.jpg has category 77"),
        ("empty box", r"annotation 9 of a\.jpg: bbox \[1, 2, 0, 4\]"),
        ("words for a box", r"annotation 9 of a\.jpg: bbox"),
        ("not a number", r"annotation 9 of a\.jpg: bbox"),
        ("leads outside", r"leads out of the folder"),
        ("not json", r"instances_train\.json: this is not JSON"),
    ],
)
def test_bad_input_is_named_with_its_fix_and_nothing_is_half_added(platform, coco, how, words):
    broken(coco, how)
    with pytest.raises(Invalid, match=words) as caught:
        datasets.import_folder(platform, coco, dataset="shop")
    assert caught.value.fix
    with pytest.raises(NotFound):
        platform.datasets.get("shop")


def test_a_class_the_dataset_does_not_know_names_the_file_and_the_fix(platform, coco):
    platform.datasets.create(name="shop", classes=("person",))
    with pytest.raises(Invalid, match=r"train/a\.jpg: object 1 is a 'bag'") as caught:
        datasets.import_folder(platform, coco, dataset="shop")
    assert "add the class" in caught.value.fix
    assert platform.datasets.samples("shop").items == ()


def test_a_folder_that_is_not_there_or_holds_nothing(platform, tmp_path):
    with pytest.raises(NotFound, match="no folder"):
        datasets.import_folder(platform, tmp_path / "nope", dataset="shop")
    with pytest.raises(Invalid, match="no pictures"):
        datasets.import_folder(platform, tmp_path, dataset="shop")
    with pytest.raises(NotFound, match="no format named 'cocoo'"):
        datasets.import_folder(platform, tmp_path, dataset="shop", format="cocoo")


def test_links_in_a_circle_are_not_followed(platform, tmp_path):
    root = tmp_path / "photos"
    picture(root / "x.png")
    (root / "loop").symlink_to(root)
    (root / "dead.png").symlink_to(tmp_path / "nowhere.png")
    with pytest.raises(Invalid, match=r"dead\.png: the picture cannot be read"):
        datasets.import_folder(platform, root, dataset="photos")
    (root / "dead.png").unlink()
    assert datasets.import_folder(platform, root, dataset="photos").added == 1


@pytest.mark.parametrize("name", ["coco_instances", "coco_labels", "coco_roboflow"])
def test_foreign_coco_layouts_are_read(platform, shared_data, tmp_path, name):
    root = shared_data / "formats" / "coco_dataset" / name
    datasets.import_folder(platform, root, dataset="foreign")
    version = platform.datasets.commit("foreign")
    assert version.splits == {"train": 1, "val": 1}


@pytest.mark.parametrize("name", ["annotations", "labels", "strict"])
def test_foreign_yolo_layouts_are_read(platform, shared_data, tmp_path, name):
    root = tmp_path / name
    shutil.copytree(shared_data / "formats" / "yolo_dataset" / name, root)
    datasets.import_folder(platform, root, dataset="foreign")
    found = platform.datasets.get("foreign")
    assert found.classes == tuple(f"label_{n}" for n in range(10))
    assert platform.datasets.samples("foreign").items[0].annotation
