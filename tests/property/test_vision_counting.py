"""Counts that are exactly right: on a street with occlusions, and where others go wrong."""

import numpy as np
import pytest

from viseon.vision import (
    OCSORT,
    SORT,
    BadGeometry,
    BoTSORT,
    ByteTrack,
    Detections,
    Line,
    OutOfOrder,
    Tracks,
    Zone,
)

FPS = 10.0
DOOR = ((320.0, 480.0), (320.0, 0.0))  # seen from below, right of the arrow is to the right
SHOP = [(320, 0), (640, 0), (640, 480), (320, 480)]


def street(seed, *, people=14, seconds=60.0, fps=FPS):
    """People of several sizes and speeds walk past each other; lower ones hide those behind.

    Gives frames of detections, and how often feet went in and out of the door; who is hidden on a
    whole side of it (behind somebody who keeps pace) has not been seen to cross and does not count.
    """
    random = np.random.default_rng(seed)
    lanes = random.permutation(people) * (300 / people) + 160
    walks = []
    for lane in lanes.tolist():
        start = random.uniform(0, seconds - 18)
        right = random.random() < 0.5
        pace = random.uniform(45, 110)
        walks.append((lane, start, right, pace, 60 + lane * 0.25))
    frames, sides = [], {}
    for i in range(int(seconds * fps)):
        boxes, feet = [], []
        for number, (lane, start, right, pace, tall) in enumerate(walks):
            gone = (i / fps - start) * pace
            if gone < 0:
                continue
            x = -30 + gone if right else 670 - gone
            if not -30 <= x <= 670:
                continue
            boxes.append((x - tall * 0.18, lane - tall, x + tall * 0.18, lane))
            feet.append((number, x))
        found, shown = _seen(np.array(boxes).reshape(-1, 4), random)
        frames.append(found)
        for i in shown:
            number, x = feet[i]
            sides.setdefault(number, []).append(x > 320)
    crossed = [s for s in sides.values() if min(sum(s), len(s) - sum(s)) >= 5]
    ways = [s[-1] for s in crossed]
    return frames, {"in": sum(ways), "out": len(ways) - sum(ways)}


def _seen(boxes, random):
    shown = []
    for i, (x1, y1, x2, y2) in enumerate(boxes):
        front = boxes[boxes[:, 3] > y2 + 1]
        wide = np.clip(np.minimum(front[:, 2], x2) - np.maximum(front[:, 0], x1), 0, None)
        tall = np.clip(np.minimum(front[:, 3], y2) - np.maximum(front[:, 1], y1), 0, None)
        hidden = (wide * tall).max(initial=0) / ((x2 - x1) * (y2 - y1))
        if hidden < 0.6 and random.random() < 0.97:
            shown.append(i)
    size = (boxes[:, 3] - boxes[:, 1])[shown, None]
    shaken = boxes[shown] + random.normal(0, 0.01, (len(shown), 4)) * size
    return Detections(shaken.astype(np.float32), random.uniform(0.6, 0.95, len(shown))), shown


@pytest.mark.parametrize("seed", range(12))
def test_counts_on_a_street_with_occlusions_equal_the_truth(seed):
    frames, truth = street(seed)
    tracker, door = ByteTrack(), Line(*DOOR)
    proofs = []
    for i, found in enumerate(frames):
        proofs += door.update(tracker.update(found, time_s=i / FPS))
    proofs += door.flush()
    assert {"in": door.count_in, "out": door.count_out} == truth
    assert len(proofs) == sum(truth.values())
    for crossing in proofs:
        low, high = sorted([crossing.before.xy[0], crossing.after.xy[0]])
        assert low <= 320 <= high
        assert crossing.point[0] == pytest.approx(320)
        assert crossing.before.time_s <= crossing.time_s <= crossing.after.time_s


@pytest.mark.parametrize("kind", [SORT, OCSORT, BoTSORT], ids=lambda k: k.__name__)
def test_the_other_trackers_count_the_plain_street_too(kind):
    frames, truth = street(3, people=6)
    tracker, door = kind(), Line(*DOOR)
    for i, found in enumerate(frames):
        door.update(tracker.update(found, time_s=i / FPS))
    door.flush()
    assert {"in": door.count_in, "out": door.count_out} == truth


def test_a_zone_and_the_line_at_its_edge_agree():
    frames, truth = street(5)
    tracker, door, shop = ByteTrack(), Line(*DOOR), Zone(SHOP, gone_s=1e9)
    crossed = {"entered": 0, "left": 0}
    for i, found in enumerate(frames):
        tracks = tracker.update(found, time_s=i / FPS)
        door.update(tracks)
        shop.update(tracks)
        for change in shop.changes:
            if change.before is not None and abs(change.point[0] - 320) < 1:
                crossed[change.kind] += 1
    assert crossed == {"entered": truth["in"], "left": truth["out"]}


def walk(path, *, track_id=1, size=(10, 20)):
    for frame, (x, y) in enumerate(path):
        box = np.array([[x - size[0] / 2, y - size[1], x + size[0] / 2, y]], np.float32)
        yield Tracks(Detections(box), np.array([track_id]), frame / FPS, frame)


def count(line, path, **how):
    found = [c for tracks in walk(path, **how) for c in line.update(tracks)]
    return [c.direction for c in found + line.flush()]


