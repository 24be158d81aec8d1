"""What a format writes, it reads back equal."""

import tempfile
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from viseon.plugins import find
from viseon.ports import LabelledFile
from viseon.schema import Annotation, Invalid, Mask, Object
from viseon.vision.masks import encode, to_coco_rle

WIDTH, HEIGHT = 64, 48
CLASSES = ("person", "bag", "zebra crossing")

numbers = st.floats(0, 40, width=32).map(lambda v: round(v, 4))
boxes = st.tuples(numbers, numbers, st.floats(0.01, 20), st.floats(0.01, 20)).map(
    lambda b: (b[0], b[1], b[0] + b[2], b[1] + b[3])
)


@st.composite
def masks(draw):
    pixels = np.zeros((1, HEIGHT, WIDTH), bool)
    x, y = draw(st.integers(0, 50)), draw(st.integers(0, 40))
    pixels[0, y : y + draw(st.integers(1, 8)), x : x + draw(st.integers(1, 8))] = True
    return Mask(height=HEIGHT, width=WIDTH, counts=to_coco_rle(encode(pixels))[0]["counts"])


def objects(rich):
    fields = {"class_name": st.sampled_from(CLASSES), "box": boxes}
    if rich:
        fields |= {
            "polygons": st.lists(
                st.lists(numbers, min_size=6, max_size=6).map(tuple), max_size=2
            ).map(tuple),
            "keypoints": st.lists(
                st.tuples(numbers, numbers, st.sampled_from([0, 1, 2])), max_size=3
            ).map(tuple),
            "track_id": st.none() | st.integers(0, 99),
            "attributes": st.dictionaries(
                st.sampled_from(["late", "colour"]), st.booleans() | st.text(max_size=3)
            ),
        }
    return st.fixed_dictionaries(fields)


def annotations(rich):
    return st.lists(objects(rich), max_size=4).map(
        lambda found: Annotation(
            objects=tuple(Object(id=str(n), **f) for n, f in enumerate(found, 1))
        )
    )


def there_and_back(format, labels, splits):
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "source.png"
        cv2.imwrite(str(source), np.zeros((HEIGHT, WIDTH, 3), np.uint8))
        files = [
            LabelledFile(source, f"döö/{n}.png", label, split, WIDTH, HEIGHT)
            for n, (label, split) in enumerate(zip(labels, splits, strict=False))
        ]
        plugin = find("format", format).make({})
        plugin.write(Path(folder) / "out", iter(files), CLASSES)
        assert plugin.recognises(Path(folder) / "out")
        contents = plugin.read(Path(folder) / "out")
        assert contents.classes == CLASSES
        back = {f.filename: f for f in contents.files}
        assert set(back) == {f.filename for f in files}
        return [(f, back[f.filename]) for f in files]


SPLITS = ("train", "val", "test", None)


@settings(max_examples=25, deadline=None)
@given(labels=st.lists(annotations(rich=True), min_size=1, max_size=4))
def test_coco_keeps_everything(labels):
    for before, after in there_and_back("coco", labels, SPLITS):
        assert after.annotation == before.annotation
        assert after.split == before.split
        assert (after.width, after.height) == (WIDTH, HEIGHT)


@settings(max_examples=15, deadline=None)
@given(mask=masks(), box=boxes)
def test_coco_keeps_masks(mask, box):
    label = Annotation(objects=(Object(id="a", class_name="bag", box=box, mask=mask),))
    ((before, after),) = there_and_back("coco", [label], SPLITS)
    assert after.annotation == before.annotation


@pytest.mark.parametrize("format", ["yolo", "voc"])
@settings(max_examples=20, deadline=None)
@given(labels=st.lists(annotations(rich=False), min_size=1, max_size=4))
def test_boxes_survive(format, labels):
    for before, after in there_and_back(format, labels, SPLITS):
        assert after.annotation == before.annotation
        assert after.split == before.split


def test_whole_picture_classes_survive_coco():
    label = Annotation(classes=("bag", "person"))
    ((before, after),) = there_and_back("coco", [label], SPLITS)
    assert after.annotation == before.annotation


@pytest.mark.parametrize("name", ["coco_instances", "coco_person_keypoints", "coco_labels"])
def test_foreign_coco_files_keep_their_shapes(shared_data, name):
    root = shared_data / "formats" / "coco_dataset" / name
    files = {f.filename: f for f in find("format", "coco").make({}).read(root).files}
    label = files["val/b.jpg"].annotation
    if name == "coco_labels":
        assert label.classes
        return
    first, second = label.objects
    assert first.polygons == ((0, 0, 1, 0, 1, 2, 0, 2),)
    assert first.attributes == {"x": 1, "y": "hello"}
    assert (second.mask.height, second.mask.width) == (10, 5)
    assert bool(first.keypoints) == (name == "coco_person_keypoints")


def test_foreign_voc_files_are_read_or_refused_with_a_reason(shared_data):
    voc = find("format", "voc").make({})
    root = shared_data / "formats" / "voc_dataset"
    contents = voc.read(root / "voc_dataset1")
    files = {f.filename: f for f in contents.files}
    assert contents.classes == ("cat", "head", "person")
    cat, person, head = files["2007_000001.jpg"].annotation.objects
    assert [cat.box, person.box, head.box] == [(1, 2, 3, 4), (4, 5, 6, 7), (5.5, 6, 7.5, 8)]
    assert cat.attributes == {"truncated": True}
    assert (cat.mask.width, cat.mask.height) == (20, 10)
    done = ("other", "phoning", "reading", "ridinghorse", "takingphoto", "walking")
    assert person.attributes == dict.fromkeys(done, True)
    assert head.attributes == {"part_of": person.id}
    assert (files["2007_000001.jpg"].split, files["2007_000002.jpg"].split) == ("train", "test")
    with pytest.raises(Invalid, match=r"Annotations/@\.xml: there is no picture '@'"):
        voc.read(root / "voc_dataset2")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("<annotation><object>", "not XML"),
        ("<!DOCTYPE x><annotation/>", "entities"),
        ("<annotation><object><name>a</name></object></annotation>", "object 1 .a.: a number"),
    ],
)
def test_voc_files_that_make_no_sense_are_named(tmp_path, text, words):
    (tmp_path / "JPEGImages").mkdir()
    (tmp_path / "Annotations").mkdir()
    cv2.imwrite(str(tmp_path / "JPEGImages" / "x.png"), np.zeros((9, 9, 3), np.uint8))
    (tmp_path / "Annotations" / "x.xml").write_text(text)
    with pytest.raises(Invalid, match=words) as caught:
        find("format", "voc").make({}).read(tmp_path)
    assert str(caught.value).startswith("Annotations/x.xml")
    assert caught.value.fix
