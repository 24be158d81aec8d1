"""Classification folders are read as they were written, or refused with the picture at fault."""

import tempfile
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from viseon.adapters.formats.classes import plugin
from viseon.adapters.formats.yolo import plugin as yolo
from viseon.ports import LabelledFile
from viseon.schema import Annotation, Invalid

CLASSES = ("bag", "zebra crossing", "öl")
shown = st.tuples(st.sampled_from(("train", "val", "test")), st.sampled_from(CLASSES))


def picture(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), np.zeros((48, 64, 3), np.uint8))


@settings(max_examples=20, deadline=None)
@given(labels=st.lists(shown, min_size=1, max_size=5))
def test_classes_and_splits_survive(labels):
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "a.png"
        picture(source)
        files = {
            f"{split}/{name}/{n}.png": (Annotation(classes=(name,)), split, 64, 48)
            for n, (split, name) in enumerate(labels)
        }
        format, out = plugin.make({}), Path(folder) / "out"
        format.write(out, (LabelledFile(source, n, *f) for n, f in files.items()), CLASSES)
        assert format.recognises(out)
        assert not yolo.make({}).recognises(out)
        contents = format.read(out)
        assert contents.classes == CLASSES
        back = {f.filename: (f.annotation, f.split, f.width, f.height) for f in contents.files}
        assert back == files


def test_other_layouts_are_not_taken_for_classes(tmp_path):
    picture(tmp_path / "train" / "images" / "a.png")
    assert not plugin.make({}).recognises(tmp_path)


def test_a_picture_outside_the_classes_is_named(tmp_path):
    picture(tmp_path / "train" / "a.png")
    with pytest.raises(Invalid, match=r"train/a\.png: it lies in no class"):
        plugin.make({}).read(tmp_path)


@pytest.mark.parametrize("label", [None, Annotation(), Annotation(classes=("bag", "öl"))])
def test_what_has_not_one_class_is_refused(tmp_path, label):
    file = LabelledFile(tmp_path / "a.png", "a.png", label, "train")
    with pytest.raises(Invalid, match=r"a\.png: it has \d classes"):
        plugin.make({}).write(tmp_path / "out", iter([file]), CLASSES)


def test_a_class_that_nobody_reviewed_is_refused(tmp_path):
    label = Annotation(classes=("cat",), reviewed=False)
    source = tmp_path / "a.png"
    file = LabelledFile(source, "a.png", label, "train", 8, 8)
    with pytest.raises(Invalid, match="nobody has reviewed its class"):
        plugin.make({}).write(tmp_path / "out", iter([file]), ("cat",))
