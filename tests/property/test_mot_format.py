"""MOTChallenge sequences are read as they were written; rows that make no sense are named."""

import tempfile
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from viseon.datasets import import_folder
from viseon.plugins import find
from viseon.ports import LabelledFile
from viseon.schema import Annotation, Invalid, Object

WIDTH, HEIGHT = 64, 48
CLASSES = ("person", "zebra = crossing %s", "öl")

numbers = st.floats(0, 40).map(lambda v: round(v, 4))
sizes = st.floats(0.5, 20).map(lambda v: round(v, 4))
boxes = st.tuples(numbers, numbers, sizes, sizes).map(
    lambda b: (b[0], b[1], b[0] + b[2], b[1] + b[3])
)
things = st.fixed_dictionaries(
    {
        "class_name": st.sampled_from(CLASSES),
        "box": boxes,
        "track_id": st.none() | st.integers(0, 10**6),
        "attributes": st.fixed_dictionaries(
            {}, optional={"ignored": st.just(True), "visibility": st.floats(0, 0.999)}
        ),
    }
)
annotations = st.lists(things, max_size=4).map(
    lambda found: Annotation(objects=tuple(Object(id=str(n), **f) for n, f in enumerate(found, 1)))
)


def picture(path, size=(WIDTH, HEIGHT)):
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imencode(path.suffix, np.zeros((size[1], size[0], 3), np.uint8))[1].tofile(path)
    return path


@settings(max_examples=40, deadline=None)
@given(labels=st.lists(annotations, min_size=1, max_size=4), split=st.sampled_from(["train", None]))
def test_sequences_are_read_back_equal(labels, split):
    with tempfile.TemporaryDirectory() as folder:
        source = picture(Path(folder) / "a.png")
        files = [
            LabelledFile(
                source, f"{'öst' if n % 2 else 'west 1'}/img1/{n * 7:06d}.png", label, split,
                WIDTH, HEIGHT, {"video": "öst" if n % 2 else "west 1", "frame": n * 7, "fps": 12.5},
            )
            for n, label in enumerate(labels, 1)
        ]  # fmt: skip
        made, out = find("format", "mot").make({}), Path(folder) / "out"
        made.write(out, iter(files), CLASSES)
        assert made.recognises(out)
        contents = made.read(out)
        assert contents.classes == CLASSES
        assert {f.filename: (f.annotation, f.split, f.metadata) for f in contents.files} == {
            f.filename: (f.annotation, f.split, f.metadata) for f in files
        }


def sequence(root, rows="", info="[Sequence]\nname=walk\n", file="gt/gt.txt", labels=None):
    for number in (1, 2):
        picture(root / "img1" / f"{number:06d}.jpg")
    (root / file).parent.mkdir(parents=True, exist_ok=True)
    (root / file).write_text(rows)
    (root / "seqinfo.ini").write_text(info)
    if labels:
        (root / "gt" / "labels.txt").write_text(labels)
    return find("format", "mot").make({})


def test_the_first_pixel_is_one_unless_cvat_wrote_it(tmp_path):
    rows = "1,4,11,21,5,6,0,3,0.25\r\n\r\n1,-1,1,1,4,8,1,1,1\n"
    one, two = sequence(tmp_path / "a", rows).read(tmp_path / "a").files
    moving, still = one.annotation.objects
    assert (moving.box, moving.track_id, moving.class_name) == ((10, 20, 15, 26), 4, "car")
    assert moving.attributes == {"ignored": True, "visibility": 0.25}
    assert (still.box, still.track_id, still.class_name) == ((0, 0, 4, 8), None, "pedestrian")
    assert two.annotation == Annotation()
    assert one.metadata == {"video": "walk", "frame": 1}
    assert one.filename == "walk/img1/000001.jpg"
    made = sequence(tmp_path / "b", rows, labels="x\ny\nz\n")
    contents = made.read(tmp_path / "b")
    assert contents.classes == ("x", "y", "z")
    assert [o.box for o in contents.files[0].annotation.objects] == [(11, 21, 16, 27), (1, 1, 5, 9)]
    made = find("format", "mot").make({"one_based": True})
    assert made.read(tmp_path / "b").files[0].annotation.objects[0].box == (10, 20, 15, 26)


def test_detections_without_a_truth_are_not_reviewed(tmp_path):
    made = sequence(tmp_path, "1,-1,11,21,5,6,0.75,-1,-1,-1\n", file="det/det.txt")
    one, two = made.read(tmp_path).files
    assert not one.annotation.reviewed
    (thing,) = one.annotation.objects
    assert (thing.class_name, thing.attributes, thing.track_id) == (
        "pedestrian",
        {"score": 0.75},
        None,
    )
    assert two.annotation is None


