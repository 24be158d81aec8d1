"""LabelMe's JSON is read as it was written; shapes that make no sense are named."""

import base64
import gc
import json
import tempfile
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from viseon.adapters.formats.shapes import (
    around_points,
    mask_fields,
    mask_of,
    polygon_fields,
)
from viseon.datasets import import_folder
from viseon.plugins import find
from viseon.ports import LabelledFile
from viseon.schema import Annotation, Invalid, Object

WIDTH, HEIGHT = 64, 48
CLASSES = ("person", "zebra & crossing", "öl")
SPLITS = ("train", "val", "test", None)

numbers = st.floats(0, 40).map(lambda v: round(v, 4))
sizes = st.floats(0.5, 20).map(lambda v: round(v, 4))
points = st.tuples(numbers, numbers)
outlines = st.lists(points, min_size=3, max_size=6, unique=True).filter(
    lambda p: min(max(c) - min(c) for c in zip(*p, strict=True)) > 0.01
)
boxes = st.tuples(numbers, numbers, sizes, sizes).map(
    lambda b: {"box": (b[0], b[1], b[0] + b[2], b[1] + b[3])}
)
circles = st.tuples(st.integers(0, 40), st.integers(0, 40), st.integers(1, 9)).map(
    lambda c: {
        "box": (c[0] - c[2], c[1] - c[2], c[0] + c[2], c[1] + c[2]),
        "attributes": {"drawn_as": "circle"},
    }
)
visible = st.lists(points, min_size=1, max_size=4).map(
    lambda p: {"keypoints": tuple((x, y, 2) for x, y in p), "box": around_points(p)}
)
lines = st.lists(points, min_size=2, max_size=4).map(
    lambda p: {
        "keypoints": tuple((x, y, 2) for x, y in p),
        "box": around_points(p),
        "attributes": {"drawn_as": "linestrip"},
    }
)
polygons = st.lists(outlines, min_size=1, max_size=3).map(lambda p: polygon_fields(*p))


@st.composite
def masks(draw):
    pixels = np.zeros((HEIGHT, WIDTH), bool)
    for _ in range(draw(st.integers(1, 3))):
        x, y = draw(st.integers(0, 50)), draw(st.integers(0, 40))
        pixels[y : y + draw(st.integers(1, 8)), x : x + draw(st.integers(1, 8))] = True
    return mask_fields(mask_of(pixels))


flags = st.fixed_dictionaries(
    {},
    optional={
        "late": st.booleans(),
        "öl": st.booleans(),
        "description": st.text("rot ü", min_size=1, max_size=5),
    },
)
things = st.tuples(
    boxes | circles | visible | lines | polygons | masks(), st.sampled_from(CLASSES), flags
).map(
    lambda t: t[0] | {"class_name": t[1], "attributes": t[2] | t[0].get("attributes", {})}
)  # fmt: skip
annotations = st.builds(
    lambda found, classes: Annotation(
        objects=tuple(Object(id=str(n), **f) for n, f in enumerate(found, 1)), classes=classes
    ),
    st.lists(things, max_size=4),
    st.sampled_from([(), ("öl",), ("person", "öl")]),
)


def picture(path, size=(WIDTH, HEIGHT)):
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imencode(".png", np.zeros((size[1], size[0], 3), np.uint8))[1].tofile(path)
    return path


@settings(max_examples=50, deadline=None)
@given(labels=st.lists(annotations | st.none(), min_size=1, max_size=4))
def test_what_is_written_is_read_back_equal(labels):
    with tempfile.TemporaryDirectory() as folder:
        source = picture(Path(folder) / "a.png")
        files = [
            LabelledFile(source, f"döö/{split or 'none'}/{n}.png", label, split, WIDTH, HEIGHT)
            for n, (label, split) in enumerate(zip(labels, SPLITS, strict=False))
        ]
        files.append(LabelledFile(source, "seen.png", Annotation(), None, WIDTH, HEIGHT))
        made, out = find("format", "labelme").make({}), Path(folder) / "out"
        made.write(out, iter(files), CLASSES)
        assert made.recognises(out)
        contents = made.read(out)
        assert contents.classes == CLASSES
        assert {f.filename: (f.annotation, f.split) for f in contents.files} == {
            f.filename: (f.annotation, f.split) for f in files
        }