def test_nobody_crosses_while_ids_are_unconfirmed():
    """A detection that flickers left and right of the line never becomes a track, so nothing counts."""
    tracker, line = ByteTrack(), Line((100, 0), (100, 200))
    tracker.update(Detections.empty())
    for i in range(40):
        x = 60.0 if i % 2 else 140.0
        seen = Detections([[x - 5, 50, x + 5, 90]]) if i % 4 < 2 else Detections.empty()
        line.update(tracker.update(seen))
    assert (line.count_in, line.count_out, line.flush()) == (0, 0, [])


def test_one_wrong_box_on_the_other_side_counts_nothing():
    """A single outlier within the hysteresis, then back."""
    assert (
        count(Line((0, 0), (0, 100)), [(-20, 50), (-20, 50), (2.5, 50), (-20, 50), (-20, 50)]) == []
    )


def test_a_path_through_the_extension_of_the_line_does_not_count_when_it_comes_back_inside():
    round_the_end = [(-20, 50), (-20, 150), (20, 150), (20, 50)]
    assert count(Line((0, 0), (0, 100)), round_the_end) == []


def test_laps_around_an_end_count_once_unless_asked_for():
    lap = [(-20, 50), (20, 50), (20, 150), (-20, 150)]
    assert len(set(count(Line((0, 0), (0, 100)), lap * 3))) == 1
    assert len(count(Line((0, 0), (0, 100)), lap * 3)) == 1
    assert len(count(Line((0, 0), (0, 100), laps=True), lap * 3)) == 3


def test_with_several_anchors_all_have_to_cross():
    both = ("bottom_left", "bottom_right")
    lines = Line((0, 100), (0, 0), anchor=both), Line((0, 100), (0, 0))
    halfway = [(-60, 50), (-30, 50), (5, 50), (6, 50), (5, 50), (6, 50)]
    assert [len(count(line, halfway, size=(40, 20))) for line in lines] == [0, 1]
    onward = [*halfway, (30, 50)]
    assert len(count(Line((0, 100), (0, 0), anchor=both), onward, size=(40, 20))) == 1


def test_crossings_are_counted_by_class():
    line = Line((0, 0), (0, 100))
    for i, x in enumerate((-20, 20)):
        boxes = np.array([[x - 5, 30, x + 5, 50], [-x - 5, 60, -x + 5, 80]], np.float32)
        line.update(Tracks(Detections(boxes, None, [3, 8]), [1, 2], i / FPS, i))
    assert line.by_class["in"] + line.by_class["out"] == {3: 1, 8: 1}
    assert (line.count_in, line.count_out) == (1, 1)


def test_who_vanishes_beyond_the_line_has_crossed_it():
    line = Line((0, 0), (0, 100))
    for tracks in walk([(-20, 50), (-8, 50), (1, 50)]):
        assert line.update(tracks) == []
    [crossing] = line.update(Tracks.empty(time_s=30.0, frame_index=300))
    assert crossing.time_s == pytest.approx(0.1 + 0.1 * 8 / 9)


def test_the_memory_of_lines_and_zones_is_flat():
    line, zone = Line((0, 0), (0, 100)), Zone([(-50, 0), (50, 0), (50, 100), (-50, 100)])
    sizes = []
    for hour in range(8):
        for i in range(400):
            time_s = hour * 3600 + i * 9.0
            for step, x in enumerate((-80, 0, 80)):
                box = np.array([[x - 5, 30, x + 5, 50]], np.float32)
                tracks = Tracks(Detections(box), [hour * 400 + i + 1], time_s + step * 0.5)
                line.update(tracks)
                zone.update(tracks)
        sizes.append(len(str(line.state())) + len(str(zone.state())))
    assert sizes[-1] < 1.3 * sizes[3]
    assert line.count_in + line.count_out == 3200


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Line((5, 5), (5, 5)), "a line needs a length"),
        (lambda: Line((0, np.nan), (5, 5)), "start: .* finite numbers"),
        (lambda: Line((0, 0), (5, 5), anchor="feet"), "anchor: 'feet' is not one of bottom_center"),
        (lambda: Line((0, 0), (5, 5), hysteresis_px=-1), "hysteresis_px: -1"),
        (lambda: Zone([(0, 0), (10, 10), (10, 0), (0, 10)]), "polygon: edge 0 meets edge 2"),
        (lambda: Zone([(0, 0), (10, 10)]), "2 different corners, a polygon needs three"),
        (lambda: Zone([(0, 0), (5, 5), (10, 10)]), "polygon: "),
        (lambda: Zone([(0, 0), (5, np.inf), (10, 10)]), "every corner must be finite"),
        (
            lambda: Zone([(0, 0), (9, 0), (9, 9)], holes=[[(1, 1)]]),
            r"holes\[0\]: 0 different corners",
        ),
        (lambda: Zone([(0, 0), (9, 0), (9, 9)], loiter_s=0), "loiter_s: 0 must be positive"),
    ],
)
def test_geometry_without_meaning_is_refused_by_name(make, message):
    with pytest.raises(BadGeometry, match=message):
        make()


@pytest.mark.parametrize("place", [Line((0, 0), (0, 9)), Zone([(0, 0), (9, 0), (9, 9)])])
def test_time_that_runs_backwards_is_refused(place):
    place.update(Tracks.empty(time_s=2.0))
    with pytest.raises(OutOfOrder, match=r"time_s: 1.0 after 2.0"):
        place.update(Tracks.empty(time_s=1.0))
