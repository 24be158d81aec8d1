"""YOLO in all its tasks is read as it was written; what a task cannot say is refused by name."""

import tempfile
from pathlib import Path

import cv2
import numpy as np
import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from viseon.adapters.formats.shapes import (
    mask_of,
    polygon_fields,
    quad_fields,
    rotated_corners,
    rotated_fields,
)
from viseon.datasets import import_folder, pull
from viseon.plugins import find
from viseon.ports import LabelledFile
from viseon.schema import Annotation, Invalid, Object, Task

WIDTH, HEIGHT = 64, 48
CLASSES = ("person", "zebra crossing", "öl")
SPLITS = ("train", "val", "test", None)

numbers = st.floats(0, 40).map(lambda v: round(v, 4))
sizes = st.floats(0.5, 20).map(lambda v: round(v, 4))
points = st.tuples(numbers, numbers)
boxes = st.tuples(numbers, numbers, sizes, sizes).map(
    lambda b: {"box": (b[0], b[1], b[0] + b[2], b[1] + b[3])}
)
outlines = st.lists(points, min_size=3, max_size=7, unique=True)
polygons = outlines.filter(lambda p: min(max(c) - min(c) for c in zip(*p, strict=True)) > 0.01).map(
    polygon_fields
)
rotated = st.tuples(numbers, numbers, sizes, sizes, st.floats(-179.9, 179.9)).map(rotated_fields)
poses = (
    st.tuples(
        boxes,
        st.lists(st.tuples(numbers, numbers, st.sampled_from([0, 1, 2])), min_size=3, max_size=3),
    )
    .map(lambda p: p[0] | {"keypoints": tuple(p[1])})
    .filter(lambda shape: any(any(point) for point in shape["keypoints"]))
)


def labels(shapes, least=0):
    thing = st.tuples(st.sampled_from(CLASSES), shapes)
    found = st.lists(thing, min_size=least, max_size=4).map(
        lambda things: Annotation(
            objects=tuple(
                Object(id=str(n), class_name=c, **s) for n, (c, s) in enumerate(things, 1)
            )
        )
    )
    return st.lists(found | st.none() if not least else found, min_size=1, max_size=4)


def picture(path, size=(WIDTH, HEIGHT)):
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imencode(".png", np.zeros((size[1], size[0], 3), np.uint8))[1].tofile(path)
    return path


def there_and_back(folder, given, writer="yolo", reader="yolo"):
    source = picture(Path(folder) / "source.png")
    files = [
        LabelledFile(source, f"döö/{n}.png", label, split, WIDTH, HEIGHT)
        for n, (label, split) in enumerate(zip(given, SPLITS, strict=False))
    ]
    out = Path(folder) / "out"
    find("format", writer).make({}).write(out, iter(files), CLASSES)
    made = find("format", reader).make({})
    assert made.recognises(out)
    contents = made.read(out)
    assert contents.classes == CLASSES
    back = {f.filename: f for f in contents.files}
    assert {n: (f.annotation, f.split) for n, f in back.items()} == {
        f.filename: (f.annotation, f.split) for f in files
    }
    return contents.task


@pytest.mark.parametrize(
    ("task", "shapes"),
    [("detect", boxes), ("segment", polygons | boxes), ("pose", poses), ("obb", rotated)],
)
@settings(max_examples=30, deadline=None)
@given(data=st.data())
def test_what_is_written_is_read_back_equal(task, shapes, data):
    given = data.draw(labels(shapes))
    with tempfile.TemporaryDirectory() as folder:
        assert there_and_back(folder, given, writer=f"yolo-{task}") == task


@pytest.mark.parametrize(
    ("task", "shapes"),
    [("detect", boxes), ("segment", polygons), ("pose", poses), ("obb", rotated)],
)
@settings(max_examples=10, deadline=None)
@given(data=st.data())
def test_the_content_decides_which_task_is_written(task, shapes, data):
    given = data.draw(labels(shapes, least=1))
    with tempfile.TemporaryDirectory() as folder:
        assert there_and_back(folder, given) == task


@settings(max_examples=50, deadline=None)
@given(box=st.tuples(numbers, numbers, sizes, sizes, st.floats(-179.9, 179.9)))
def test_the_corners_of_a_rotated_box_give_it_back(box):
    fields = rotated_fields(box)
    assert Object(id="1", class_name="a", **fields).rotated == pytest.approx(
        Object(id="1", class_name="a", **quad_fields(rotated_corners(fields["rotated"]))).rotated
    )


