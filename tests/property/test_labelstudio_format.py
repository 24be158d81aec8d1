"""Label Studio's tasks are read as they were written; regions that make no sense are named."""

import json
import tempfile
from math import cos, radians, sin
from pathlib import Path
from urllib.parse import quote

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from viseon.adapters.formats.labelstudio_brush import packed, unpacked
from viseon.adapters.formats.shapes import (
    around_points,
    mask_fields,
    mask_of,
    polygon_fields,
    rotated_corners,
    rotated_fields,
)
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
rotated = st.tuples(numbers, numbers, sizes, sizes, st.floats(-179.9, 179.9)).map(rotated_fields)
joints = st.lists(st.tuples(numbers, numbers, st.sampled_from([0, 1, 2])), max_size=3).map(tuple)
polygons = st.lists(outlines, min_size=1, max_size=3).map(lambda p: polygon_fields(*p))
dots = points.map(lambda p: {"keypoints": ((*p, 2),), "box": around_points([p])})
ellipses = (boxes | rotated).map(lambda f: f | {"attributes": {"drawn_as": "ellipse"}})


@st.composite
def masks(draw):
    pixels = np.zeros((HEIGHT, WIDTH), bool)
    for _ in range(draw(st.integers(1, 3))):
        x, y = draw(st.integers(0, 50)), draw(st.integers(0, 40))
        pixels[y : y + draw(st.integers(1, 8)), x : x + draw(st.integers(1, 8))] = True
    return mask_fields(mask_of(pixels))


mixed = st.tuples(polygons, masks(), boxes | rotated, joints).map(
    lambda m: m[0] | m[1] | m[2] | {"keypoints": m[3]}
)
attributes = st.fixed_dictionaries(
    {},
    optional={
        "late": st.booleans(),
        "colour": st.text("rot ü,", min_size=1, max_size=5),
        "weight": st.integers(-5, 5) | st.floats(-5, 5),
        "score": st.floats(0, 1),
    },
)
things = st.tuples(
    boxes | rotated | polygons | masks() | dots | ellipses | mixed,
    st.sampled_from(CLASSES), attributes, st.none() | st.integers(0, 9),
).map(
    lambda t: t[0] | {
        "class_name": t[1], "attributes": t[2] | t[0].get("attributes", {}), "track_id": t[3]
    }
)  # fmt: skip
annotations = st.builds(
    lambda found, classes, reviewed: Annotation(
        objects=tuple(Object(id=f"r{n}", **f) for n, f in enumerate(found)),
        classes=classes, reviewed=reviewed,
    ),
    st.lists(things, max_size=4), st.sampled_from([(), ("öl",), ("öl", "person")]), st.booleans(),
)  # fmt: skip


def picture(path, size=(WIDTH, HEIGHT)):
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imencode(".png", np.zeros((size[1], size[0], 3), np.uint8))[1].tofile(path)
    return path


@settings(max_examples=60, deadline=None)
@given(labels=st.lists(annotations | st.none(), min_size=1, max_size=4))
def test_what_is_written_is_read_back_equal(labels):
    with tempfile.TemporaryDirectory() as folder:
        source = picture(Path(folder) / "a.png")
        files = [
            LabelledFile(
                source, f"döö & 1/{n}%20.png", label, split, WIDTH, HEIGHT,
                {"camera_id": "door", "number": n},
            )
            for n, (label, split) in enumerate(zip(labels, SPLITS, strict=False))
        ]  # fmt: skip
        made, out = find("format", "labelstudio").make({}), Path(folder) / "out"
        made.write(out, iter(files), CLASSES)
        assert made.recognises(out)
        contents = made.read(out)
        assert contents.classes == CLASSES
        assert {f.filename: (f.annotation, f.split, f.metadata) for f in contents.files} == {
            f.filename: (f.annotation, f.split, f.metadata) for f in files
        }


