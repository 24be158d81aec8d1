"""Pascal VOC: what its objects say besides a box, its segmentations, and what is refused."""

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from viseon.plugins import find
from viseon.ports import LabelledFile
from viseon.schema import Annotation, Invalid, Object
from viseon.vision.masks import from_coco_rle

WIDTH, HEIGHT = 40, 30
CLASSES = ("person", "head")
BOX = (2, 3, 12.5, 13)


def picture(path, size=(WIDTH, HEIGHT)):
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), np.zeros((size[1], size[0], 3), np.uint8))
    return path


def thing(id="1", name="person", **fields):
    return Object(id=id, class_name=name, **{"box": BOX} | fields)


flags = st.dictionaries(
    st.sampled_from(["truncated", "difficult", "occluded", "jumping", "walking", "other"]),
    st.just(True),
)
poses = st.sampled_from([{}, {"pose": "Frontal"}, {"pose": "Left"}])


@settings(max_examples=25, deadline=None)
@given(said=st.lists(st.tuples(flags, poses, st.integers(0, 2)), max_size=3))
def test_flags_poses_actions_and_parts_are_read_back_equal(tmp_path_factory, said):
    root = tmp_path_factory.mktemp("voc")
    objects = []
    for more, pose, parts in said:
        whole = thing(str(len(objects) + 1), attributes=more | pose)
        objects.append(whole)
        for _ in range(parts):
            part = thing(str(len(objects) + 1), "head", attributes={"part_of": whole.id})
            objects.append(part)
    label = Annotation(objects=tuple(objects))
    file = LabelledFile(picture(root / "a.png"), "a.png", label, "val", WIDTH, HEIGHT)
    voc = find("format", "voc").make({})
    voc.write(root / "out", iter([file]), CLASSES)
    (back,) = voc.read(root / "out").files
    assert back.annotation == label


@pytest.mark.parametrize(
    ("attributes", "words"),
    [
        ({"colour": "red"}, "has attributes, which VOC cannot say"),
        ({"truncated": 2}, "has truncated 2, not true or false"),
        ({"pose": " "}, "has the pose ' '"),
        ({"part_of": "9"}, "has part_of '9', which is no whole object before it"),
    ],
)
def test_what_would_be_lost_is_refused_unless_it_may_be_dropped(tmp_path, attributes, words):
    label = Annotation(objects=(thing(attributes=attributes),))
    file = LabelledFile(picture(tmp_path / "a.png"), "a.png", label, None, WIDTH, HEIGHT)
    with pytest.raises(Invalid, match=words):
        find("format", "voc").make({}).write(tmp_path / "out", iter([file]), CLASSES)
    voc = find("format", "voc").make({"drop": True})
    voc.write(tmp_path / "dropped", iter([file]), CLASSES)
    (back,) = voc.read(tmp_path / "dropped").files
    assert back.annotation.objects[0].box == BOX


def test_pictures_that_share_their_labels_are_refused_both_ways(tmp_path):
    source = picture(tmp_path / "a.png")
    files = [LabelledFile(source, n, None, None, WIDTH, HEIGHT) for n in ("a.png", "a.jpg")]
    with pytest.raises(Invalid, match=r"a\.jpg: another picture differs only in its suffix"):
        find("format", "voc").make({}).write(tmp_path / "out", iter(files), CLASSES)
    root = segmented(tmp_path / "in", objects=1)
    picture(root / "JPEGImages" / "a.bmp")
    with pytest.raises(Invalid, match=r"JPEGImages/a\.png: a\.bmp differs only in its suffix"):
        find("format", "voc").make({}).read(root)


RED, GREEN, WHITE, ODD = (128, 0, 0), (0, 128, 0), (224, 224, 192), (1, 2, 3)
"""Colours of the first and second number, of the border, and of nothing."""


def segmented(root, *, objects, colours=(), classes=(), labelmap="", size=(WIDTH, HEIGHT)):
    """A dataset of one picture; each colour fills ten columns of its segmentations."""
    picture(root / "JPEGImages" / "a.png")
    (root / "Annotations").mkdir()
    if objects:
        box = "<bndbox><xmin>1</xmin><ymin>1</ymin><xmax>9</xmax><ymax>9</ymax></bndbox>"
        text = f"<object><name>cat</name>{box}</object>" * objects
        (root / "Annotations" / "a.xml").write_text(f"<annotation>{text}</annotation>")
    for folder, filled in (("Object", colours), ("Class", classes)):
        if filled:
            pixels = np.zeros((size[1], size[0], 3), np.uint8)
            for n, colour in enumerate(filled):
                pixels[:, 10 * n : 10 * n + 10] = colour[::-1]
            path = picture(root / f"Segmentation{folder}" / "a.png")
            cv2.imwrite(str(path), pixels)
    if labelmap:
        (root / "labelmap.txt").write_text(labelmap)
    return root


def columns(mask):
    row = {"size": [mask.height, mask.width], "counts": mask.counts}
    return sorted({x // 10 for x in np.nonzero(from_coco_rle([row]).dense()[0])[1].tolist()})


def test_the_colour_of_number_k_is_the_mask_of_object_k(tmp_path):
    root = segmented(tmp_path / "x", objects=2, colours=(GREEN, WHITE, RED), classes=(RED,) * 3)
    (file,) = find("format", "voc").make({}).read(root).files
    first, second = file.annotation.objects
    assert (columns(first.mask), columns(second.mask)) == ([2], [0])
    assert first.box == (1, 1, 9, 9)


def test_without_xml_the_colours_say_which_class(tmp_path):
    shown = segmented(tmp_path / "x", objects=0, colours=(RED, GREEN), classes=(GREEN, RED))
    (file,) = find("format", "voc").make({}).read(shown).files
    assert [o.class_name for o in file.annotation.objects] == ["bicycle", "aeroplane"]
    alone = segmented(
        tmp_path / "y", objects=0, classes=(RED, WHITE, GREEN),
        labelmap="# label:color_rgb:parts:actions\nroad:128,0,0::\nsky:0,128,0::\n",
    )  # fmt: skip
    contents = find("format", "voc").make({}).read(alone)
    (file,) = contents.files
    assert contents.classes == ("road", "sky")
    said = {o.class_name: columns(o.mask) for o in file.annotation.objects}
    assert said == {"road": [0], "sky": [2]}


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"objects": 1, "colours": (ODD,)}, "SegmentationObject/a.png: the colour #010203 is not"),
        ({"objects": 1, "colours": (GREEN,)}, "object 2 is not in Annotations/a.xml"),
        ({"objects": 1, "classes": (RED,)}, "there is no SegmentationObject/a.png"),
        ({"objects": 0, "classes": (ODD,)}, "#010203 is not that of any class"),
        ({"objects": 0, "colours": (RED,)}, "SegmentationClass/a.png: it is missing or empty"),
        ({"objects": 1, "colours": (RED,), "size": (30, 30)}, "its segmentation has 30x30 pixels"),
        ({"objects": 1, "labelmap": "road:red::\n", "colours": (RED,)}, "labelmap.txt, line 1: "),
    ],
)
def test_segmentations_that_make_no_sense_are_named(tmp_path, given, words):
    root = segmented(tmp_path / "x", **given)
    with pytest.raises(Invalid, match=words) as caught:
        list(find("format", "voc").make({}).read(root).files)
    assert caught.value.fix
