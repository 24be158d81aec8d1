"""Exact shapes go where the pixels go: polygons, rotated boxes, masks, keypoints."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from viseon.adapters.images.opencv import OpencvImages
from viseon.recipes.labels import joined_labels, moved_labels
from viseon.recipes.stages import Recipe
from viseon.schema import Annotation, Invalid, Object
from viseon.schema.annotation import Mask
from viseon.vision.affine import IDENTITY, mirror, moved, overturn, scaling, shift, then, turn
from viseon.vision.masks import encode, from_coco_rle, to_coco_rle

WIDTH, HEIGHT = 160, 120
WHOLE = (0.0, 0.0, float(WIDTH), float(HEIGHT))


def thing(**more):
    return Object(**{"id": "a", "class_name": "box", "box": (1, 1, 9, 9)} | more)


def move(given, matrix, window=WHOLE, size=(WIDTH, HEIGHT), swap=None, min_visible=0.01):
    labels = moved_labels(
        Annotation(objects=(given,)), matrix, window, size=size, min_visible=min_visible, swap=swap
    )
    return labels.objects[0] if labels.objects else None


def mask_of(dense):
    (row,) = to_coco_rle(encode(dense[None]))
    return Mask(height=dense.shape[0], width=dense.shape[1], counts=row["counts"])


def dense_of(mask):
    return from_coco_rle([{"size": [mask.height, mask.width], "counts": mask.counts}]).dense()[0]


@st.composite
def triangles(draw):
    return tuple(
        draw(st.integers(5, limit - 5)) + draw(st.sampled_from([0, 0.5]))
        for limit in (WIDTH, HEIGHT) * 3
    )


@settings(deadline=None, max_examples=60)
@given(triangles(), st.floats(-180, 180))
def test_a_polygon_that_stays_inside_is_its_moved_points(points, degrees):
    matrix, width, height = turn(degrees, WIDTH, HEIGHT, grow=True)
    window = (0.0, 0.0, float(width), float(height))
    found = move(thing(polygons=(points,)), matrix, window, (width, height), min_visible=0)
    expected = moved(np.array(points).reshape(-1, 2), matrix)
    if found is None:
        assert min(np.ptp(expected, axis=0)) < 1 + 1e-3
        return
    assert np.array(found.polygons[0]).reshape(-1, 2) == pytest.approx(expected, abs=1e-3)
    bounds = (*expected.min(axis=0), *expected.max(axis=0))
    assert found.box == pytest.approx(bounds, abs=1e-3)


@settings(deadline=None, max_examples=40)
@given(triangles())
def test_flipping_twice_changes_no_shape(points):
    dense = np.random.default_rng(len(points)).random((HEIGHT, WIDTH)) > 0.5
    keypoints = ((10, 20, 2), (30.5, 40, 1), (0, 0, 0))
    before = move(thing(polygons=(points,), keypoints=keypoints), IDENTITY, swap=())
    masked = move(thing(mask=mask_of(dense)), IDENTITY)
    for flip in (mirror(WIDTH), overturn(HEIGHT)):
        if before is not None:
            once = move(before, flip, swap=((0, 1),))
            twice = move(once, flip, swap=((0, 1),))
            assert twice.keypoints == before.keypoints
            assert twice.polygons[0] == pytest.approx(before.polygons[0])
        assert move(move(masked, flip), flip).mask == masked.mask


@settings(deadline=None, max_examples=60)
@given(
    st.floats(40, 120), st.floats(40, 80), st.floats(10, 40), st.floats(10, 40),
    st.floats(-180, 180), st.floats(-180, 180), st.floats(0.3, 3), st.booleans(),
)  # fmt: skip
def test_a_rotated_box_is_the_box_of_its_moved_corners(x, y, w, h, angle, degrees, scale, flip):
    matrix = then(turn(degrees, WIDTH, HEIGHT, grow=False)[0], scaling(scale, scale))
    if flip:
        matrix = then(mirror(WIDTH), matrix)
    wide = (-1e4, -1e4, 1e4, 1e4)
    found = move(thing(rotated=(x, y, w, h, angle)), matrix, wide)

    def corners(box):
        cx, cy, cw, ch, turned = box
        c, s = np.cos(np.radians(turned)), np.sin(np.radians(turned))
        steps = np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)]) * (cw / 2, ch / 2)
        return steps @ np.array([(c, s), (-s, c)]) + (cx, cy)

    expected = moved(corners((x, y, w, h, angle)), matrix)
    got = corners(found.rotated)
    apart = np.linalg.norm(got[:, None] - expected[None], axis=2)
    assert apart.min(axis=1).max() < 0.01
    assert found.box == pytest.approx((*expected.min(axis=0), *expected.max(axis=0)), abs=0.01)


def test_a_mask_follows_the_picture_through_every_kind_of_move():
    dense = np.zeros((HEIGHT, WIDTH), bool)
    dense[30:80, 40:70] = True
    dense[60:80, 40:110] = True
    picture = np.repeat(dense[..., None], 3, axis=2).astype(np.uint8) * 255
    grown, width, height = turn(33, WIDTH, HEIGHT, grow=True)
    for matrix, size in (
        (mirror(WIDTH), (WIDTH, HEIGHT)),
        (turn(90, WIDTH, HEIGHT, grow=True)[0], (HEIGHT, WIDTH)),
        (grown, (width, height)),
        (shift(-50, -20), (60, 50)),
        (scaling(0.5, 0.5), (80, 60)),
    ):
        window = (0.0, 0.0, float(size[0]), float(size[1]))
        found = move(thing(mask=mask_of(dense)), matrix, window, size)
        drawn = OpencvImages().warp(picture, matrix, *size, fill=(0, 0, 0))[..., 0] > 127
        got = dense_of(found.mask)
        assert got.shape == drawn.shape
        assert (got & drawn).sum() / (got | drawn).sum() > 0.97
        rows, columns = np.nonzero(got)
        bounds = (columns.min(), rows.min(), columns.max() + 1, rows.max() + 1)
        assert found.box == pytest.approx(bounds)


def test_what_leaves_the_picture_is_cut_and_then_left_out():
    square = (10, 10, 50, 10, 50, 50, 10, 50)
    half = move(thing(polygons=(square,)), shift(-30, 0), min_visible=0.4)
    assert half.box == (0, 10, 20, 50)
    assert move(thing(polygons=(square,)), shift(-30, 0), min_visible=0.6) is None
    assert move(thing(polygons=(square,)), shift(-90, 0)) is None
    gone = move(thing(box=(10, 10, 50, 50), keypoints=((20, 20, 2), (45, 45, 1))), shift(-30, 0))
    assert gone.keypoints == ((0, 0, 0), (15, 45, 1))


def test_keypoints_are_not_flipped_before_somebody_says_what_is_left_and_right():
    person = thing(keypoints=((3, 3, 2), (6, 3, 2)))
    with pytest.raises(Invalid, match="pairs"):
        move(person, mirror(WIDTH))
    flipped = move(person, mirror(WIDTH), swap=((0, 1),))
    assert flipped.keypoints == ((WIDTH - 6, 3, 2), (WIDTH - 3, 3, 2))
    with pytest.raises(Invalid, match="no keypoint 7"):
        move(person, mirror(WIDTH), swap=((0, 7),))
    recipe = Recipe.model_validate({"recipe": "r", "stages": [{"kind": "flip", "pairs": [[0, 1]]}]})
    assert recipe.stages[0].pairs == ((0, 1),)


def test_a_stretched_rotated_box_is_refused_but_an_upright_one_is_not():
    stretch = scaling(2, 1)
    with pytest.raises(Invalid, match="slanted"):
        move(thing(rotated=(50, 50, 40, 10, 30)), stretch, (0, 0, 400, 400), (400, 400))
    upright = move(thing(rotated=(50, 50, 40, 10, 90)), stretch, (0, 0, 400, 400), (400, 400))
    assert upright.rotated == pytest.approx((100, 50, 40, 20, 90))


def test_a_joined_picture_shows_all_that_its_parts_show():
    one = Annotation(objects=(thing(track_id=3),), classes=("rain",))
    two = Annotation(objects=(thing(),), classes=("night", "rain"), reviewed=False)
    joined = joined_labels([one, two])
    assert [o.id for o in joined.objects] == ["0-a", "1-a"]
    assert joined.objects[0].track_id is None
    assert joined.classes == ("rain", "night")
    assert joined.reviewed is False
    assert joined_labels([one, None]) is None
