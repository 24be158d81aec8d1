"""CVAT's XML is read as it was written, for images and for video; what makes no sense is named."""

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
    rotated_fields,
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
boxes = st.tuples(numbers, numbers, sizes, sizes).map(
    lambda b: {"box": (b[0], b[1], b[0] + b[2], b[1] + b[3])}
)
polygons = (
    st.lists(points, min_size=3, max_size=6, unique=True)
    .filter(lambda p: min(max(c) - min(c) for c in zip(*p, strict=True)) > 0.01)
    .map(polygon_fields)
)
rotated = st.tuples(numbers, numbers, sizes, sizes, st.floats(-179.9, 179.9)).map(rotated_fields)
joints = st.tuples(numbers, numbers, st.sampled_from([0, 1, 2]))
skeletons = (
    st.lists(joints, min_size=3, max_size=3)
    .filter(lambda p: any(v for *_, v in p))
    .flatmap(lambda p: boxes.map(lambda b: b | {"keypoints": tuple(p)}))
)
lines = st.tuples(st.sampled_from(["points", "polyline"]), st.lists(points, min_size=1, max_size=4)).map(
    lambda p: {
        "keypoints": tuple((x, y, 2) for x, y in p[1]),
        "box": around_points(p[1]),
        "attributes": {"drawn_as": p[0]},
    }
)  # fmt: skip
ellipses = (rotated | boxes).map(lambda f: f | {"attributes": {"drawn_as": "ellipse"}})


@st.composite
def masks(draw):
    pixels = np.zeros((HEIGHT, WIDTH), bool)
    for _ in range(draw(st.integers(1, 3))):
        x, y = draw(st.integers(0, 50)), draw(st.integers(0, 40))
        pixels[y : y + draw(st.integers(1, 8)), x : x + draw(st.integers(1, 8))] = True
    return mask_fields(mask_of(pixels))


shapes = boxes | polygons | rotated | skeletons | lines | ellipses | masks()
attributes = st.fixed_dictionaries(
    {},
    optional={
        "occluded": st.booleans(),
        "z_order": st.integers(-2, 2),
        "late": st.booleans(),
        "colour": st.text("rot & <ü>", max_size=5),
        "weight": st.floats(-1e3, 1e3) | st.integers(-5, 5),
    },
)


@st.composite
def things(draw):
    fields = draw(shapes)
    more = draw(attributes) | fields.get("attributes", {})
    track = draw(st.none() | st.integers(0, 99))
    return fields | {
        "class_name": draw(st.sampled_from(CLASSES)), "attributes": more, "track_id": track
    }  # fmt: skip


def annotation(found, classes=()):
    return Annotation(
        objects=tuple(Object(id=str(n), **f) for n, f in enumerate(found, 1)), classes=classes
    )


annotations = st.builds(
    annotation,
    st.lists(things(), max_size=4),
    st.lists(st.sampled_from(CLASSES), unique=True, max_size=2).map(tuple),
)


def picture(path, size=(WIDTH, HEIGHT)):
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imencode(".png", np.zeros((size[1], size[0], 3), np.uint8))[1].tofile(path)
    return path


@settings(max_examples=60, deadline=None)
@given(labels=st.lists(annotations | st.none(), min_size=1, max_size=4))
def test_images_are_read_back_equal(labels):
    with tempfile.TemporaryDirectory() as folder:
        source = picture(Path(folder) / "a.png")
        files = [
            LabelledFile(source, f"döö/{n}.png", label, split, WIDTH, HEIGHT)
            for n, (label, split) in enumerate(zip(labels, SPLITS, strict=False))
        ]
        made, out = find("format", "cvat").make({}), Path(folder) / "out"
        made.write(out, iter(files), CLASSES)
        assert made.recognises(out)
        contents = made.read(out)
        assert contents.classes == CLASSES
        assert {f.filename: (f.annotation, f.split) for f in contents.files} == {
            f.filename: (f.annotation, f.split) for f in files
        }