def document(root, shapes=(), **more):
    picture(root / "a.png")
    given = {
        "version": "5.0.1", "flags": {}, "shapes": shapes, "imagePath": "a.png",
        "imageData": None, "imageHeight": HEIGHT, "imageWidth": WIDTH,
    } | more  # fmt: skip
    (root / "a.json").write_text(json.dumps(given), encoding="utf-8")
    return find("format", "labelme").make({})


def shape(points, kind="polygon", **more):
    return {
        "label": "dog",
        "points": points,
        "group_id": None,
        "shape_type": kind,
        "flags": {},
    } | more


def test_old_files_may_lack_what_came_later_and_corners_come_in_any_order(tmp_path):
    shapes = [
        {"label": "dog", "points": [[1, 2], [3, 2], [3, 9]], "line_color": None},
        shape([[30, 40], [10, 20]], "rectangle", group_id=4),
        shape([[10, 20], [30, 20], [30, 40], [10, 40]], "rectangle", flags={"shy": True}),
    ]
    made = document(tmp_path, shapes, flags={"night": True, "rain": False})
    (tmp_path / "a.json").write_bytes(b"\xef\xbb\xbf" + (tmp_path / "a.json").read_bytes())
    contents = made.read(tmp_path)
    (file,) = contents.files
    first, second, third = file.annotation.objects
    assert first.polygons == ((1, 2, 3, 2, 3, 9),)
    assert second.box == third.box == (10, 20, 30, 40)
    assert (second.attributes, third.attributes) == ({"group_id": 4}, {"shy": True})
    assert file.annotation.classes == ("night",)
    assert contents.classes == ("dog", "night", "rain")


def test_polygons_of_one_group_are_one_object(tmp_path):
    triangle = [[1, 1], [9, 1], [9, 9]]
    shapes = [
        shape(triangle, group_id=1),
        shape([[20, 20], [30, 20], [30, 30]], group_id=1),
        shape(triangle, group_id=1, label="cat"),
        shape(triangle, group_id=2),
    ]
    (file,) = document(tmp_path, shapes).read(tmp_path).files
    assert [(o.class_name, len(o.polygons)) for o in file.annotation.objects] == [
        ("dog", 2), ("cat", 1), ("dog", 1)
    ]  # fmt: skip
    assert file.annotation.objects[0].box == (1, 1, 30, 30)


def test_an_embedded_picture_is_used_and_leaves_nothing_behind(local, tmp_path, monkeypatch):
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))
    root = tmp_path / "set"
    data = base64.b64encode(picture(tmp_path / "x.png").read_bytes()).decode()
    document(root, [shape([[1, 2], [9, 2], [9, 9]])], imagePath="gone.png", imageData=data)
    (root / "a.png").unlink()
    assert import_folder(local, root, dataset="shop").added == 1
    (sample,) = local.datasets.samples("shop").items
    assert sample.filename == "a.png"
    assert local.blobs.get(sample.digest) == (tmp_path / "x.png").read_bytes()
    gc.collect()
    assert list(scratch.iterdir()) == []
    assert local.datasets.get("shop").task == "segment"


def test_labels_may_lie_in_a_folder_of_their_own(tmp_path):
    made = document(tmp_path, imagePath="..\\images\\train\\b.png")
    picture(tmp_path / "images" / "train" / "b.png")
    (tmp_path / "a.png").unlink()
    (tmp_path / "labels").mkdir()
    (tmp_path / "a.json").rename(tmp_path / "labels" / "a.json")
    (file,) = made.read(tmp_path).files
    assert (file.filename, file.split) == ("train/b.png", "train")
    assert file.annotation == Annotation()