def test_four_corners_that_are_no_rectangle_stay_beside_the_smallest_one(tmp_path):
    quad = [(10.0, 10.0), (30.0, 12.0), (28.0, 25.0), (9.0, 20.0)]
    thing = Object(id="1", class_name="person", **quad_fields(quad))
    assert thing.polygons == ((10, 10, 30, 12, 28, 25, 9, 20),)
    hull = np.array(rotated_corners(thing.rotated), np.float32)
    assert all(cv2.pointPolygonTest(hull, p, True) > -0.01 for p in quad)
    assert there_and_back(tmp_path, [Annotation(objects=(thing,))]) == "obb"


def test_whole_picture_classes_become_folders(tmp_path):
    source = picture(tmp_path / "a.png")
    file = LabelledFile(source, "train/öl/a.png", Annotation(classes=("öl",)), "train", 64, 48)
    for name in ("yolo", "yolo-classify"):
        made = find("format", name).make({})
        made.write(tmp_path / name, iter([file]), CLASSES)
        (back,) = made.read(tmp_path / name).files
        assert (back.filename, back.annotation, back.split) == (
            file.filename, file.annotation, "train"
        )  # fmt: skip


def dataset(root, line, yaml_text="names: [person]", names=None):
    picture(root / "images" / "a.png")
    (root / "labels").mkdir()
    (root / "labels" / "a.txt").write_text(line)
    if names is None:
        (root / "data.yaml").write_text(yaml_text)
    else:
        (root / "classes.txt").write_text(names)
    return root


QUAD = "0 0.1 0.1 0.3 0.1 0.3 0.3 0.1 0.3\n"


def test_eight_numbers_are_asked_about(tmp_path):
    root = dataset(tmp_path / "x", QUAD)
    with pytest.raises(Invalid, match=r"labels/a\.txt, line 1: eight numbers are a rotated") as e:
        find("format", "yolo").make({}).read(root)
    assert "--format yolo-obb or --format yolo-segment" in e.value.fix
    for task, field in (("obb", "rotated"), ("segment", "polygons")):
        contents = find("format", f"yolo-{task}").make({}).read(root)
        (file,) = contents.files
        assert getattr(file.annotation.objects[0], field)
        assert contents.task == task


@pytest.mark.parametrize(
    ("folder", "text", "task"),
    [
        ("x", "names: [person]\ntask: obb", "obb"),
        ("DOTAv1.5", "names: [person]", "obb"),
        ("cars.v1i.yolov8-obb", "names: [person]", "obb"),
        ("coco8-seg", "names: [person]", "segment"),
        ("x", "names: [person]\npath: ../datasets/coco8-seg", "segment"),
    ],
)
def test_what_declares_or_hints_settles_it(tmp_path, folder, text, task):
    assert find("format", "yolo").make({}).read(dataset(tmp_path / folder, QUAD, text)).task == task


def test_one_longer_outline_settles_it(tmp_path):
    root = dataset(tmp_path / "x", QUAD + "0 0.1 0.1 0.3 0.1 0.3 0.3\n")
    contents = find("format", "yolo").make({}).read(root)
    assert contents.task is Task.SEGMENT
    (file,) = contents.files
    assert [len(o.polygons[0]) for o in file.annotation.objects] == [8, 6]


@pytest.mark.parametrize(("shape", "line", "expected"), [
    ("[2, 3]", "0 .5 .5 .2 .2 .5 .5 2 0 0 0", ((32, 24, 2), (0, 0, 0))),
    ("[2, 2]", "0 .5 .5 .2 .2 .5 .5 0 0", ((32, 24, 2), (0, 0, 0))),
])  # fmt: skip
def test_keypoints_have_two_or_three_numbers(tmp_path, shape, line, expected):
    text = f"names: [person]\nkpt_shape: {shape}\nflip_idx: [1, 0]\n"
    (file,) = find("format", "yolo").make({}).read(dataset(tmp_path / "x", line, text)).files
    assert file.annotation.objects[0].keypoints == expected


