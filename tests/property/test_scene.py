"""The synthetic street: the same everywhere, in any order, and its truth is the truth."""

import hashlib
import io
import struct
import zlib

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from viseon.scene import LINE, TRAINING_SIZE, ZONE, Style, Truth, World, png, training_images
from viseon.scene.truth import crossings, visits

SMALL = (160, 90)
seeds = st.integers(0, 2**40)
few = settings(deadline=None, max_examples=4)


def digest(*arrays):
    return hashlib.sha256(b"".join(a.tobytes() for a in arrays)).hexdigest()


def test_pictures_are_the_same_to_the_last_bit_on_every_machine():
    world = World(1)
    assert digest(world.frame(0), world.frame(400)) == (
        "20eeeb7b8b90187f62bf35520a4e088e6d42b1e450f848cdc153b8c7708ffa9d"
    )


def test_training_pictures_are_the_same_to_the_last_bit_on_every_machine():
    made = list(training_images(8, seed=1))
    files = hashlib.sha256(b"".join(p.png() for p in made)).hexdigest()
    assert (files, digest(*(p.xyxy for p in made))) == (
        "5529fbcb75e71d7c5ba00e02304bdb65bbd39104b533c0ab2647b6ac38b1f6f3",
        "a7a6308dbe593ce74537dd003b40badb8a349e9d8b9072ec09ace6a660a6e90e",
    )


@few
@given(seeds, st.lists(st.integers(0, 5000), min_size=1, max_size=4))
def test_any_frame_can_be_had_in_any_order(seed, order):
    asked = World(seed, size=SMALL)
    got = {i: asked.frame(i) for i in order}
    for i in sorted(order, reverse=True):
        assert (World(seed, size=SMALL).frame(i) == got[i]).all()


@few
@given(seeds, st.integers(0, 3000), st.integers(1, 14))
def test_every_box_lies_in_the_picture_and_every_id_is_there_once(seed, index, people):
    world = World(seed, size=SMALL, people=people)
    truth = world.truth(index)
    assert len(set(truth.person.tolist())) == len(truth)
    assert (truth.xyxy[:, :2] >= 0).all()
    assert (truth.xyxy[:, 2:] <= SMALL).all()
    assert (truth.xyxy[:, 2:] > truth.xyxy[:, :2]).all()
    assert ((truth.visible >= 0) & (truth.visible <= 1)).all()


@few
@given(seeds)
def test_the_boxes_hold_exactly_what_moved_in_front_of_the_empty_street(seed):
    world = World(seed, style=Style(things=False))
    index = 300
    truth = world.truth(index)
    boxes = np.zeros((world.height, world.width), bool)
    for x1, y1, x2, y2 in truth.xyxy.astype(int):
        boxes[y1:y2, x1:x2] = True
    from viseon.scene.street import background

    empty = background(world.width, world.height, world.style).astype(int)
    changed = np.abs(world.frame(index).astype(int) - empty).max(axis=2) > 60
    outside = changed & ~boxes
    assert outside.sum() <= 0.02 * max(1, changed.sum())  # the dark middle of a shadow


@few
@given(seeds, st.sampled_from([4, 12.5, 20]))
def test_nobody_is_on_the_door_line_when_the_scene_begins_or_ends(seed, duration):
    world = World(seed, duration, size=SMALL)
    for crossing in world.crossings(world.total):
        assert world.fps * 0.5 < crossing.frame < world.total - world.fps


@few
@given(seeds)
def test_everybody_crosses_the_door_line_at_most_once(seed):
    world = World(seed, 20, size=SMALL)
    who = [c.person for c in world.crossings(world.total)]
    assert len(who) == len(set(who))


@few
@given(seeds, st.integers(1, 200))
def test_truth_can_be_counted_in_pieces(seed, cut):
    world = World(seed, size=SMALL)
    whole = list(world.crossings(400))
    pieces = list(world.crossings(cut + 1)) + list(world.crossings(400, since=cut))
    assert pieces == whole


def test_the_street_is_lively():
    counted = [len(World(5, size=SMALL).truth(i)) for i in range(0, 1500, 60)]
    assert 3 <= np.mean(counted) <= 9
    assert sum(1 for _ in World(5, size=SMALL).crossings(1500)) >= 8
    assert World(5, size=SMALL).visits(1500)


def test_in_and_out_are_told_by_the_side_of_the_arrow():
    frames = [_one(index, x) for index, x in enumerate((10, 30, 12, 50))]
    found = list(crossings(frames, (20, 100), (20, 0)))  # an arrow that points up
    assert [(c.frame, c.direction) for c in found] == [(1, "in"), (2, "out"), (3, "in")]
    assert list(crossings(frames, (20, 0), (20, 5))) == []  # too short to be crossed


def test_a_visit_lasts_from_the_first_frame_inside_to_the_first_outside():
    frames = [_one(index, x) for index, x in enumerate((0, 30, 35, 90, 30))]
    (first, second) = visits(frames, [(20, 0), (60, 0), (60, 99), (20, 99)])
    assert (first.entered, first.left) == (1, 3)
    assert (second.entered, second.left) == (4, None)


def _one(index, x):
    box = np.array([[x - 5, 20, x + 5, 50]], np.float32)
    return Truth(index, box, np.array([7]), np.ones(1, np.float32))


def test_line_and_zone_lie_in_the_picture():
    assert all(0 < part < 1 for point in (*LINE, *ZONE) for part in point)


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"fps": 0}, "fps"),
        ({"duration_s": -1}, "duration_s"),
        ({"people": 0}, "people"),
        ({"size": (0, 9)}, "width"),
    ],
)
def test_a_scene_that_cannot_be_is_refused_by_the_name_of_what_is_wrong(given, field):
    with pytest.raises(ValueError, match=field):
        World(1, **given)


def test_a_frame_after_the_end_is_refused():
    world = World(1, 2, size=SMALL)
    world.frame(49)
    for index in (50, -1):
        with pytest.raises(IndexError):
            world.frame(index)


def test_training_pictures_have_both_splits_and_boxes_inside():
    made = list(training_images(10, seed=4))
    assert {p.split for p in made} == {"train", "val"}
    assert sum(len(p.xyxy) for p in made) > 10
    for picture in made:
        assert picture.pixels.shape == (TRAINING_SIZE[1], TRAINING_SIZE[0], 3)
        assert (picture.xyxy[:, 2:] <= TRAINING_SIZE).all()
        assert (picture.xyxy >= 0).all()


@few
@given(st.integers(1, 300), st.integers(1, 120), seeds)
def test_a_png_reads_back_to_the_same_pixels(width, height, seed):
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)
    data = png(pixels)
    assert (cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR) == pixels).all()
    assert _stored_only(data)


def _stored_only(data):
    """Whether the picture's data is one zlib stream of stored blocks."""
    stream = io.BytesIO(data[8:])
    while header := stream.read(8):
        length, kind = struct.unpack(">I4s", header)
        body = stream.read(length)
        if kind == b"IDAT":
            assert zlib.decompress(body)
            return body[2] in (0, 1)
        stream.read(4)
    return False


def test_a_png_takes_only_pictures():
    with pytest.raises(ValueError, match="pixels"):
        png(np.zeros((4, 4), np.uint8))