@settings(max_examples=30, deadline=None)
@given(data=st.data())
def test_a_video_is_read_back_equal(data):
    names = [data.draw(st.sampled_from(CLASSES)) for _ in range(3)]
    step = data.draw(st.integers(1, 4))
    with tempfile.TemporaryDirectory() as folder:
        source = picture(Path(folder) / "a.png")
        files = []
        for n in range(4):
            tracks = data.draw(st.lists(st.integers(0, 2), unique=True).map(sorted))
            fields = [data.draw(things()) for _ in tracks]
            found = tuple(
                Object(id=str(t), **(f | {"class_name": names[t], "track_id": t}))
                for t, f in zip(tracks, fields, strict=True)
            )
            number = 5 + n * step
            files.append(
                LabelledFile(
                    source, f"frame_{number:06d}.png", Annotation(objects=found), "val",
                    WIDTH, HEIGHT, {"video": "door", "frame": number},
                )
            )  # fmt: skip
        made, out = find("format", "cvat-video").make({}), Path(folder) / "out"
        made.write(out, iter(files), CLASSES)
        assert find("format", "cvat").make({}).recognises(out)
        back = {f.filename: f for f in find("format", "cvat").make({}).read(out).files}
        assert [back[f.filename].annotation for f in files] == [f.annotation for f in files]
        assert {f.split for f in back.values()} == {"val"}
        assert [back[f.filename].metadata for f in files] == [f.metadata for f in files]


def document(root, body, labels="<label><name>person</name></label>", sizes=((WIDTH, HEIGHT),)):
    for number, size in enumerate(sizes):
        picture(root / "images" / f"frame_{number:06d}.png", size)
    text = f"<annotations><version>1.1</version><meta><task><labels>{labels}</labels></task></meta>{body}</annotations>"
    (root / "annotations.xml").write_text(text, encoding="utf-8")
    return find("format", "cvat").make({})


def track(*boxes):
    return '<track id="7" label="person">' + "".join(boxes) + "</track>"


def box(frame, x, outside=0, more=""):
    return (
        f'<box frame="{frame}" keyframe="1" outside="{outside}" xtl="{x}" ytl="10" xbr="{x + 10}"'
        f' ybr="30" {more}/>'
    )


def test_between_keyframes_boxes_move_in_a_line_and_hold_after_the_last(tmp_path):
    body = track(box(1, 0), box(5, 8), box(7, 8, outside=1))
    made = document(tmp_path, body, sizes=[(WIDTH, HEIGHT)] * 9)
    files = {int(f.filename[6:12]): f.annotation.objects for f in made.read(tmp_path).files}
    assert [n for n in files if files[n]] == [1, 2, 3, 4, 5, 6]
    assert [files[n][0].box[0] for n in range(1, 7)] == [0, 2, 4, 6, 8, 8]
    assert {o.track_id for found in files.values() for o in found} == {7}
    body = track(box(1, 0))
    files = list(document(tmp_path, body).read(tmp_path).files)
    assert [len(f.annotation.objects) for f in files] == [0] + [1] * 8


def test_turning_boxes_take_the_short_way_and_points_move(tmp_path):
    body = track(box(0, 10, more='rotation="350"'), box(2, 10, more='rotation="20"'))
    body += '<track id="8" label="person"><polygon frame="0" outside="0" points="0,0;10,0;10,10"/>'
    body += '<polygon frame="2" outside="0" points="4,0;14,2;14,12"/></track>'
    made = document(tmp_path, body, sizes=[(WIDTH, HEIGHT)] * 3)
    turned, moved = list(made.read(tmp_path).files)[1].annotation.objects
    assert turned.rotated[4] == pytest.approx(5)
    assert moved.polygons == ((2, 0, 12, 1, 12, 11),)