@pytest.mark.parametrize(
    ("line", "text", "words"),
    [
        ("0 .5 .5 .2", "names: [a]", "line 1: '0 .5 .5 .2' is not `class cx cy w h`"),
        ("0 .5 .5 .2 .2 .9", "names: [a]", "is not `class cx cy w h`"),
        ("0 .5 .5 nan .2", "names: [a]", "is not within the picture"),
        ("0 .5 .5 9e99 .2", "names: [a]", "is not within the picture"),
        ("3 .5 .5 .1 .2", "names: [a]", "class 3 has no name; there are 1"),
        ("0.5 .5 .5 .1 .2", "names: [a]", "is not `class"),
        ("0 .1 .1 .2 .2 .3 .3", "names: [a]\ntask: obb", "is not `class x1 y1 x2 y2 x3 y3 x4 y4`"),
        ("0 .1 .1 .1 .1 .1 .3", "names: [a]", "line 1: box .* is empty"),
        ("0 .5 .5 .2 .2", "names: [a]\nkpt_shape: [2, 3]", "x y v … of 2 keypoints"),
        ("0 .5 .5 .2 .2 .5 .5 7", "names: [a]\nkpt_shape: [1, 3]", "has the visibility 7"),
        ("0 .5 .5 .2 .2", "names: [a]\nkpt_shape: 17", "kpt_shape 17 is not"),
        ("0 .5 .5 .2 .2", "names: [a]\ntask: fly", "no task 'fly'"),
        ("0 .5 .5 .2 .2", "names: [a]\ntask: pose", "pose needs kpt_shape"),
        ("0 .5 .5 .2 .2", "names: {1: a}", "numbered 0, 1, 2"),
        ("0 .5 .5 .2 .2", "names: [a]\nx: [", "data.yaml: this is not YAML"),
    ],
)
def test_what_makes_no_sense_is_named(tmp_path, line, text, words):
    root = dataset(tmp_path / "x", line, text)
    assert find("format", "yolo").make({}).recognises(root)
    with pytest.raises(Invalid, match=words) as caught:
        list(find("format", "yolo").make({}).read(root).files)
    assert caught.value.fix


def test_text_may_have_a_mark_and_other_line_ends_but_must_be_utf8(tmp_path):
    root = dataset(tmp_path / "x", "")
    (root / "data.yaml").write_bytes("\ufeffnames:\r\n  - öl\r\n".encode())
    (root / "labels" / "a.txt").write_bytes(b"\xef\xbb\xbf0 .5 .5 .2 .2\r\n\r\n")
    (file,) = find("format", "yolo").make({}).read(root).files
    assert [o.class_name for o in file.annotation.objects] == ["öl"]
    (root / "data.yaml").write_bytes("names: [öl]\n".encode("latin-1"))
    with pytest.raises(Invalid, match=r"data\.yaml: this is not UTF-8"):
        find("format", "yolo").make({}).read(root)


def test_labels_find_pictures_whose_names_are_composed_differently(tmp_path):
    root = dataset(tmp_path / "x", "")
    picture(root / "images" / "u\u0308ber.png")
    (root / "labels" / "\u00fcber.txt").write_text("0 .5 .5 .2 .2")
    files = {f.filename: f for f in find("format", "yolo").make({}).read(root).files}
    assert files["\u00fcber.png"].annotation.objects
    assert files["a.png"].annotation == Annotation()


def test_two_label_files_of_one_picture_are_named(tmp_path):
    root = dataset(tmp_path / "x", "0 .5 .5 .2 .2")
    (root / "images" / "a.txt").write_text("")
    with pytest.raises(Invalid, match=r"labels/a\.txt: images/a\.txt labels the same picture"):
        find("format", "yolo").make({}).read(root)


box = {"box": (10, 10, 20, 30)}
square = polygon_fields([(10, 10), (20, 10), (20, 30), (10, 30)])
LOSSES = [
    ("detect", {**box, "attributes": {"late": True}}, "object 1 .'person'. has attributes"),
    ("detect", {**box, "track_id": 0}, "has a track id"),
    ("detect", square, "has polygons, which YOLO detect cannot say"),
    ("obb", box, "has no rotated box"),
    ("obb", {**rotated_fields((20, 20, 8, 4, 30)), "polygons": square["polygons"]}, "a polygon beside"),
    ("segment", {**square, "polygons": square["polygons"] * 2}, "2 polygons: one object in parts"),
    ("segment", {**square, "box": (5, 5, 40, 40)}, "a box that is not the one around its polygon"),
    ("segment", {**box, "mask": mask_of(np.tri(HEIGHT, WIDTH))}, "a mask, not a polygon"),
    ("pose", {**box, "keypoints": ((1, 2, 2),), "mask": mask_of(np.tri(HEIGHT, WIDTH))}, "has a mask"),
]  # fmt: skip


