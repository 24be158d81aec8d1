"""A CSV file of boxes is read as it was written, and refused with the line at fault."""

import tempfile
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from viseon.adapters.formats.csv_boxes import plugin
from viseon.ports import LabelledFile
from viseon.schema import Annotation, Invalid, Object

CLASSES = ("person", "bag, small", "zebra")
sides = st.tuples(st.floats(0, 40), st.floats(0, 40), st.floats(0.01, 20), st.floats(0.01, 20))
boxes = sides.map(lambda b: (b[0], b[1], b[0] + b[2], b[1] + b[3]))
things = st.lists(st.tuples(st.sampled_from(CLASSES), boxes), max_size=4)
shown = st.lists(st.sampled_from(CLASSES), unique=True, max_size=2)


def picture(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    cv2.imwrite(str(path), np.zeros((48, 64, 3), np.uint8))


@settings(max_examples=20, deadline=None)
@given(labels=st.lists(st.tuples(things, shown), min_size=1, max_size=4))
def test_boxes_classes_and_splits_survive(labels):
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "a.png"
        picture(source)
        files = []
        for n, (found, classes) in enumerate(labels):
            objects = tuple(
                Object(id=str(i), class_name=c, box=b) for i, (c, b) in enumerate(found, 1)
            )
            label = Annotation(objects=objects, classes=tuple(classes))
            split = ("train", "val", "test", None)[n]
            files.append(LabelledFile(source, f"döö/{n}.png", label, split, 64, 48))
        files.append(LabelledFile(source, "unseen.png", None, None, 64, 48))
        format = plugin.make({})
        format.write(Path(folder) / "out", iter(files), CLASSES)
        assert format.recognises(Path(folder) / "out")
        contents = format.read(Path(folder) / "out")
        assert contents.classes == CLASSES
        back = {f.filename: (f.annotation, f.split, f.width, f.height) for f in contents.files}
        assert back == {f.filename: (f.annotation, f.split, 64, 48) for f in files}


@pytest.mark.parametrize("head", ["", "image,label,xmin,ymin,xmax,ymax\n"])
def test_the_header_may_be_missing_or_use_other_words(tmp_path, head):
    picture(tmp_path / "a.png")
    (tmp_path / "boxes.csv").write_text(head + "a.png,cat,1,2,3,4\n")
    format = plugin.make({})
    assert format.recognises(tmp_path)
    (file,) = format.read(tmp_path).files
    assert [(o.class_name, o.box) for o in file.annotation.objects] == [("cat", (1, 2, 3, 4))]


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ("a.png,cat,3,2,1,4", "line 2: .*is empty"),
        ("a.png,cat,1,2,x,4", "line 2: could not convert"),
        ("a.png,,1,2,3,4", "line 2: the class is missing"),
        ("b.png,cat,1,2,3,4", "line 2: there is no picture 'b.png'"),
        ("../b.png,cat,1,2,3,4", "leads out of the folder"),
        ("a.png,cat,1,2,3,4,dev", "line 2: 'dev' is not a split"),
    ],
)
def test_rows_that_make_no_sense_are_named(tmp_path, row, words):
    picture(tmp_path / "a.png")
    (tmp_path / "boxes.csv").write_text(f"filename,class,x1,y1,x2,y2,split\n{row}\n")
    with pytest.raises(Invalid, match=words) as caught:
        plugin.make({}).read(tmp_path)
    assert caught.value.fix
