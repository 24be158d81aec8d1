"""Real folders of other tools: each imports with what is in it, or says exactly why it cannot."""

import re
import shutil

import pytest

from viseon import datasets
from viseon.schema import Annotation, Invalid, digest_of

TEN = tuple(f"label_{n}" for n in range(10))
YOLO = "label_2, label_4"

IMPORTS = {
    "coco_dataset/coco_instances": (
        ("a", "b", "c"),
        {"train/a.jpg": ("train", "b"), "val/b.jpg": ("val", "a+polygons, b+mask")},
    ),
    "coco_dataset/coco_labels": (
        ("a", "b"),
        {"train/a.jpg": ("train", "is b"), "val/b.jpg": ("val", "is a, is b")},
    ),
    "coco_dataset/coco_person_keypoints": (
        ("a", "b"),
        {
            "train/a.jpg": ("train", "b+keypoints"),
            "val/b.jpg": ("val", "a+polygons+keypoints, b+mask+keypoints"),
        },
    ),
    "coco_dataset/coco_roboflow": (
        ("a", "b", "c"),
        {"train/a.jpg": ("train", "b"), "val/b.jpg": ("val", "a+polygons, b+mask")},
    ),
    "cvat_dataset/for_images/export_project": (
        ("label1", "label2"),
        {
            f"{folder}/{name}": (split, shown)
            for folder, split in (("Test", "test"), ("Train", "train"), ("Validation", "val"))
            for name, shown in (
                ("img0.jpg", "label1, label2+keypoints"),
                ("img1.jpg", "label1+polygons, label2+keypoints"),
            )
        },
    ),
    "cvat_dataset/for_video": (
        ("klhg", "z U k", "II"),
        {
            "frame_000010.png": (None, "II+track, klhg+keypoints+track"),
            "frame_000013.png": (None, "II+keypoints+track"),
            "frame_000016.png": (None, ""),
        },
    ),
    "labelme_dataset": (
        ("b1", "hg", "license plate", "m1", "o1", "q1", "window"),
        {
            "subset1/img1.png": (
                None,
                "window+polygons, license plate+mask, o1+polygons, q1+polygons, b1, m1+mask,"
                " hg+polygons",
            )
        },
    ),
    "mot_dataset/mot_seq": (TEN, {"mot_seq/img1/000001.jpg": (None, "label_2")}),
    "voc_dataset/voc_dataset1": (
        ("cat", "head", "person"),
        {
            "2007_000001.jpg": ("train", "cat+mask, person, head"),
            "2007_000002.jpg": ("test", None),
        },
    ),
    "yolo_dataset/annotations": (TEN, {"1.jpg": (None, YOLO)}),
    "yolo_dataset/labels": (TEN, {"train/1.jpg": ("train", YOLO), "val/1.jpg": ("val", YOLO)}),
    "yolo_dataset/strict": (TEN, {"obj_train_data/1.jpg": ("train", YOLO)}),
}
"""Folder: its classes; each picture's split and what is in it, None where nothing is said."""

ONE_BY_ONE = "import them one by one"
REFUSED = {
    "coco_dataset": (
        "coco_dataset holds several datasets: coco_instances (coco), coco_labels (coco),"
        " coco_person_keypoints (coco), coco_roboflow (coco)",
        ONE_BY_ONE,
    ),
    "cvat_dataset": (
        "cvat_dataset holds several datasets: for_images/export_project (cvat),"
        " for_images/export_task (cvat), for_video (cvat)",
        ONE_BY_ONE,
    ),
    "voc_dataset": (
        "voc_dataset holds several datasets: voc_dataset1 (voc), voc_dataset2 (voc)",
        ONE_BY_ONE,
    ),
    "yolo_dataset": (
        "yolo_dataset holds several datasets: annotations (yolo), labels (yolo), strict (yolo)",
        ONE_BY_ONE,
    ),
    "cvat_dataset/for_images/export_task": (
        "train.xml: image img0.jpg: polyline 2 (): its label is empty",
        "correct it in CVAT and export again",
    ),
    "mot_dataset": (
        "mot_seq_with_seqinfo/gt/gt.txt, line 1: there is no picture of frame 1 in"
        " mot_seq_with_seqinfo/img1",
        "add mot_seq_with_seqinfo/img1/000001.jpg, or remove the row",
    ),
    "mot_dataset/mot_seq_with_seqinfo": (
        "gt/gt.txt, line 1: there is no picture of frame 1 in img1",
        "add img1/000001.jpg, or remove the row",
    ),
    "voc_dataset/voc_dataset2": (
        "Annotations/@.xml: there is no picture '@' in JPEGImages",
        "add the picture or remove the file",
    ),
}
"""Folder: the end of the message, and the fix."""