@settings(max_examples=30, deadline=None)
@given(data=st.data())
def test_brush_strokes_survive(data):
    shape = data.draw(st.tuples(st.integers(1, 40), st.integers(1, 40)))
    seed, share = data.draw(st.integers(0, 99)), data.draw(st.sampled_from([0, 0.03, 0.5, 1]))
    pixels = np.random.default_rng(seed).random(shape) < share
    assert (unpacked(packed(pixels), shape[::-1]) == pixels).all()


REFERENCE = [0, 0, 0, 192, 57, 27, 254, 39, 0, 183, 255, 132, 192, 45, 255, 230, 176, 0]
"""What label-studio-converter 0.0.59 makes of 8x6 pixels with rows 1 to 2, columns 2 to 4 set."""


def test_brush_strokes_of_label_studio_are_read():
    pixels = np.zeros((6, 8), bool)
    pixels[1:3, 2:5] = True
    assert (unpacked(REFERENCE, (8, 6)) == pixels).all()
    for broken, words in (
        (REFERENCE[:-6], "cut short"), ([], "not a list of bytes"), ([300], "not a list of bytes"),
    ):  # fmt: skip
        with pytest.raises(ValueError, match=words):
            unpacked(broken, (8, 6))
    with pytest.raises(ValueError, match="192 values, 9x6 pixels have 216"):
        unpacked(REFERENCE, (9, 6))


def region(kind, value, label="dog", id="r1", **more):
    return {
        "id": id, "type": kind, "from_name": "label", "to_name": "image", "original_width": WIDTH,
        "original_height": HEIGHT, "image_rotation": 0,
        "value": value | ({kind: [label]} if label else {}),
    } | more  # fmt: skip


def task(*result, image="/data/upload/1/0a1b2c3d-a.png", **more):
    return {
        "id": 5, "data": {"image": image},
        "annotations": [{"id": 9, "was_cancelled": False, "ground_truth": False, "result": list(result)}],
    } | more  # fmt: skip


def export(root, *tasks, options=None):
    picture(root / "a.png")
    (root / "project-1.json").write_text(json.dumps(tasks, ensure_ascii=False), encoding="utf-8")
    return find("format", "labelstudio").make(options or {})


def objects(root, *tasks, options=None):
    (file,) = export(root, *tasks, options=options).read(root).files
    return file.annotation.objects


def test_rectangles_turn_about_their_top_left_corner(tmp_path):
    value = {"x": 50, "y": 25, "width": 25, "height": 12.5, "rotation": 30}
    (thing,) = objects(tmp_path, task(region("rectanglelabels", value)))
    top_left, top_right, *_ = rotated_corners(thing.rotated)
    assert top_left == pytest.approx((32, 12), abs=1e-3)
    assert top_right == pytest.approx(
        (32 + 16 * cos(radians(30)), 12 + 16 * sin(radians(30))), abs=1e-3
    )
    assert thing.rotated[2:] == (16, 6, 30)


def test_keypoints_belong_to_their_parent_and_other_children_stand_alone(tmp_path):
    found = objects(
        tmp_path,
        task(
            region("rectanglelabels", {"x": 0, "y": 0, "width": 50, "height": 50, "rotation": 0}),
            region("keypointlabels", {"x": 25, "y": 25, "width": 1}, "nose", "k1", parentID="r1"),
            region("keypointlabels", {"x": 50, "y": 50, "width": 1}, "tail", "k2", parentID="r1"),
            region(
                "polygonlabels", {"points": [[0, 0], [10, 0], [10, 10]]}, "ear", "p", parentID="r1"
            ),
            region("keypointlabels", {"x": 75, "y": 75, "width": 1}, "ball", "k3"),
        ),
    )
    assert [(o.class_name, o.keypoints) for o in found] == [
        ("dog", ((16, 12, 2), (32, 24, 2))), ("ear", ()), ("ball", ((48, 36, 2),))
    ]  # fmt: skip
    assert found[0].attributes == {"keypoint_names": "nose,tail"}
    assert found[1].attributes == {"parent": "r1"}