def test_a_challenge_keeps_each_sequence_in_one_split(local, tmp_path):
    for name in ("train/MOT17-02", "train/MOT17-04", "test/MOT17-01"):
        sequence(tmp_path / name, "1,1,1,1,9,9,1,1,1\n", info="[Sequence]\nframeRate=30\n")
    import_folder(local, tmp_path, dataset="shop")
    assert local.datasets.get("shop").classes == ("pedestrian",)
    samples = local.datasets.samples("shop").items
    assert {s.filename.split("/")[0]: s.split for s in samples} == {
        "MOT17-01": "test", "MOT17-02": "train", "MOT17-04": "train"
    }  # fmt: skip
    assert {s.metadata["video"] for s in samples} == {"MOT17-01", "MOT17-02", "MOT17-04"}


@pytest.mark.parametrize(
    ("rows", "info", "words"),
    [
        ("1,1,1,1,9", "", "gt.txt, line 1: 5 numbers, not 6 or more"),
        ("1,1,1,1,9,x", "", "gt.txt, line 1: could not convert"),
        ("1,1,1,1,0,9", "", r"line 1: box .* is empty"),
        ("1,1,nan,1,9,9", "", "line 1: box .* is not finite"),
        ("1,1,1,1,9,1e9", "", "line 1: .*far outside the picture of 64x48"),
        ("1.5,1,1,1,9,9", "", "line 1: the frame 1.5 is not a whole number"),
        ("inf,1,1,1,9,9", "", "line 1: cannot convert float infinity"),
        ("3,1,1,1,9,9", "", "line 1: there is no picture of frame 3 in img1"),
        ("1,1,1,1,9,9,1,14,1", "", "line 1: class 14 has no name; there are 13"),
        ("1,1,1,1,9,9,1,0,1", "", "line 1: class 0 has no name"),
        ("", "[Sequence]\nimDir=../..\n", "leads out of the folder"),
        ("", "hello", "seqinfo.ini: this is not INI"),
        ("", "[Sequence]\nframeRate=fast\n", "seqinfo.ini: frameRate: could not convert"),
    ],
)
def test_what_makes_no_sense_is_named(tmp_path, rows, info, words):
    with pytest.raises(Invalid, match=words) as caught:
        sequence(tmp_path, rows, info).read(tmp_path)
    assert caught.value.fix


def test_pictures_are_numbered_once(tmp_path):
    made = sequence(tmp_path)
    picture(tmp_path / "img1" / "1.png")
    with pytest.raises(Invalid, match=r"img1/1\.png: 000001\.jpg is the same frame"):
        made.read(tmp_path)
    (tmp_path / "img1" / "1.png").rename(tmp_path / "img1" / "one.png")
    with pytest.raises(Invalid, match=r"img1/one\.png: its name is not the number of a frame"):
        made.read(tmp_path)


square = {"class_name": "öl", "box": (1, 2, 30, 40)}


@pytest.mark.parametrize(
    ("name", "label", "words"),
    [
        ("door/a.png", Annotation(), "MOT names pictures"),
        ("door/img1/000001.png", None, "nobody has looked at it"),
        ("door/img1/000001.png", Annotation(classes=("öl",)), "the picture is a 'öl'"),
        (
            "door/img1/000001.png",
            Annotation(objects=(Object(id="1", **square, keypoints=((1, 2, 2),)),)),
            "has keypoints",
        ),
        (
            "door/img1/000001.png",
            Annotation(objects=(Object(id="1", **square, attributes={"a": 1}),)),
            "has attributes",
        ),
    ],
)
def test_what_would_be_lost_is_refused_unless_it_may_be_dropped(tmp_path, name, label, words):
    source = picture(tmp_path / "a.png")
    file = LabelledFile(source, name, label, None, WIDTH, HEIGHT)
    with pytest.raises(Invalid, match=words) as caught:
        find("format", "mot").make({}).write(tmp_path / "out", iter([file]), CLASSES)
    assert "--set drop=true" in caught.value.fix
    made = find("format", "mot").make({"drop": True})
    made.write(tmp_path / "dropped", iter([file]), CLASSES)
    back = made.read(tmp_path / "dropped").files if label else []
    assert [f.filename for f in back] == (["door/img1/000001.png"] if label else [])


@pytest.mark.parametrize(
    "more",
    [{"attributes": {"visibility": 7}}, {"attributes": {"ignored": "yes"}}, {"track_id": -3}],
)
def test_values_that_mot_does_not_have_are_named(tmp_path, more):
    label = Annotation(objects=(Object(id="1", **square, **more),))
    file = LabelledFile(picture(tmp_path / "a.png"), "d/img1/000001.png", label, None, 64, 48)
    with pytest.raises(Invalid, match=r"d/img1/000001\.png: "):
        find("format", "mot").make({}).write(tmp_path / "out", iter([file]), CLASSES)