@pytest.mark.parametrize(
    ("shapes", "more", "words"),
    [
        ([shape([[1, 2], [3, 4]])], {}, r"shape 1 \(dog\): a polygon needs 3 points, there are 2"),
        ([shape([[1, 2], [3]])], {}, r"shape 1 \(dog\)"),
        ([shape([[1, 2], [float("nan"), 4], [5, 6]])], {}, "not finite"),
        ([shape([[1, 2], [1e20, 4], [5, 6]])], {}, "far outside the picture"),
        ([shape([[1, 2], [1, 4]], "rectangle")], {}, "is empty"),
        ([shape([[1, 2], [3, 4]], "cuboid")], {}, "nothing like the shape 'cuboid'"),
        ([shape([[1, 2], [3, 4]], "mask", mask="AAAA")], {}, "its mask is not a picture"),
        ([shape([[1, 2], [3, 4]], "mask", mask="%")], {}, r"shape 1 \(dog\)"),
        ([shape([[1, 2], [3, 9], [9, 9]], label="")], {}, "its label is empty"),
        (["x"], {}, r"shape 1 \(\)"),
        (None, {}, r"a\.json: "),
        ([], {"imagePath": "b.png"}, "there is no picture 'b.png' beside it"),
        ([], {"imagePath": "../../../etc/passwd"}, "leads out of the folder"),
        ([], {"imagePath": "b.png", "imageData": "$$"}, "imageData: this is not base64"),
        ([], {"imagePath": "b.png", "imageData": "AAAA"}, "not a picture"),
        ([], {"imageWidth": 640, "imageHeight": 480}, "was 640x480 pixels when it was labelled"),
    ],
)
def test_what_makes_no_sense_is_named(tmp_path, shapes, more, words):
    root = tmp_path / "set"
    with pytest.raises(Invalid, match=words) as caught:
        document(root, **more | {"shapes": shapes}).read(root)
    assert caught.value.fix


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b'{"shapes": [], "imagePath"', r"a\.json: this is not JSON"),
        ('{"shapes": [], "imagePath": "ü"}'.encode("latin-1"), r"a\.json: this is not UTF-8"),
        (b'{"flags": {}, "shapes": ' + b"[" * 10**5 + b', "imagePath"', "this is not JSON"),
    ],
)
def test_broken_files_are_named(tmp_path, data, words):
    made = document(tmp_path)
    (tmp_path / "a.json").write_bytes(data)
    assert made.recognises(tmp_path)
    with pytest.raises(Invalid, match=words):
        made.read(tmp_path)


def test_two_files_about_one_picture_are_named(tmp_path):
    made = document(tmp_path)
    (tmp_path / "b.json").write_bytes((tmp_path / "a.json").read_bytes())
    with pytest.raises(Invalid, match=r"b\.json: another file labels a\.png too"):
        made.read(tmp_path)


square = {"box": (1, 2, 30, 40)}


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({**square, "rotated": (15, 20, 10, 10, 5)}, "has a rotated box"),
        ({**square, "track_id": 3}, "has a track id"),
        ({**square, "keypoints": ((1, 2, 1),)}, "keypoints that are not to be seen"),
        ({**square, "keypoints": ((1, 2, 2),)}, "a box that is not the one around its shape"),
        (
            {**square, "keypoints": ((1, 2, 2),), "polygons": ((1, 2, 30, 2, 30, 40),)},
            "several exact shapes",
        ),
        ({**square, "attributes": {"colour": "red"}}, "the attribute 'colour': 'red'"),
    ],
)
def test_what_would_be_lost_is_refused_unless_it_may_be_dropped(tmp_path, fields, words):
    source = picture(tmp_path / "a.png")
    label = Annotation(objects=(Object(id="1", class_name="öl", **fields),))
    file = LabelledFile(source, "a.png", label, None, WIDTH, HEIGHT)
    with pytest.raises(Invalid, match=words) as caught:
        find("format", "labelme").make({}).write(tmp_path / "out", iter([file]), CLASSES)
    assert "--set drop=true" in caught.value.fix
    made = find("format", "labelme").make({"drop": True})
    made.write(tmp_path / "dropped", iter([file]), CLASSES)
    (back,) = made.read(tmp_path / "dropped").files
    assert [o.class_name for o in back.annotation.objects] == ["öl"]


def test_the_web_tools_files_are_read(shared_data):
    root = shared_data / "formats" / "labelme_dataset"
    made = find("format", "labelme").make({})
    assert made.recognises(root)
    (file,) = made.read(root).files
    assert file.filename == "subset1/img1.png"
    kinds = {
        o.class_name: "mask" if o.mask else "polygon" if o.polygons else "box"
        for o in file.annotation.objects
    }
    assert kinds == {
        "window": "polygon", "license plate": "mask", "o1": "polygon", "q1": "polygon",
        "b1": "box", "m1": "mask", "hg": "polygon",
    }  # fmt: skip
    things = {o.class_name: o for o in file.annotation.objects}
    assert things["license plate"].box == (58, 67, 63, 69)
    assert things["b1"].box == (13, 19, 23, 30)
    assert things["b1"].attributes == {"occluded": True, "attributes": "hg", "ispartof": "2"}