def test_skeletons_are_in_the_order_of_their_label(tmp_path):
    labels = "<label><name>person</name><type>skeleton</type></label>" + "".join(
        f"<label><name>{n}</name><type>points</type><parent>person</parent></label>"
        for n in ("nose", "ear", "toe")
    )
    body = """<image id="0" name="frame_000000.png" width="64" height="48">
      <skeleton label="person"><points label="toe" points="1.5,2" outside="0" occluded="1"/>
      <points label="nose" points="20,30" outside="0" occluded="0"/></skeleton>
      <tag label="person"/></image>"""
    contents = document(tmp_path, body, labels).read(tmp_path)
    (file,) = contents.files
    assert contents.classes == ("person",)
    assert file.annotation.classes == ("person",)
    (thing,) = file.annotation.objects
    assert thing.keypoints == ((20, 30, 2), (0, 0, 0), (1.5, 2, 1))
    assert thing.box == (1.5, 2, 20, 30)


def image(shape, name="frame_000000.png", size=(WIDTH, HEIGHT), more=""):
    return (
        f'<image id="0" name="{name}" width="{size[0]}" height="{size[1]}" {more}>{shape}</image>'
    )


GOOD = '<box label="person" xtl="1" ytl="2" xbr="3" ybr="4"/>'


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (
            image('<box label="" xtl="1" ytl="2" xbr="3" ybr="4"/>'),
            "box 1 .. its label is empty|: its label is empty",
        ),
        (
            image('<box label="person" xtl="1" ytl="2" xbr="1" ybr="4"/>'),
            r"box 1 \(person\): box .* is empty",
        ),
        (image('<box label="person" xtl="1" ytl="2" xbr="3"/>'), "'ybr' is missing"),
        (image('<box label="person" xtl="nan" ytl="2" xbr="3" ybr="4"/>'), "box"),
        (
            image('<box label="person" xtl="1" ytl="2" xbr="1e30" ybr="4"/>'),
            "far outside the picture of 64x48",
        ),
        (image('<box label="person" xtl="1" ytl="2" xbr="inf" ybr="4"/>'), "not finite"),
        (image('<polygon label="person" points="1,2;3,4"/>'), "polygon 1"),
        (image('<polygon label="person" points="1,2;3"/>'), "polygon 1"),
        (image('<cuboid label="person"/>'), "a dataset has nothing like a cuboid"),
        (
            image('<mask label="person" rle="3, 99" left="0" top="0" width="4" height="4"/>'),
            "runs cover 102 of 16",
        ),
        (
            image('<mask label="person" rle="16" left="0" top="0" width="4" height="4"/>'),
            "mask is empty",
        ),
        (
            image('<mask label="person" rle="0, 16" left="62" top="0" width="4" height="4"/>'),
            "does not lie in the picture",
        ),
        (image(GOOD, name="b.png"), "there is no picture 'b.png'"),
        (image(GOOD, name="../../etc/passwd"), "leads out of the folder"),
        (image(GOOD, more=f'subset="{"9" * 300}"'), "too long for a file's name"),
        (image(GOOD, name="9/" * 600 + "a.png"), "too long for a file's name"),
        (image(GOOD, more='subset="../.."'), "leads out of the folder"),
        (
            image(GOOD, size=(640, 480)),
            "was 640x480 pixels when it was labelled, the file has 64x48",
        ),
        (image(GOOD) + image(GOOD), "lists frame_000000.png twice"),
        (
            image('<tag label="person"><attribute name="a">b</attribute></tag>'),
            "the tag 'person' has attributes",
        ),
        (image(GOOD) + track(box(0, 1)), "both images and tracks"),
        (track(box(0, 1), box(0, 2)), "has the frame '0', no number or one that it had before"),
        (
            track(box(0, 1), box(9, 1, outside=1).replace('xtl="1"', 'xtl="x"')),
            "track 7, frame 9: could not convert",
        ),
        (track(box(3, 1)), "track 7: there is no picture of frame 3"),
        (track(box(0, 1)) * 2, "track 7 .*: the track is there twice"),
        (track(box(0, 1)).replace('"7"', '"x"'), "the track id 'x' is not a number"),
    ],
)
def test_what_makes_no_sense_is_named(tmp_path, body, words):
    made = document(tmp_path, body, sizes=[(WIDTH, HEIGHT)] * 2)
    with pytest.raises(Invalid, match=words) as caught:
        made.read(tmp_path)
    assert caught.value.fix


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_a_billion_laughs_are_not_laughed(tmp_path, encoding):
    picture(tmp_path / "images" / "a.png")
    entities = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
    text = f'<?xml version="1.0" encoding="{encoding}"?><!DOCTYPE annotations [<!ENTITY l0 "ha">{entities}]><annotations>&l9;</annotations>'
    (tmp_path / "annotations.xml").write_bytes(text.encode(encoding))
    with pytest.raises(Invalid, match=r"annotations\.xml: it declares a document type or entities"):
        find("format", "cvat").make({}).read(tmp_path)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"<annotations><image", "this is not XML"),
        ("<annotations><meta>ü</meta></annotations>".encode("latin-1"), "this is not XML"),
        (b"<annotations><meta>\x00</meta></annotations>", "this is not XML"),
    ],
)
def test_broken_xml_is_named(tmp_path, data, words):
    (tmp_path / "annotations.xml").write_bytes(data)
    with pytest.raises(Invalid, match=words):
        find("format", "cvat").make({}).read(tmp_path)


