"""Small files as the tools write them, read as their documentation says; and what is written.

`python tests/golden/test_formats.py` writes what the writers give now over the stored files.
"""

import struct
import sys
import tempfile
import zlib
from pathlib import Path

import numpy as np
import pytest

from viseon.datasets.recognise import format_for
from viseon.plugins import find
from viseon.ports import LabelledFile
from viseon.schema import Annotation, Mask, Object
from viseon.vision.masks import encode, from_coco_rle, to_coco_rle

HERE = Path(__file__).parent / "formats"
WIDTH, HEIGHT = 64, 48
PERSON = {"class_name": "person", "box": (8, 12, 24, 36)}
DOG = {"class_name": "dog", "box": (32, 24, 48, 36)}


def painted(*spans):
    """A mask of rectangles x1, y1, x2, y2."""
    pixels = np.zeros((1, HEIGHT, WIDTH), bool)
    for x1, y1, x2, y2 in spans:
        pixels[0, y1:y2, x1:x2] = True
    return Mask(height=HEIGHT, width=WIDTH, counts=to_coco_rle(encode(pixels))[0]["counts"])


def said(*objects, **more):
    things = tuple(Object(**{"id": str(n)} | o) for n, o in enumerate(objects, 1))
    return Annotation(objects=things, **more)


def quad(*numbers):
    return {"polygons": (numbers,)}


YOLO_REST = {"val/b.png": ("val", said()), "val/c.png": ("val", None)}
CLASSIFIED = (
    "classes",
    ("dog", "person"),
    {
        "train/dog/a.png": ("train", said(classes=("dog",))),
        "val/person/b.png": ("val", said(classes=("person",))),
    },
)
EXPECTED = {
    "classes": CLASSIFIED,
    "yolo-classify": CLASSIFIED,
    "coco": (
        "coco",
        ("dog", "person"),
        {
            "train/a.png": (
                "train",
                said(
                    PERSON
                    | quad(8, 12, 24, 12, 24, 36, 8, 36)
                    | {"keypoints": ((10, 14, 2), (20, 14.5, 1), (0, 0, 0))},
                    DOG | {"attributes": {"iscrowd": True}, "mask": painted((32, 24, 48, 36))},
                    {
                        "class_name": "dog",
                        "box": (62, 0, 64, 48),
                        "mask": painted((62, 24, 63, 48), (63, 0, 64, 48)),
                    },
                ),
            ),
            "train/b.png": ("train", said(classes=("dog",))),
        },
    ),
    "csv": (
        "csv",
        ("dog", "person"),
        {
            "a.png": ("train", said(PERSON, DOG | {"box": (32, 24, 48, 36.5)})),
            "b.png": ("val", said(classes=("dog",))),
            "c.png": ("val", said()),
        },
    ),
    "cvat": (
        "cvat",
        ("person", "dog"),
        {
            "a.png": (
                "train",
                said(
                    PERSON | {"attributes": {"occluded": True, "late": True}},
                    DOG | {"box": (34, 22, 46, 38), "rotated": (40, 30, 16, 12, 90)},
                    PERSON | {"class_name": "dog"} | quad(8, 12, 24, 12, 24, 36),
                    {
                        "class_name": "person",
                        "box": (10.5, 14, 20, 30),
                        "keypoints": ((10.5, 14, 2), (20, 30, 2)),
                        "attributes": {"drawn_as": "points"},
                    },
                    {
                        "class_name": "dog",
                        "box": (10, 20, 14, 22),
                        "mask": painted((10, 20, 14, 21), (12, 21, 14, 22)),
                    },
                ),
            ),
            "b.png": ("val", said(classes=("dog",))),
        },
    ),
    "cvat-video": (
        "cvat",
        ("person",),
        {
            f"frame_00000{n}.png": (
                None,
                said(
                    *(
                        {
                            "id": "5",
                            "track_id": 5,
                            "class_name": "person",
                            "box": (2 * n, 10 + n, 10 + 2 * n, 30 + n),
                        }
                        for _ in range(n < 3)
                    )
                ),
                {"video": "door", "frame": n},
            )
            for n in range(4)
        },
    ),
    "labelme": (
        "labelme",
        ("person", "dog"),
        {
            "a.png": (
                None,
                said(
                    PERSON,
                    DOG | quad(32, 24, 48, 24, 48, 36) | {"attributes": {"late": True}},
                    {
                        "class_name": "dog",
                        "box": (15, 15, 25, 25),
                        "attributes": {"drawn_as": "circle"},
                    },
                    classes=("dog",),
                ),
            ),
            "b.png": (None, None),
        },
    ),
    "labelstudio": (
        "labelstudio",
        ("dog", "person"),
        {
            "a.png": (
                None,
                said(PERSON | {"id": "r1"}, DOG | {"id": "r2"} | quad(32, 24, 48, 24, 48, 36)),
                {"camera": "door"},
            ),
            "b.png": (None, said(classes=("dog",), reviewed=False)),
        },
    ),
    "mot": (
        "mot",
        ("pedestrian", "car"),
        {
            "walk/img1/000001.png": (
                None,
                said(PERSON | {"class_name": "pedestrian", "track_id": 3}),
                {"video": "walk", "frame": 1, "fps": 12.5},
            ),
            "walk/img1/000002.png": (
                None,
                said(
                    {
                        "class_name": "pedestrian",
                        "track_id": 3,
                        "box": (10, 12, 26, 36),
                        "attributes": {"ignored": True, "visibility": 0.5},
                    },
                    DOG | {"class_name": "car"},
                ),
                {"video": "walk", "frame": 2, "fps": 12.5},
            ),
        },
    ),
    "voc": (
        "voc",
        ("dog", "head", "person"),
        {
            "a.png": (
                "train",
                said(
                    PERSON | {"attributes": {"pose": "Left", "truncated": True, "walking": True}},
                    {
                        "class_name": "head",
                        "box": (10, 12, 20, 18.5),
                        "attributes": {"part_of": "1"},
                    },
                    DOG | {"attributes": {"difficult": True}},
                ),
            ),
            "b.png": ("val", None),
        },
    ),
    "yolo-detect": (
        "yolo",
        ("dog", "person"),
        {"train/a.png": ("train", said(PERSON, DOG)), **YOLO_REST},
    ),
    "yolo-segment": (
        "yolo",
        ("dog", "person"),
        {
            "train/a.png": (
                "train",
                said(
                    PERSON | quad(8, 12, 24, 12, 24, 36, 8, 36),
                    DOG | {"box": (32, 24, 48, 48)} | quad(32, 24, 48, 24, 48, 36, 40, 48),
                ),
            ),
            **YOLO_REST,
        },
    ),
    "yolo-pose": (
        "yolo",
        ("dog", "person"),
        {
            "train/a.png": ("train", said(PERSON | {"keypoints": ((16, 12, 2), (0, 0, 0))})),
            **YOLO_REST,
        },
    ),
    "yolo-obb": (
        "yolo",
        ("dog", "person"),
        {
            "train/a.png": (
                "train",
                said(
                    PERSON | {"rotated": (16, 24, 16, 24, 0)},
                    {
                        "class_name": "dog",
                        "box": (16, 12, 32, 36),
                        "rotated": (24, 24, 24, 16, 90),
                    },
                ),
            ),
            **YOLO_REST,
        },
    ),
}
"""Folder: the format that knows it, its classes, and each picture's split, labels and metadata."""


