"""What is drawn: where it must be, and where it must not."""

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from viseon import draw
from viseon.vision import Detections, Heatmap, Line, Tracks, Zone
from viseon.vision.masks import encode

ROOT = Path(__file__).parents[2]


def canvas(width=320, height=240):
    return np.full((height, width, 3), 90, np.uint8)


def changed(image):
    return (image != 90).any(axis=2)


def people(*boxes):
    return Detections(np.array(boxes, np.float32))


@pytest.mark.parametrize(("width", "height"), [(320, 180), (1280, 720), (3840, 2160)])
def test_labels_do_not_overlap_and_stay_in_the_picture(width, height):
    image = canvas(width, height)
    at = [(width * 0.9 + i, height * 0.01 + i) for i in range(5)] + [(3, height - 2)] * 4
    texts = [f"person #{i}" for i in range(9)]
    rects = draw.labels(image, texts, at, colours=[draw.colour(i) for i in range(9)])
    for i, (x1, y1, x2, y2) in enumerate(rects):
        assert (x1, y1) >= (0, 0)
        assert x2 <= width
        assert y2 <= height
        assert y2 - y1 >= 10
        for a1, b1, a2, b2 in rects[i + 1 :]:
            assert x2 <= a1 or a2 <= x1 or y2 <= b1 or b2 <= y1


def test_a_box_is_drawn_on_its_edges_and_nowhere_inside():
    image = draw.boxes(canvas(), people((50, 60, 150, 200)))
    assert changed(image)[60, 50:150].all()
    assert changed(image)[60:200, 150].all()
    assert not changed(image)[80:180, 70:130].any()


def test_boxes_beyond_the_picture_do_no_harm():
    draw.tracks(canvas(), Tracks(people((-500, -500, -400, -400), (300, 200, 900, 900)), [1, 2]))


def test_each_track_keeps_its_colour():
    one = draw.tracks(canvas(), Tracks(people((50, 60, 150, 200)), [7]))
    other = draw.tracks(canvas(), Tracks(people((10, 10, 20, 20), (50, 60, 150, 200)), [3, 7]))
    assert one[130, 50].tolist() == other[130, 50].tolist() == list(draw.colour(7))


def test_a_zone_leaves_its_hole_clear():
    zone = Zone(
        [(20, 20), (300, 20), (300, 220), (20, 220)],
        holes=[[(60, 60), (120, 60), (120, 120), (60, 120)]],
    )
    image = draw.zone(canvas(), zone)
    assert changed(image)[200, 40]
    assert not changed(image)[70:110, 70:110].any()


def test_the_arrow_of_a_line_points_to_its_in_side():
    image = draw.line(canvas(), Line((40, 120), (280, 120)))
    below = changed(image)[126:, 150:170].sum()
    line = Line((40, 120), (280, 120))
    tracks = [
        Tracks(people((150, y - 30, 170, y)), [1], i / 10, i) for i, y in enumerate((100, 140))
    ]
    [crossing] = [c for t in tracks for c in line.update(t)]
    assert crossing.direction == "in"
    assert below > 0


def test_masks_tint_only_their_pixels():
    mask = np.zeros((1, 240, 320), bool)
    mask[0, 100:150, 100:150] = True
    for given in (mask, encode(mask)):
        found = Detections(np.array([[100, 100, 150, 150]]), None, None, given)
        image = draw.masks(canvas(), found)
        assert changed(image)[105:145, 105:145].all()
        assert not changed(image)[:95].any()


def test_joints_nobody_saw_are_not_drawn():
    pose = np.zeros((1, 17, 3), np.float32)
    pose[0, 5], pose[0, 7], pose[0, 9] = (100, 100, 0.9), (100, 150, 0.9), (200, 200, 0.1)
    image = draw.keypoints(canvas(), Detections(np.array([[0, 0, 1, 1]]), None, None, None, pose))
    assert changed(image)[125, 100]
    assert not changed(image)[190:210, 190:210].any()


@pytest.mark.parametrize("box", [(10, 10, 90, 90), (60.5, 60.5, 100, 200), (-20, 10, 30, 60)])
def test_pixelating_leaves_at_most_as_many_colours_as_cells(box):
    image = np.random.default_rng(0).integers(0, 255, (240, 320, 3), dtype=np.uint8)
    before = image.copy()
    draw.pixelate(image, np.array([box], np.float32), blocks=4)
    x1, y1, x2, y2 = max(0, int(box[0])), int(box[1]), int(np.ceil(box[2])), int(np.ceil(box[3]))
    inside = image[y1:y2, x1:x2].reshape(-1, 3)
    assert len(np.unique(inside, axis=0)) <= 16
    before[y1:y2, x1:x2] = image[y1:y2, x1:x2]
    np.testing.assert_array_equal(image, before)


def test_blurring_a_box_beyond_the_picture_changes_nothing():
    image = canvas()
    draw.blur(image, np.array([[400, 400, 500, 500]], np.float32))
    draw.pixelate(image, np.empty((0, 4), np.float32))
    assert not changed(image).any()


def test_heat_and_flow_show_where_people_were():
    heat = Heatmap(320, 240, cell_px=10)
    for i in range(30):
        heat.update(Tracks(people((90 + i, 80, 110 + i, 120)), [1], i / 10, i))
    image = draw.flow(draw.heatmap(canvas(), heat), heat)
    assert changed(image)[115:125, 100:120].any()
    assert not changed(image)[:60].any()


def test_traces_forget_what_is_too_old():
    traces = draw.Traces(length_s=1.0)
    for i in range(40):
        traces.update(Tracks(people((5 * i, 80, 5 * i + 10, 100)), [1], i / 10, i))
    image = traces.draw(canvas())
    assert changed(image)[98:103, 170:195].any()
    assert not changed(image)[:, :130].any()
    traces.update(Tracks.empty(time_s=60.0, frame_index=600))
    assert not changed(traces.draw(canvas())).any()


def test_the_gallery_shows_everything_that_can_be_drawn(tmp_path):
    page = (ROOT / "docs/reference/gallery.md").read_text()
    shown = set(re.findall(r"^## (\w+)", page, re.M)) | set(re.findall(r"draw\.(\w+)\(", page))
    assert {name for name in draw.__all__ if name[0].islower()} <= shown
    copy = tmp_path / "gallery.py"
    copy.write_text((ROOT / "docs/reference/gallery.py").read_text())
    subprocess.run([sys.executable, str(copy)], check=True, timeout=120)
    assert (tmp_path / "gallery.md").read_text() == page
    assert len(list((tmp_path / "gallery").glob("*.png"))) == page.count("![")