def test_a_video_without_its_frames_says_how_to_get_them(tmp_path):
    (tmp_path / "annotations.xml").write_text(
        f"<annotations><meta><source>t.mp4</source></meta>{track(box(0, 1))}</annotations>"
    )
    with pytest.raises(Invalid, match=r"annotations\.xml: the frames of t\.mp4 are not here") as e:
        find("format", "cvat").make({}).read(tmp_path)
    assert "ffmpeg -i t.mp4" in e.value.fix


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"box": (1, 2, 30, 40), "polygons": ((1, 2, 30, 2, 30, 40),) * 2}, "2 polygons"),
        (
            {
                "box": (1, 2, 30, 40),
                "polygons": ((1, 2, 30, 2, 30, 40),),
                "keypoints": ((1, 2, 2),),
            },
            "several exact",
        ),
        (
            {
                "box": (1, 2, 30, 40),
                "keypoints": ((1, 2, 1),),
                "attributes": {"drawn_as": "polyline"},
            },
            "hidden keypoints",
        ),
    ],
)
def test_what_would_be_lost_is_refused_unless_it_may_be_dropped(tmp_path, fields, words):
    source = picture(tmp_path / "a.png")
    label = Annotation(objects=(Object(id="1", class_name="öl", **fields),))
    file = LabelledFile(source, "a.png", label, None, WIDTH, HEIGHT)
    with pytest.raises(Invalid, match=words) as caught:
        find("format", "cvat").make({}).write(tmp_path / "out", iter([file]), CLASSES)
    assert "--set drop=true" in caught.value.fix
    made = find("format", "cvat").make({"drop": True})
    made.write(tmp_path / "dropped", iter([file]), CLASSES)
    (back,) = made.read(tmp_path / "dropped").files
    assert [o.class_name for o in back.annotation.objects] == ["öl"]


@pytest.mark.parametrize(
    ("name", "label", "words"),
    [
        ("a.png", Annotation(), "its name is not frame_000000"),
        ("frame_000001.png", None, "nobody has looked"),
        (
            "frame_000001.png",
            annotation([{"class_name": "öl", "box": (1, 2, 3, 4)}]),
            "'öl' has no track id",
        ),
        (
            "frame_000001.png",
            annotation([{"class_name": "öl", "box": (1, 2, 3, 4), "track_id": 1}] * 2),
            "track 1 is two things",
        ),
    ],
)
def test_what_is_no_video_is_not_written_as_one(tmp_path, name, label, words):
    file = LabelledFile(picture(tmp_path / "a.png"), name, label, None, WIDTH, HEIGHT)
    with pytest.raises(Invalid, match=words) as caught:
        find("format", "cvat-video").make({}).write(tmp_path / "out", iter([file]), CLASSES)
    assert "--format cvat" in caught.value.fix


def test_frames_of_a_video_stay_in_one_split(local, tmp_path):
    document(tmp_path, track(box(0, 1)), sizes=[(WIDTH, HEIGHT)] * 8)
    import_folder(local, tmp_path, dataset="shop")
    assert len(local.datasets.commit("shop").splits) == 1