def test_shapes_may_get_their_label_apart_and_say_more(tmp_path):
    box = {"x": 0, "y": 0, "width": 50, "height": 50, "rotation": 0}
    made = export(
        tmp_path,
        task(
            region("rectangle", box, None),
            region("labels", {**box, "labels": ["dog"]}, None),
            region("choices", {"choices": ["big", "wet"]}, None, from_name="how"),
            region("choices", {"choices": ["true"]}, None, from_name="shy"),
            region("number", {"number": 3}, None, from_name="age"),
            region("choices", {"choices": ["night"]}, None, "c"),
            region("textarea", {"text": ["two", "lines"]}, None, "t", from_name="note"),
        ),
    )
    contents = made.read(tmp_path)
    (file,) = contents.files
    (thing,) = file.annotation.objects
    assert thing.class_name == "dog"
    assert thing.attributes == {"how": "big, wet", "shy": True, "age": 3}
    assert file.annotation.classes == ("night",)
    assert file.metadata == {"note": "two\nlines"}
    assert contents.classes == ("dog", "night")


BOX = region("rectanglelabels", {"x": 0, "y": 0, "width": 50, "height": 50, "rotation": 0})


def annotated(id, *result, **more):
    return {"id": id, "result": list(result), "was_cancelled": False} | more


def test_which_of_several_annotations_is_asked(tmp_path):
    several = task(annotations=[annotated(1), annotated(2, BOX), annotated(3, was_cancelled=True)])
    with pytest.raises(Invalid, match=r"task 5: it has 2 annotations \(1, 2\), and none") as e:
        objects(tmp_path, several)
    assert "--set pick=last" in e.value.fix
    assert len(objects(tmp_path, several, options={"pick": "last"})) == 1
    assert len(objects(tmp_path, several, options={"pick": "first"})) == 0
    several["annotations"][0] |= {"ground_truth": True}
    assert objects(tmp_path, several) == ()