@pytest.mark.parametrize("name", EXPECTED)
def test_files_of_other_tools_are_read_as_they_are_meant(name):
    format, classes, files = EXPECTED[name]
    found = format_for(HERE / "read" / name, None, {})
    assert type(found) is type(find("format", format).make({}))
    contents = found.read(HERE / "read" / name)
    assert contents.classes == classes
    back = {f.filename: f for f in contents.files}
    assert list(back) == sorted(files)
    for filename, (split, annotation, *metadata) in files.items():
        file = back[filename]
        assert file.annotation == annotation, filename
        assert (file.split, dict(file.metadata)) == (split, *(metadata or [{}]))
        assert (file.width, file.height) == (WIDTH, HEIGHT)


def test_every_golden_folder_is_told_about():
    assert sorted(EXPECTED) == sorted(p.name for p in (HERE / "read").iterdir())
    assert sorted(WRITTEN) == sorted(p.name for p in (HERE / "written").iterdir())


def test_coco_runs_and_their_letters_are_the_same_pixels():
    """The letters of the specification were worked out by hand: 3000 and 72 pixels."""
    row = {"size": [HEIGHT, WIDTH], "counts": "hm2X2"}
    assert from_coco_rle([row]).runs[0].tolist() == [3000, 72]


BOXES = [PERSON | {"box": (8.125, 12, 24, 36)}, DOG]
SHAPES = [
    PERSON | {"attributes": {"late": True, "colour": "red"}},
    DOG | quad(32, 24, 48, 24, 48, 36),
    DOG | {"mask": painted((32, 24, 48, 36))},
    PERSON | {"keypoints": ((8, 12, 2), (24, 36, 2)), "attributes": {"drawn_as": "points"}},
]
TURNED = {"class_name": "dog", "box": (16, 12, 32, 36), "rotated": (24, 24, 24, 16, 90)}
FLAGGED = [PERSON | {"attributes": {"truncated": True, "pose": "Left"}}, DOG]
TRACKED = [PERSON | {"id": "3", "track_id": 3}]
POSES = [PERSON | {"keypoints": ((10, 14, 2), (20, 14.5, 1), (0, 0, 0))}]
WRITTEN = {
    "classes": [said(classes=("dog",)), said(classes=("person",))],
    "coco": [said(*SHAPES, TURNED, *POSES), said(classes=("dog",), reviewed=False), None],
    "csv": [said(*BOXES), said(classes=("dog",))],
    "cvat": [said(*SHAPES, TURNED), said(classes=("dog",)), None],
    "cvat-video": [said(*TRACKED), said(*TRACKED)],
    "folder": [None, None],
    "labelme": [
        said(PERSON | {"attributes": {"late": True}}, SHAPES[1]),
        said(classes=("dog",)),
        None,
    ],
    "labelstudio": [said(*SHAPES[:2], TURNED), said(classes=("dog",), reviewed=False), None],
    "mot": [said(PERSON | {"track_id": 3}), said(*BOXES)],
    "voc": [said(*FLAGGED), said(), None],
    "yolo-classify": [said(classes=("dog",)), said(classes=("person",))],
    "yolo-detect": [said(*BOXES), said(), None],
    "yolo-obb": [said(TURNED), said(), None],
    "yolo-pose": [said(*POSES), said(), None],
    "yolo-segment": [said(DOG | quad(32, 24, 48, 24, 48, 36)), said(), None],
}
"""Format: what is in each picture of one dataset that it can hold whole."""


