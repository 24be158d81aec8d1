"""Boxes, polygons and points move exactly as the picture does."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from viseon.adapters.images.opencv import OpencvImages
from viseon.adapters.images.raw import RawImages
from viseon.vision.affine import (
    IDENTITY,
    clipped_box,
    clipped_polygon,
    inverse,
    mirror,
    moved,
    moved_box,
    overturn,
    scaling,
    shift,
    then,
    turn,
)

some = st.floats(-500, 500)
side = st.integers(1, 400)


@st.composite
def boxes(draw):
    x, y = draw(some), draw(some)
    return x, y, x + draw(st.floats(0.5, 300)), y + draw(st.floats(0.5, 300))


@st.composite
def matrices(draw):
    width, height = draw(side), draw(side)
    kind = draw(st.integers(0, 4))
    if kind == 0:
        return mirror(width)
    if kind == 1:
        return overturn(height)
    if kind == 2:
        return scaling(draw(st.floats(0.1, 5)), draw(st.floats(0.1, 5)))
    if kind == 3:
        return shift(draw(some), draw(some))
    return turn(draw(st.floats(-360, 360)), width, height, grow=draw(st.booleans()))[0]


@settings(deadline=None, max_examples=60)
@given(boxes(), matrices())
def test_a_moved_box_holds_its_moved_corners_and_touches_them(box, matrix):
    x1, y1, x2, y2 = box
    corners = moved(np.array([(x1, y1), (x2, y1), (x2, y2), (x1, y2)]), matrix)
    expected = (*corners.min(axis=0), *corners.max(axis=0))
    assert moved_box(box, matrix) == pytest.approx(expected)


@settings(deadline=None, max_examples=60)
@given(matrices(), matrices(), st.lists(st.tuples(some, some), min_size=1, max_size=8))
def test_one_after_the_other_is_one_matrix(first, second, points):
    points = np.array(points)
    assert moved(points, then(first, second)) == pytest.approx(
        moved(moved(points, first), second), abs=1e-6
    )


@settings(deadline=None, max_examples=60)
@given(matrices(), st.lists(st.tuples(some, some), min_size=1, max_size=8))
def test_what_is_undone_is_as_before(matrix, points):
    back = moved(moved(np.array(points), matrix), inverse(matrix))
    assert back == pytest.approx(np.array(points), abs=1e-6)


@settings(deadline=None, max_examples=60)
@given(side, side)
def test_flipping_twice_and_turning_four_times_change_nothing(width, height):
    for flip in (mirror(width), overturn(height)):
        assert then(flip, flip) == pytest.approx(IDENTITY)
    matrix, size = IDENTITY, (width, height)
    for _ in range(4):
        quarter, *size = turn(90, *size, grow=True)
        matrix = then(matrix, quarter)
    assert tuple(size) == (width, height)
    assert matrix == pytest.approx(IDENTITY, abs=1e-9)


@settings(deadline=None, max_examples=60)
@given(side, side, st.floats(-180, 180))
def test_a_grown_picture_holds_all_corners(width, height, degrees):
    matrix, wide, high = turn(degrees, width, height, grow=True)
    corners = moved(np.array([(0, 0), (width, 0), (0, height), (width, height)]), matrix)
    assert (corners >= -1e-6).all()
    assert (corners <= np.array([wide, high]) + 1e-6).all()


@pytest.mark.parametrize("quarters", [0, 1, 2, 3])
def test_quarter_turns_move_pixels_as_numpy_does(quarters):
    pixels = np.random.default_rng(1).integers(0, 255, (5, 8, 3)).astype(np.uint8)
    matrix, width, height = turn(90 * quarters, 8, 5, grow=True)
    expected = np.rot90(pixels, quarters)
    assert (width, height) == expected.shape[1::-1]
    for images in (OpencvImages(), RawImages()):
        assert (images.warp(pixels, matrix, width, height) == expected).all()


@settings(deadline=None, max_examples=15)
@given(st.floats(-40, 40), st.floats(0.5, 2.0), st.integers(0, 1000))
def test_both_adapters_warp_alike(degrees, scale, seed):
    small = np.random.default_rng(seed).integers(0, 255, (6, 8, 3)).astype(np.uint8)
    pixels = OpencvImages().resize(small, 64, 48)
    matrix, width, height = turn(degrees, 64, 48, grow=True)
    matrix = then(matrix, scaling(scale, scale))
    size = (int(width * scale) + 1, int(height * scale) + 1)
    one = OpencvImages().warp(pixels, matrix, *size).astype(int)
    two = RawImages().warp(pixels, matrix, *size).astype(int)
    inside = np.abs(one - two)[4:-4, 4:-4]
    assert inside.size == 0 or np.percentile(inside, 97) <= 8


def test_a_painted_box_is_found_where_its_label_went():
    pixels = np.zeros((120, 160, 3), np.uint8)
    box = (30, 40, 90, 80)
    pixels[40:80, 30:90] = 255
    for degrees in (0, 90, 17, -33):
        matrix, width, height = turn(degrees, 160, 120, grow=True)
        drawn = OpencvImages().warp(pixels, matrix, width, height, fill=(0, 0, 0))
        rows, columns = np.nonzero(drawn[..., 0] > 127)
        seen = (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
        assert seen == pytest.approx(moved_box(box, matrix), abs=1.5)


@settings(deadline=None, max_examples=60)
@given(boxes(), boxes())
def test_clipping_keeps_the_shared_part_and_says_how_much(box, window):
    part, share = clipped_box(box, window)
    assert 0 <= share <= 1 + 1e-9
    if share:
        assert window[0] <= part[0] < part[2] <= window[2]
        assert window[1] <= part[1] < part[3] <= window[3]
        whole = (box[2] - box[0]) * (box[3] - box[1])
        assert share * whole == pytest.approx((part[2] - part[0]) * (part[3] - part[1]))


def area(points):
    x, y = points[:, 0], points[:, 1]
    return abs(np.dot(x, np.roll(y, 1)) - np.dot(y, np.roll(x, 1))) / 2 if len(points) else 0.0


@settings(deadline=None, max_examples=60)
@given(boxes(), boxes())
def test_a_clipped_rectangle_has_the_area_of_the_clipped_box(box, window):
    x1, y1, x2, y2 = box
    left = clipped_polygon(np.array([(x1, y1), (x2, y1), (x2, y2), (x1, y2)]), window)
    (a, b, c, d), share = clipped_box(box, window)
    assert area(left) == pytest.approx((c - a) * (d - b) if share else 0.0, abs=1e-6, rel=1e-6)


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(some, some), min_size=3, max_size=9), boxes())
def test_a_clipped_polygon_stays_inside(points, window):
    left = clipped_polygon(np.array(points), window)
    assert (left >= np.array(window[:2]) - 1e-6).all()
    assert (left <= np.array(window[2:]) + 1e-6).all()


def test_a_polygon_inside_is_left_alone():
    points = np.array([(1.0, 1), (5, 2), (3, 6)])
    assert (clipped_polygon(points, (0, 0, 10, 10)) == points).all()