@pytest.mark.parametrize(("task", "fields", "words"), LOSSES)
def test_what_would_be_lost_is_refused_unless_it_may_be_dropped(tmp_path, task, fields, words):
    source = picture(tmp_path / "a.png")
    thing = Object(id="1", class_name="person", **fields)
    file = LabelledFile(source, "a.png", Annotation(objects=(thing,)), None, WIDTH, HEIGHT)
    plugin = find("format", f"yolo-{task}")
    with pytest.raises(Invalid, match=words) as caught:
        plugin.make({}).write(tmp_path / "out", iter([file]), CLASSES)
    assert str(caught.value).startswith("a.png: ")
    assert "--set drop=true" in caught.value.fix
    plugin.make({"drop": True}).write(tmp_path / "dropped", iter([file]), CLASSES)
    assert len(list(plugin.make({}).read(tmp_path / "dropped").files)) == 1


def test_poses_have_as_many_keypoints_each(tmp_path):
    source = picture(tmp_path / "a.png")
    points = ((1, 2, 2), (3, 4, 2))
    things = tuple(
        Object(id=str(n), class_name="person", keypoints=points[:n], **box) for n in (0, 1, 2)
    )
    file = LabelledFile(source, "a.png", Annotation(objects=things), None, WIDTH, HEIGHT)
    plugin = find("format", "yolo-pose")
    with pytest.raises(Invalid, match="object 2 has 1 keypoints where others have 2"):
        plugin.make({}).write(tmp_path / "out", iter([file]), CLASSES)
    plugin.make({"drop": True}).write(tmp_path / "dropped", iter([file]), CLASSES)
    (back,) = plugin.make({}).read(tmp_path / "dropped").files
    assert [len(o.keypoints) for o in back.annotation.objects] == [0, 2, 2]
    assert back.annotation.objects[1].keypoints == ((1, 2, 2), (0, 0, 0))


def test_parts_joined_and_masks_outlined_keep_their_area(tmp_path):
    pixels = np.zeros((HEIGHT, WIDTH), bool)
    pixels[4:20, 4:24] = True
    parts = ([(4, 4), (14, 4), (14, 14), (4, 14)], [(30, 20), (40, 20), (40, 30), (30, 30)])
    things = (
        Object(id="1", class_name="person", **polygon_fields(*parts)),
        Object(id="2", class_name="person", box=(4, 4, 24, 20), mask=mask_of(pixels)),
    )
    source = picture(tmp_path / "a.png")
    file = LabelledFile(source, "a.png", Annotation(objects=things), None, WIDTH, HEIGHT)
    plugin = find("format", "yolo-segment")
    plugin.make({"drop": True}).write(tmp_path / "out", iter([file]), CLASSES)
    (back,) = plugin.make({}).read(tmp_path / "out").files
    areas = [
        cv2.contourArea(np.array(o.polygons[0], np.float32).reshape(-1, 2))
        for o in back.annotation.objects
    ]
    assert areas[0] == pytest.approx(200)
    assert areas[1] == pytest.approx(320, rel=0.15)


def test_pictures_that_share_a_label_file_are_refused(tmp_path):
    source = picture(tmp_path / "a.png")
    files = [LabelledFile(source, n, Annotation(), None, 64, 48) for n in ("a.png", "a.jpg")]
    with pytest.raises(Invalid, match=r"a\.jpg: another picture differs only in its suffix"):
        find("format", "yolo").make({}).write(tmp_path / "out", iter(files), CLASSES)


@pytest.mark.parametrize(
    ("task", "shape"),
    [("segment", square), ("obb", rotated_fields((20, 20, 8, 4, 30))), ("detect", box),
     ("pose", {**box, "keypoints": ((12, 13, 2), (0, 0, 0))})],
)  # fmt: skip
def test_a_new_dataset_gets_the_task_and_pulls_as_it_came(local, tmp_path, task, shape):
    thing = Object(id="1", class_name="person", **shape)
    file = LabelledFile(
        picture(tmp_path / "a.png"), "a.png", Annotation(objects=(thing,)), "train", WIDTH, HEIGHT
    )
    find("format", "yolo").make({}).write(tmp_path / "in", iter([file]), CLASSES)
    import_folder(local, tmp_path / "in", dataset="shop")
    assert local.datasets.get("shop").task == task
    local.datasets.commit("shop")
    pull(local, "shop", into=tmp_path / "out", format="yolo")
    for path in ("labels/a.txt", "data.yaml"):
        assert (tmp_path / "out" / path).read_bytes() == (tmp_path / "in" / path).read_bytes()
    declared = yaml.safe_load((tmp_path / "out" / "data.yaml").read_text())
    assert declared.get("task", "detect") == task