def png():
    def part(name, data):
        return (
            struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        )

    head = struct.pack(">IIBBBBB", WIDTH, HEIGHT, 8, 0, 0, 0, 0)
    rows = zlib.compress(bytes((WIDTH + 1) * HEIGHT))
    return b"\x89PNG\r\n\x1a\n" + part(b"IHDR", head) + part(b"IDAT", rows) + part(b"IEND", b"")


def dataset(folder, name):
    """The fixed dataset as far as a format holds it."""
    source = folder / "source.png"
    source.write_bytes(png())
    for number, annotation in enumerate(WRITTEN[name], 1):
        if name in ("mot", "cvat-video"):
            metadata = {"video": "walk", "frame": number}
            filename = f"walk/img1/{number:06d}.png" if name == "mot" else f"frame_{number:06d}.png"
            split = None
        else:
            metadata, filename = {}, f"döör/{number}.png"
            split = None if name in ("folder",) else ("train", "val")[number % 2]
            split = None if annotation is None and name == "csv" else split
        yield LabelledFile(source, filename, annotation, split, WIDTH, HEIGHT, metadata)


def written(folder, name):
    """Every file that the writer makes; pictures by name alone."""
    find("format", name).make({}).write(folder / "out", dataset(folder, name), ("person", "dog"))
    paths = sorted(p for p in (folder / "out").rglob("*") if p.is_file())
    return {
        p.relative_to(folder / "out").as_posix(): b"" if p.suffix == ".png" else p.read_bytes()
        for p in paths
    }


def stored(name):
    root = HERE / "written" / name
    return {p.relative_to(root).as_posix(): p.read_bytes() for p in root.rglob("*") if p.is_file()}


@pytest.mark.parametrize("name", WRITTEN)
def test_what_is_written_is_what_was_stored_byte_for_byte(tmp_path, name):
    assert written(tmp_path, name) == stored(name)


@pytest.mark.parametrize("name", WRITTEN)
def test_and_is_read_back_equal(tmp_path, name):
    written(tmp_path, name)
    back = {f.filename: f for f in find("format", name).make({}).read(tmp_path / "out").files}
    for file in dataset(tmp_path, name):
        home = next(f for f in back if f.endswith(file.filename))
        assert back[home].annotation == file.annotation
        assert back[home].split == file.split


if __name__ == "__main__":
    for name in WRITTEN:
        with tempfile.TemporaryDirectory() as folder:
            for path, data in written(Path(folder), name).items():
                target = HERE / "written" / name / path
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(data)
    sys.stdout.write("written; look at the difference before you commit it\n")
