"""Every built-in plugin keeps the contract its kind promises to plugin authors."""

import cv2
import numpy as np
import pytest

from viseon import plugins
from viseon.ports import LabelledFile, SinkContext
from viseon.schema import Annotation, Invalid, NotFound, Object
from viseon.testing import check_format, check_options, check_sink, check_source, check_tracker

TRACKERS = sorted(plugins.names("tracker"))
FORMATS = sorted(set(plugins.names("format")) & {"coco", "yolo", "voc"})


@pytest.mark.parametrize("name", TRACKERS)
def test_trackers(name):
    check_tracker(plugins.find("tracker", name))


def test_video_source(crossing_video):
    check_source(plugins.find("source", "video"), {"path": str(crossing_video)})


def test_scene_source():
    check_source(plugins.find("source", "scene"), {"seed": 3})


def test_folder_source(tmp_path):
    for number in range(3):
        cv2.imwrite(str(tmp_path / f"{number}.png"), np.full((20, 30, 3), number, np.uint8))
    check_source(plugins.find("source", "folder"), {"path": str(tmp_path), "fps": 5})


@pytest.mark.parametrize(
    ("name", "file"), [("jsonl", "o.jsonl"), ("csv", "o.csv"), ("video", "o.mp4")]
)
def test_file_sinks(name, file, tmp_path):
    context = SinkContext(stream="s", class_names=("person",), fps=10, size=(64, 48))
    check_sink(plugins.find("sink", name), {"path": str(tmp_path / file)}, context)


@pytest.mark.parametrize("name", FORMATS)
def test_formats(name, tmp_path):
    files = []
    for number in range(3):
        path = tmp_path / f"bild ü {number}.png"
        cv2.imencode(".png", np.full((40, 60, 3), 9 * number, np.uint8))[1].tofile(path)
        things = tuple(
            Object(id=str(i), class_name=c, box=(4 * i, 2, 4 * i + 20, 30))
            for i, c in enumerate(["cat", "dog"][:number], 1)
        )
        files.append(LabelledFile(path, path.name, Annotation(objects=things), None, 60, 40))
    check_format(plugins.find("format", name), files, ("cat", "dog"))


@pytest.mark.parametrize(
    ("kind", "name"),
    [(k, n) for k in ("backend", "trainer", "source", "sink", "format") for n in plugins.names(k)],
)
def test_options_are_strict(kind, name):
    check_options(plugins.find(kind, name))


def test_a_plugin_that_is_not_there_is_said_with_what_is():
    with pytest.raises(NotFound, match="did you mean 'bytetrack'"):
        plugins.find("tracker", "bytetrak")


def test_a_wrong_option_names_the_nearest():
    with pytest.raises(Invalid, match="did you mean 'path'"):
        plugins.find("source", "video").options({"pth": "film.mp4"})
