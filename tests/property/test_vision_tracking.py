"""Laws of trackers, lines and zones."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from viseon.vision import ByteTrack, Detections, Line, OutOfOrder, Tracks, Zone

corners = arrays(np.float32, st.tuples(st.integers(0, 6), st.just(2)), elements=st.integers(0, 90))


def boxes_at(top_left, score=0.9):
    n = len(top_left)
    box = np.hstack([top_left, top_left + 10]).astype(np.float32)
    return Detections(box, np.full(n, score, np.float32), np.zeros(n, np.int64))


videos = st.lists(corners.map(boxes_at), max_size=8)
laws = settings(deadline=None, max_examples=60)


def one(x, y, *, track_id=1, frame=0, fps=10.0, size=(10, 20)):
    w, h = size
    box = np.array([[x - w / 2, y - h, x + w / 2, y]], np.float32)
    return Tracks(Detections(box), np.array([track_id]), frame / fps, frame)


def walk(line, path, **how):
    found = []
    for frame, (x, y) in enumerate(path):
        found += line.update(one(x, y, frame=frame, **how))
    return found + line.flush()


@given(videos)
@laws
def test_ids_are_unique_within_a_frame_and_ascend(video):
    tracker = ByteTrack()
    for frame in video:
        ids = tracker.update(frame).track_id
        assert (np.diff(ids) > 0).all()


@given(videos, videos)
@laws
def test_ids_are_never_used_again_after_a_reset(video, later):
    tracker = ByteTrack()
    before = {i for frame in video for i in tracker.update(frame).track_id.tolist()}
    tracker.reset()
    after = {i for frame in later for i in tracker.update(frame).track_id.tolist()}
    assert not before & after


@given(videos, videos)
@laws
def test_two_cameras_never_disturb_each_other(video, noise):
    alone, disturbed, other = ByteTrack(), ByteTrack(), ByteTrack()
    for frame in noise:
        other.update(frame)
    for frame in video:
        other.update(frame)
        expected, got = alone.update(frame), disturbed.update(frame)
        assert expected.track_id.tobytes() == got.track_id.tobytes()
        assert expected.xyxy.tobytes() == got.xyxy.tobytes()


@given(videos, st.integers(0, 7))
@laws
def test_a_tracker_restored_from_json_goes_on_as_if_nothing_had_happened(video, cut):
    steady, first = ByteTrack(), ByteTrack()
    for frame in video[:cut]:
        steady.update(frame)
        first.update(frame)
    second = ByteTrack()
    second.restore(json.loads(json.dumps(first.state())))
    for frame in video[cut:]:
        a, b = steady.update(frame), second.update(frame)
        assert a.track_id.tolist() == b.track_id.tolist()
        assert (a.time_s, a.frame_index) == (b.time_s, b.frame_index)


@given(st.lists(corners.map(lambda c: np.unique(c, axis=0)), max_size=6), st.randoms())
@laws
def test_the_order_of_the_detections_does_not_matter(video, random):
    plain, shuffled = ByteTrack(), ByteTrack()
    for top_left in video:
        scores = np.linspace(0.6, 0.9, len(top_left)).astype(np.float32)
        whole = Detections(np.hstack([top_left, top_left + 10]), scores)
        order = list(range(len(whole)))
        random.shuffle(order)
        a = plain.update(whole)
        b = shuffled.update(whole[np.array(order, np.int64)])
        assert len(a) == len(b)
    assert plain.state()["next_id"] == shuffled.state()["next_id"]


def test_time_that_runs_backwards_is_refused():
    tracker = ByteTrack()
    tracker.update(Detections.empty(), time_s=2.0)
    with pytest.raises(OutOfOrder, match=r"time_s: 1.0 after 2.0"):
        tracker.update(Detections.empty(), time_s=1.0)


@pytest.mark.parametrize("fps", [5, 10, 30, 60])
def test_a_person_hidden_for_a_second_keeps_the_id_at_any_frame_rate(fps):
    tracker, ids = ByteTrack(), []
    for frame in range(4 * fps):
        t = frame / fps
        x = 50 + 60 * t
        seen = not 2.0 <= t < 3.0
        box = np.array([[x, 100, x + 40, 200]], np.float32)
        found = Detections(box) if seen else Detections.empty()
        ids += tracker.update(found, time_s=t).track_id.tolist()
    assert set(ids) == {1}


coordinate = st.floats(-100, 200, allow_nan=False, width=32)


@given(st.lists(st.tuples(coordinate, coordinate), min_size=2, max_size=30))
@laws
def test_in_and_out_of_one_track_differ_by_at_most_one(path):
    line = Line((0, 0), (0, 100))
    walk(line, path)
    assert abs(line.count_in - line.count_out) <= 1


@given(st.lists(st.tuples(coordinate, coordinate), min_size=2, max_size=30))
@laws
def test_turning_the_line_round_swaps_in_and_out(path):
    path = [(x if abs(x) > 1e-3 else 1.0, y) for x, y in path]
    one_way, other_way = Line((0, 0), (0, 100)), Line((0, 100), (0, 0))
    walk(one_way, path)
    walk(other_way, path)
    assert (one_way.count_in, one_way.count_out) == (other_way.count_out, other_way.count_in)


def test_in_is_from_left_to_right_of_the_arrow_on_the_screen():
    line = Line((100, 400), (500, 400))
    [crossing] = walk(line, [(300, 380), (300, 430)])
    assert crossing.direction == "in"
    assert crossing.point == (300.0, 400.0)
    assert crossing.time_s == pytest.approx(0.04)
    assert crossing.before.xy == (300.0, 380.0)
    assert crossing.after.frame_index == 1


def test_passing_beyond_the_ends_is_not_crossing():
    assert walk(Line((0, 0), (0, 100)), [(-10, 150), (10, 150)]) == []


def test_a_track_that_jitters_on_the_line_counts_once():
    jitter = [(x, 50) for x in (2, -1, 2, -2, 1, -1, 2, 2, 2, -1, -2, -2, -2, 1, 2)]
    found = walk(Line((0, 0), (0, 100)), [(-20, 50), *jitter, (20, 50)])
    assert len(found) == 1


def test_a_turn_on_the_line_is_no_crossing():
    assert walk(Line((0, 0), (0, 100)), [(-20, 50), (-5, 50), (2, 50), (-5, 50), (-20, 50)]) == []


def test_an_object_that_skips_the_line_between_two_frames_counts():
    assert len(walk(Line((0, 0), (0, 100)), [(-80, 50), (80, 50)])) == 1


def test_a_track_lost_on_one_side_and_found_on_the_other_counts():
    line = Line((0, 0), (0, 100))
    line.update(one(-20, 50, frame=0))
    line.update(Tracks.empty(time_s=0.5, frame_index=5))
    [crossing] = line.update(one(20, 50, frame=10))
    assert crossing.time_s == pytest.approx(0.5)


def test_a_line_near_the_border_counts_who_leaves_the_picture_there():
    line = Line((0, 478), (640, 478))
    assert len(walk(line, [(300, 460), (300, 470), (300, 479)])) == 1


def test_one_frame_of_flicker_counts_nothing():
    line, tracker = Line((0, 0), (0, 100)), ByteTrack()
    for frame in range(10):
        found = boxes_at(np.array([[-5.0 if frame == 3 else 5.0, 40.0]]))
        seen = found if frame in (3,) else Detections.empty()
        line.update(tracker.update(seen))
    assert (line.count_in, line.count_out) == (0, 0)


@given(st.lists(st.tuples(coordinate, coordinate), min_size=2, max_size=20), st.integers(0, 20))
@laws
def test_a_line_restored_from_json_counts_on(path, cut):
    steady, first = Line((0, 0), (0, 100)), Line((0, 0), (0, 100))
    expected, got = [], []
    for frame, (x, y) in enumerate(path):
        if frame == cut:
            second = Line((0, 0), (0, 100))
            second.restore(json.loads(json.dumps(first.state())))
            first = second
        expected += steady.update(one(x, y, frame=frame))
        got += first.update(one(x, y, frame=frame))
    assert expected + steady.flush() == got + first.flush()


def test_who_walks_through_a_zone_enters_and_leaves_with_proof():
    zone = Zone([(0, 0), (100, 0), (100, 100), (0, 100)])
    changes = []
    for frame, x in enumerate(range(-50, 160, 20)):
        zone.update(one(x, 50, frame=frame))
        changes += zone.changes
    assert [c.kind for c in changes] == ["entered", "left"]
    entered, left = changes
    assert entered.point == (0.0, 50.0)
    assert left.point == (100.0, 50.0)
    assert left.dwell_s == pytest.approx(0.5)
    assert zone.dwell_s(1) == pytest.approx(0.5)


def test_one_frame_of_flicker_is_neither_entered_nor_left():
    zone = Zone([(0, 0), (100, 0), (100, 100), (0, 100)])
    for frame, x in enumerate([50, 50, 50, -5, 50, 50, 50]):
        inside = zone.update(one(x, 50, frame=frame))
        assert inside.tolist() == [x >= 0]
    assert (zone.entered, zone.left, zone.track_ids) == (1, 0, [1])


def test_who_vanishes_inside_has_left_when_last_seen():
    zone = Zone([(0, 0), (100, 0), (100, 100), (0, 100)])
    for frame in range(10):
        zone.update(one(50, 50, frame=frame))
    zone.update(Tracks.empty(time_s=20.0, frame_index=200))
    [left] = zone.changes
    assert (left.kind, left.after, left.time_s) == ("left", None, 0.9)


def test_lingering_is_told_once_per_visit():
    zone = Zone([(0, 0), (100, 0), (100, 100), (0, 100)], loiter_s=0.5)
    kinds = []
    for frame in range(30):
        zone.update(one(50, 50, frame=frame))
        kinds += [c.kind for c in zone.changes]
    assert kinds == ["entered", "loitered"]


def test_an_anchor_outside_the_zone_is_outside_whatever_the_box_overlaps():
    zone = Zone([(0, 0), (100, 0), (100, 100), (0, 100)])
    assert zone.update(one(50, 101, size=(80, 90))).tolist() == [False]