PARTS = {
    "coco_dataset/coco_instances/annotations": "names the file 'a.jpg', which is not there",
    "labelme_dataset/Annotations/subset1": "part of a dataset in the format labelme",
    "mot_dataset/mot_seq/gt": "part of a dataset in the format mot",
    "voc_dataset/voc_dataset1/ImageSets": "part of a dataset in the format voc",
    "voc_dataset/voc_dataset1/Annotations": "part of a dataset in the format voc",
    "yolo_dataset/labels/labels": "part of a dataset in the format yolo",
    "yolo_dataset/strict/obj_train_data": "part of a dataset in the format yolo",
}
"""Folders that are not the whole, and what tells so."""


def shown(annotation):
    if annotation is None:
        return None
    said = [f"is {name}" for name in annotation.classes]
    for thing in annotation.objects:
        more = [f for f in ("polygons", "mask", "keypoints") if getattr(thing, f)]
        more += ["track"] if thing.track_id is not None else []
        said.append("+".join([thing.class_name, *more]))
    return ", ".join(said)


def labels(platform, dataset):
    """Filename: split and what is in the picture, from the first version."""
    platform.datasets.commit(dataset)
    lines = platform.blobs.get(platform.datasets.annotations(dataset, 1)).splitlines()
    found = {digest_of(line): Annotation.model_validate_json(line) for line in lines}
    samples = platform.datasets.samples(dataset).items
    return {s.filename: found[s.annotation] if s.annotation else None for s in samples}


@pytest.fixture
def real(shared_data):
    return shared_data / "formats"


@pytest.mark.parametrize("name", IMPORTS)
def test_what_is_in_it_is_imported(local, real, name):
    classes, files = IMPORTS[name]
    added = datasets.import_folder(local, real / name, dataset="real")
    assert added.added == len(files)
    assert local.datasets.get("real").classes == classes
    splits = {s.filename: s.split for s in local.datasets.samples("real").items}
    assert splits == {filename: split for filename, (split, _) in files.items()}
    found = {filename: shown(label) for filename, label in labels(local, "real").items()}
    assert found == {filename: what for filename, (_, what) in files.items()}


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_imported_says_exactly_why(local, real, name):
    message, fix = REFUSED[name]
    with pytest.raises(Invalid) as caught:
        datasets.import_folder(local, real / name, dataset="real")
    assert caught.value.message.removeprefix(f"{real / name}".removesuffix(name)) == message
    assert caught.value.fix == fix
    assert local.datasets.find().items == ()


@pytest.mark.parametrize("name", PARTS)
def test_a_part_of_a_dataset_names_the_whole(local, real, name):
    with pytest.raises(Invalid, match=re.escape(PARTS[name])) as caught:
        datasets.import_folder(local, real / name, dataset="real")
    whole = next(n for n in (*IMPORTS, *REFUSED) if name.startswith(f"{n}/") and n in IMPORTS)
    assert caught.value.fix.endswith(str(real / whole))


def test_every_real_file_is_in_a_folder_that_is_told_about_here(real):
    told = {*IMPORTS, *REFUSED} - {n for n in REFUSED if (real / n).parent == real}
    files = [p.relative_to(real).as_posix() for p in real.rglob("*") if p.is_file()]
    assert [f for f in files if not any(f.startswith(f"{n}/") for n in told)] == []


def test_what_a_person_mends_as_told_imports(local, real, tmp_path):
    """The fixes in the messages are fixes."""
    root = tmp_path / "voc"
    shutil.copytree(real / "voc_dataset/voc_dataset2", root)
    (root / "JPEGImages").mkdir()
    picture = real / "voc_dataset/voc_dataset1/JPEGImages/2007_000001.jpg"
    for stem in "@abcd":
        shutil.copy(picture, root / "JPEGImages" / f"{stem}.jpg")
    assert datasets.import_folder(local, root, dataset="voc").added == 5
    assert len(local.datasets.get("voc").classes) == 22
    task = tmp_path / "task"
    shutil.copytree(real / "cvat_dataset/for_images/export_task", task)
    text = (task / "train.xml").read_text().replace('label=""', 'label="label2"')
    (task / "train.xml").write_text(text)
    assert datasets.import_folder(local, task, dataset="task").added == 2
