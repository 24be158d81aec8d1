"""Laws that every tracker keeps, and what each is for."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from viseon.vision import (
    OCSORT,
    SORT,
    BadDetections,
    BoTSORT,
    ByteTrack,
    DeepSORT,
    Detections,
    OutOfOrder,
    VisionError,
)
from viseon.vision.assign import Pairs, assign, matched, overlapping
from viseon.vision.boxes import iou

laws = settings(deadline=None, max_examples=25)
KINDS = [SORT, ByteTrack, OCSORT, BoTSORT, DeepSORT]
every = pytest.mark.parametrize("kind", KINDS, ids=lambda k: k.__name__)
PICTURE = np.full((240, 320, 3), 120, np.uint8)

corners = arrays(np.float32, st.tuples(st.integers(0, 6), st.just(2)), elements=st.integers(0, 190))


def boxes_at(top_left, size=(20, 40), score=0.9):
    top_left = np.asarray(top_left, np.float32).reshape(-1, 2)
    n = len(top_left)
    return Detections(
        np.hstack([top_left, top_left + np.float32(size)]), np.full(n, score, np.float32)
    )


videos = st.lists(corners.map(boxes_at), max_size=8)


def run(tracker, video, fps=10.0):
    return [tracker.update(f, PICTURE, time_s=i / fps) for i, f in enumerate(video)]


def as_bytes(frames):
    return b"".join(t.track_id.tobytes() + t.xyxy.tobytes() + t.score.tobytes() for t in frames)


def walkers(frames, *, fps=10.0, hidden=(), pace=6.0):
    """Two people side by side; `hidden` are the frames in which the first is not seen."""
    video = []
    for i in range(frames):
        places = [(20 + pace * 10 * i / fps, 30), (200 - pace * 5 * i / fps, 150)]
        video.append(boxes_at(places[1:] if i in hidden else places))
    return video


@every
@given(video=videos)
@laws
def test_ids_are_unique_in_a_frame_ascend_and_never_return_after_reset(kind, video):
    tracker = kind()
    before = set()
    for tracks in run(tracker, video):
        assert (np.diff(tracks.track_id) > 0).all()
        before |= set(tracks.track_id.tolist())
    tracker.reset()
    after = {i for t in run(tracker, video) for i in t.track_id.tolist()}
    assert not before & after


@every
@given(video=videos)
@laws
def test_the_same_input_gives_the_same_bytes(kind, video):
    assert as_bytes(run(kind(), video)) == as_bytes(run(kind(), video))


@every
@given(video=videos, noise=videos)
@laws
def test_two_cameras_never_share_anything(kind, video, noise):
    alone, beside, other = kind(), kind(), kind()
    run(other, noise)
    expected = as_bytes(run(alone, video))
    got = []
    for i, frame in enumerate(video):
        got.append(beside.update(frame, PICTURE, time_s=i / 10))
    assert as_bytes(got) == expected


@every
@given(video=videos, cut=st.integers(0, 7))
@laws
def test_a_tracker_restored_from_json_goes_on_as_if_nothing_had_happened(kind, video, cut):
    steady, first = kind(), kind()
    expected = run(steady, video)
    got = run(first, video[:cut])
    second = kind()
    second.restore(json.loads(json.dumps(first.state(), allow_nan=False)))
    got += [second.update(f, PICTURE, time_s=(cut + i) / 10) for i, f in enumerate(video[cut:])]
    assert as_bytes(got) == as_bytes(expected)


@every
@given(video=st.lists(corners.map(lambda c: np.unique(c, axis=0)), max_size=6), random=st.randoms())
@laws
def test_the_order_of_the_detections_does_not_matter(kind, video, random):
    """Apart from exact ties, so the boxes are shaken a little and scores all differ."""
    jitter = np.random.default_rng(1)
    plain, shuffled = kind(), kind()
    for i, top_left in enumerate(video):
        shaken = top_left + jitter.uniform(0, 1, top_left.shape).astype(np.float32)
        whole = boxes_at(shaken)
        whole = Detections(whole.xyxy, np.linspace(0.6, 0.9, len(whole)))
        order = list(range(len(whole)))
        random.shuffle(order)
        a = plain.update(whole, PICTURE, time_s=i / 10)
        b = shuffled.update(whole[np.array(order, np.int64)], PICTURE, time_s=i / 10)
        assert a.track_id.tolist() == b.track_id.tolist()
        np.testing.assert_array_equal(a.xyxy, b.xyxy)


@pytest.mark.parametrize("kind", [SORT, ByteTrack, OCSORT], ids=lambda k: k.__name__)
@given(video=videos, shift=st.integers(-500, 500), scale=st.sampled_from([1.0, 2.0, 4.0]))
@laws
def test_moving_and_enlarging_everything_changes_no_id(kind, video, shift, scale):
    moved = [Detections((f.xyxy + shift) * np.float32(scale), f.score) for f in video]
    a, b = run(kind(), video), run(kind(), moved)
    assert [t.track_id.tolist() for t in a] == [t.track_id.tolist() for t in b]


@every
def test_time_that_runs_backwards_is_refused_and_changes_nothing(kind):
    tracker = kind()
    run(tracker, walkers(5))
    before = tracker.state()
    with pytest.raises(OutOfOrder, match=r"time_s: 0.1 after 0.4"):
        tracker.update(walkers(1)[0], PICTURE, time_s=0.1)
    assert tracker.state() == before


@every
@pytest.mark.parametrize("fps", [5, 10, 30, 60])
def test_a_person_hidden_for_a_second_keeps_the_id_at_any_frame_rate(kind, fps):
    hidden = range(2 * fps, 2 * fps + int(0.9 * fps))
    frames = run(kind(), walkers(4 * fps, fps=fps, hidden=hidden, pace=3.0), fps=fps)
    assert {i for t in frames for i in t.track_id.tolist()} == {1, 2}
    assert len(frames[-1]) == 2


@every
def test_uneven_frames_lose_nobody(kind):
    random = np.random.default_rng(3)
    time_s, tracker, ids = 0.0, kind(), set()
    for _ in range(80):
        time_s += float(random.choice([0.02, 0.04, 0.1, 0.2]))
        boxes = boxes_at([(20 + 30 * time_s, 30), (250 - 20 * time_s, 150)])
        ids |= set(tracker.update(boxes, PICTURE, time_s=time_s).track_id.tolist())
    assert ids == {1, 2}


@every
def test_one_frame_of_a_ghost_is_never_a_track(kind):
    tracker = kind()
    video = walkers(12)
    ghost = boxes_at([(150, 90)])
    video[6] = Detections.concat([video[6], ghost])
    assert {i for t in run(tracker, video) for i in t.track_id.tolist()} == {1, 2}


@every
def test_frames_without_anything_are_fine_and_forget_in_time(kind):
    tracker = kind()
    run(tracker, walkers(10))
    for i in range(60):
        assert len(tracker.update(Detections.empty(), PICTURE, time_s=1 + i / 10)) == 0
    assert tracker.state()["table"]["track_id"] == []


@every
def test_ten_thousand_boxes_are_followed(kind):
    n = 1000 if kind is DeepSORT else 10_000  # looks are compared for every pair
    grid = np.stack(np.meshgrid(np.arange(100), np.arange(n // 100)), -1).reshape(-1, 2) * (30, 50)
    tracker = kind()
    run(tracker, [boxes_at(grid), boxes_at(grid + 1)])
    assert len(run(tracker, [boxes_at(grid + 2)] * 0)) == 0
    tracks = tracker.update(boxes_at(grid + 2), PICTURE, time_s=0.2)
    assert len(tracks) == n
    assert tracks.track_id.max() == n


@every
def test_classes_are_kept_apart_where_asked(kind):
    first, second = (Detections([[10, 10, 30, 50]], None, [c]) for c in (1, 2))
    for class_aware, expected in ((True, False), (False, True)):
        tracker = kind(class_aware=class_aware, min_hits=1)
        a = tracker.update(first, PICTURE, time_s=0.0).track_id.tolist()
        b = tracker.update(second, PICTURE, time_s=0.1).track_id.tolist()
        assert (a == b) is expected


@every
@pytest.mark.parametrize(
    ("options", "message"), [({"lost_s": -1}, "lost_s: -1"), ({"min_hits": 0}, "min_hits: 0")]
)
def test_options_without_meaning_are_refused(kind, options, message):
    with pytest.raises(VisionError, match=message):
        kind(**options)


@every
def test_the_state_of_another_kind_is_refused(kind):
    other = ByteTrack if kind is not ByteTrack else SORT
    with pytest.raises(VisionError, match=f"state: of '{other.__name__}', not of {kind.__name__}"):
        kind().restore(other().state())


@every
def test_memory_is_flat_over_an_hour(kind):
    """Two people cross the picture and others follow: what is kept does not grow."""
    tracker, sizes = kind(), []
    for minute in range(60):
        for i in range(20):
            x = 10 + 12 * i
            tracker.update(
                boxes_at([(x, 30), (220 - x, 150)]), PICTURE, time_s=minute * 60 + i / 10
            )
        sizes.append(len(json.dumps(tracker.state())))
    assert max(sizes[30:]) <= 1.1 * max(sizes[:30])


def test_a_doubtful_detection_keeps_a_track_alive_but_starts_none():
    tracker = ByteTrack()
    sure, doubtful = boxes_at([(50, 50)], score=0.9), boxes_at([(52, 50)], score=0.2)
    run(tracker, [sure, sure])
    assert tracker.update(doubtful, time_s=0.2).track_id.tolist() == [1]
    alone = ByteTrack()
    assert all(len(t) == 0 for t in run(alone, [doubtful] * 5))


def test_a_pan_of_the_camera_keeps_the_ids_with_camera_motion_only():
    random = np.random.default_rng(5)
    world = np.kron(random.integers(0, 255, (120, 240)), np.ones((4, 4))).astype(np.uint8)
    video = []
    for i in range(12):
        x = 5 * i if i < 6 else 25 + 60 * (i - 5)  # the camera starts to pan quickly
        video.append((world[60:420, x : x + 480], boxes_at([(400 - x, 100)], size=(40, 80))))
    still, moving = BoTSORT(camera_motion=False), BoTSORT()
    ids = [[], []]
    for i, (image, found) in enumerate(video):
        for tracker, seen in zip((still, moving), ids, strict=True):
            seen += tracker.update(found, image, time_s=i / 30).track_id.tolist()
    assert ids[1] == [1] * len(video)
    assert ids[0] == [1] * 6


def test_looks_tell_apart_who_meets_and_turns_back():
    """Two people meet, stand close and return: overlap alone swaps them, looks do not."""
    one, two = np.array([1.0, 0, 0]), np.array([0, 1.0, 0])
    tracker = DeepSORT()
    names = {}
    for i in range(40):
        near = min(i, 39 - i)
        left, right = (20 + 6 * near, 100), (250 - 6 * near, 100)
        tracks = tracker.update(
            boxes_at([left, right]), time_s=i / 10, embeddings=np.stack([one, two])
        )
        for box, track_id in zip(tracks.xyxy.tolist(), tracks.track_id.tolist(), strict=True):
            names.setdefault("one" if box[0] == left[0] else "two", set()).add(track_id)
    assert names["one"].isdisjoint(names["two"])
    assert all(len(ids) == 1 for ids in names.values())


def test_deepsort_without_looks_or_picture_says_what_it_needs():
    with pytest.raises(VisionError, match="frame: needed to compute embeddings"):
        DeepSORT().update(boxes_at([(5, 5)]))


@pytest.mark.parametrize(
    ("embeddings", "message"),
    [
        (np.zeros((2, 8)), r"embeddings: shape \(2, 8\), expected \(1, d\)"),
        ([[np.nan]], "must be finite"),
    ],
)
def test_embeddings_that_do_not_fit_are_refused(embeddings, message):
    with pytest.raises(VisionError, match=message):
        BoTSORT().update(boxes_at([(5, 5)]), embeddings=embeddings)


def test_embeddings_may_not_change_their_length():
    tracker = DeepSORT()
    tracker.update(boxes_at([(5, 5)]), embeddings=np.ones((1, 8)))
    with pytest.raises(VisionError, match="embeddings: length 9, before 8"):
        tracker.update(boxes_at([(5, 5)]), embeddings=np.ones((1, 9)))


def test_a_track_found_again_by_ocsort_moves_as_if_it_had_been_seen():
    tracker = OCSORT(min_hits=1)
    for i in range(10):
        tracker.update(boxes_at([(20 + 4 * i, 50)]), time_s=i / 30)
    for i in range(10, 20):
        tracker.update(Detections.empty(), time_s=i / 30)
    for i in range(20, 26):
        tracks = tracker.update(boxes_at([(20 + 2 * i, 50)]), time_s=i / 30)  # slower while unseen
    assert tracks.track_id.tolist() == [1]


matrices = arrays(
    np.float64, st.tuples(st.integers(0, 7), st.integers(0, 7)), elements=st.integers(0, 20)
)


@given(matrices, st.sampled_from([3, 5, 10]))
@settings(deadline=None, max_examples=150)
def test_matching_is_as_heavy_as_the_best_of_all(similarity, least):
    optimize = pytest.importorskip(
        "scipy.optimize", reason="scipy, the reference, is not installed"
    )
    rows, cols = assign(similarity, least)
    assert len(set(rows.tolist())) == len(rows)
    assert len(set(cols.tolist())) == len(cols)
    assert (similarity[rows, cols] >= least).all()
    weight = np.maximum(similarity - least, 0)
    best = optimize.linear_sum_assignment(weight, maximize=True)
    assert (similarity[rows, cols] - least).sum() == pytest.approx(weight[best].sum(), abs=1e-6)


@given(corners, corners)
@laws
def test_candidates_are_the_same_whether_searched_densely_or_sparsely(a, b):
    import viseon.vision.assign as module

    first, second = boxes_at(a).xyxy.T, boxes_at(b).xyxy.T
    dense = overlapping(first, second, 0.2)
    size, module._DENSE = module._DENSE, -1
    try:
        sparse = overlapping(first, second, 0.2)
    finally:
        module._DENSE = size
    assert dense.rows.tolist() == sparse.rows.tolist()
    assert dense.cols.tolist() == sparse.cols.tolist()
    np.testing.assert_allclose(dense.similarity, sparse.similarity, rtol=1e-6)
    np.testing.assert_allclose(
        dense.similarity, iou(first.T, second.T)[dense.rows, dense.cols], rtol=1e-6
    )


def test_no_candidates_give_no_match():
    none = np.empty(0, np.int64)
    assert matched(Pairs(none, none, np.empty(0)), 0.5).tolist() == []


def test_boxes_that_are_no_boxes_never_reach_a_tracker():
    with pytest.raises(BadDetections, match="inverted"):
        ByteTrack().update(Detections([[10, 10, 5, 5]]))