def test_predictions_are_taken_where_nobody_annotated_and_skipped_tasks_are_not(tmp_path):
    guess = {"id": 1, "result": [BOX | {"score": 0.5}]}
    (file,) = export(tmp_path, task(annotations=[], predictions=[guess])).read(tmp_path).files
    assert not file.annotation.reviewed
    assert file.annotation.objects[0].attributes == {"score": 0.5}
    (file,) = export(tmp_path, task(BOX, predictions=[guess])).read(tmp_path).files
    assert file.annotation.reviewed
    skipped = task(annotations=[annotated(1, was_cancelled=True)])
    (file,) = export(tmp_path, skipped).read(tmp_path).files
    assert file.annotation is None


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("/data/upload/3/0a1b2c3d-bild%20%C3%BC.png", "bild ü.png"),
        ("/data/upload/3/0a1b2c3d-bild.png", "upload/0a1b2c3d-bild.png"),
        ("/data/local-files/?d=shop/day%202/a.png", "shop/day 2/a.png"),
        ("s3://bucket/some/where/b.png", "where/b.png"),
        ("https://example.com/x/y/c.png?token=1", "c.png"),
        ("images/train/d.png", "images/train/d.png"),
        ("C:\\pictures\\e.png", "e.png"),
        ("bild u\u0308.png", "bild \u00fc.png"),
    ],
)
def test_pictures_are_found_by_the_end_of_their_url(tmp_path, url, name):
    made = export(tmp_path / "set", task(BOX, image=url))
    (tmp_path / "set" / "a.png").unlink()
    picture(tmp_path / "set" / name)
    picture(tmp_path / "set" / "other.png")
    files = {f.path: f for f in made.read(tmp_path / "set").files}
    assert files[tmp_path / "set" / name].annotation.objects
    assert files[tmp_path / "set" / "other.png"].annotation is None


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (task(image="/data/upload/1/b.png"), "task 5: there is no picture 'b.png'"),
        (task(image="../../etc/passwd.png"), "leads out of the folder"),
        (task(image="/data/local-files/?d=" + quote("../../a.png")), "leads out of the folder"),
        (task(image="data:image/png;base64,AAAA"), "within the URL"),
        ({"id": 5, "data": {"video": "a.mp4"}}, "task 5: it is about video"),
        ({"id": 5, "data": {"x": 1}}, r"nothing in its data \(x\) is a picture"),
        ({"id": 5}, "task 5: 'data' is missing"),
        (["x"], "task 1: "),
        (task("x"), r"region 1 \(nothing\)"),
        (
            task(region("videorectangle", {})),
            r"region r1 \(videorectangle\): a dataset has nothing",
        ),
        (
            task({"type": "relation", "from_id": "a", "to_id": "b"}),
            r"\(relation\): a dataset has nothing",
        ),
        (task(region("rectanglelabels", {"x": 0, "y": 0, "width": 5})), "'height' is missing"),
        (
            task(region("rectanglelabels", {"x": 0, "y": 0, "width": 0, "height": 5})),
            r"region r1 \(rectangle\): box .* is empty",
        ),
        (
            task(region("rectanglelabels", {"x": float("nan"), "y": 0, "width": 5, "height": 5})),
            "not finite",
        ),
        (
            task(region("rectanglelabels", {"x": 0, "y": 0, "width": 1e9, "height": 5})),
            "far outside the picture",
        ),
        (task(region("polygonlabels", {"points": [[0, 0], [1, 1]]})), "region r1"),
        (task(region("brushlabels", {"format": "png"})), "its brush is in the form 'png', not rle"),
        (task(region("brushlabels", {"format": "rle", "rle": [1, 2]})), "cut short"),
        (task(BOX | {"original_width": 640}), "was 640x48 pixels when it was labelled"),
        (task(BOX | {"image_rotation": 90}), "turned by 90 degrees"),
        (
            task(region("rectangle", BOX["value"] | {"rectanglelabels": []}, None)),
            "it has no label",
        ),
        (
            task(
                region("rectanglelabels", BOX["value"], None)
                | {"value": BOX["value"] | {"rectanglelabels": ["a", "b"]}}
            ),
            "2 labels: a, b",
        ),
    ],
)
def test_what_makes_no_sense_is_named(tmp_path, given, words):
    made = export(tmp_path, given, {"annotations": []})
    assert made.recognises(tmp_path)
    with pytest.raises(Invalid, match=words) as caught:
        made.read(tmp_path)
    assert str(caught.value).startswith("project-1.json: task ")
    assert caught.value.fix


def test_two_pictures_or_two_tasks_are_named(tmp_path):
    made = export(tmp_path, task(BOX), task(BOX, id=6))
    with pytest.raises(Invalid, match=r"task 6: another task has the picture a\.png"):
        made.read(tmp_path)
    picture(tmp_path / "b" / "a.png")
    made = export(tmp_path, task(BOX, image="s3://x/c/a.png"))
    with pytest.raises(Invalid, match=r"may be a\.png or b/a\.png"):
        made.read(tmp_path)


def test_what_has_no_place_may_be_dropped(tmp_path):
    given = task(BOX, {"type": "relation", "from_id": "a", "to_id": "b"})
    assert len(objects(tmp_path, given, options={"drop": True})) == 1


def test_the_small_export_is_named(tmp_path):
    made = export(tmp_path, {"image": "a.png", "annotator": 1, "lead_time": 3.1, "id": 1})
    assert made.recognises(tmp_path)
    with pytest.raises(Invalid, match=r"project-1\.json: this is the export JSON-MIN"):
        made.read(tmp_path)


def test_a_box_beside_a_rotated_one_is_refused(tmp_path):
    fields = rotated_fields((30, 20, 10, 5, 20)) | {"box": (1, 2, 60, 40)}
    label = Annotation(objects=(Object(id="1", class_name="öl", **fields),))
    file = LabelledFile(picture(tmp_path / "a.png"), "a.png", label, None, WIDTH, HEIGHT)
    with pytest.raises(Invalid, match=r"a\.png: object 1 .'öl'. has a box that is not the one"):
        find("format", "labelstudio").make({}).write(tmp_path / "out", iter([file]), CLASSES)
