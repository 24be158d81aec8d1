"""Laws of what is measured on tracks: smoothing, tiles, heat, speed, hand-over, conversion, counts."""

import json
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from viseon.vision import (
    CameraMotion,
    Detections,
    Handover,
    Heatmap,
    Homography,
    OutOfOrder,
    Passage,
    Sighting,
    Smoother,
    Speedometer,
    Tiler,
    Tracks,
    VisionError,
    colour_encoder,
)
from viseon.vision.convert import (
    from_coco,
    from_mediapipe,
    from_mediapipe_pose,
    from_torchvision,
    from_yolo,
    from_yolo_rows,
    to_coco,
)
from viseon.vision.masks import encode
from viseon.vision.metrics import (
    confusion,
    count_error,
    dwell_error,
    precision_recall,
    top_k,
)

laws = settings(deadline=None, max_examples=40)


def seen(*rows, time_s=0.0, frame=0, class_id=None):
    """Tracks from (track_id, x, y) of bottom centres."""
    ids = np.array([r[0] for r in rows], np.int64)
    xy = np.array([r[1:3] for r in rows], np.float32).reshape(-1, 2)
    box = np.hstack([xy - (10, 40), xy + (10, 0)]).astype(np.float32)
    return Tracks(Detections(box, None, class_id), ids, time_s, frame)


sightings = st.lists(
    st.dictionaries(
        st.integers(1, 5), st.tuples(st.integers(0, 200), st.integers(50, 200)), max_size=4
    ),
    max_size=12,
)


def film(frames, fps=10):
    return [
        seen(*((k, *frame[k]) for k in sorted(frame)), time_s=i / fps, frame=i)
        for i, frame in enumerate(frames)
    ]


@given(sightings)
@laws
def test_a_smoother_returns_nothing_for_an_object_that_is_absent(frames):
    smoother = Smoother()
    for tracks in film(frames):
        assert smoother.update(tracks).track_id.tolist() == tracks.track_id.tolist()


@given(sightings, st.integers(1, 6))
@laws
def test_a_smoothed_box_is_the_mean_of_the_last_sightings(frames, length):
    smoother, past = Smoother(length=length, window_s=100.0), {}
    for tracks in film(frames):
        smooth = smoother.update(tracks)
        for i, track_id in enumerate(tracks.track_id.tolist()):
            past.setdefault(track_id, []).append(tracks.xyxy[i].astype(float))
            mean = np.mean(past[track_id][-length:], axis=0)
            np.testing.assert_allclose(smooth.xyxy[i], mean, rtol=1e-5, atol=1e-4)


def test_the_class_is_the_vote_of_the_sightings():
    smoother, classes = Smoother(length=5), []
    for i, class_id in enumerate([3, 3, 8, 3, 8, 8, 8]):
        tracks = smoother.update(seen((1, 50, 50), time_s=i / 10, frame=i, class_id=[class_id]))
        classes += tracks.class_id.tolist()
    assert classes == [3, 3, 3, 3, 3, 8, 8]


def test_sightings_from_before_a_gap_are_not_averaged_in():
    smoother = Smoother(window_s=1.0)
    smoother.update(seen((1, 0, 50)))
    far = seen((1, 150, 50), time_s=5.0, frame=50)
    np.testing.assert_array_equal(smoother.update(far).xyxy, far.xyxy)


@given(sightings, st.integers(0, 11), st.sampled_from(["smoother", "speed", "heat"]))
@laws
def test_analysis_restored_from_json_goes_on_as_if_nothing_had_happened(frames, cut, kind):
    make = {
        "smoother": lambda: Smoother(length=3),
        "speed": lambda: Speedometer(),
        "heat": lambda: Heatmap(200, 200, cell_px=20),
    }[kind]
    steady, other = make(), make()
    for i, tracks in enumerate(film(frames)):
        if i == cut:
            saved = json.loads(json.dumps(other.state(), allow_nan=False))
            other = make()
            other.restore(saved)
        a, b = steady.update(tracks), other.update(tracks)
        if kind == "smoother":
            assert a.xyxy.tobytes() == b.xyxy.tobytes()
        if kind == "speed":
            np.testing.assert_array_equal(a.speed, b.speed)
            np.testing.assert_array_equal(a.distance, b.distance)
    if kind == "heat":
        np.testing.assert_array_equal(steady.seconds, other.seconds)


@pytest.mark.parametrize("make", [Smoother, Speedometer, lambda: Heatmap(100, 100)])
def test_time_that_runs_backwards_is_refused(make):
    analysis = make()
    analysis.update(seen((1, 50, 50), time_s=2.0))
    with pytest.raises(OutOfOrder, match=r"time_s: 1.0 after 2.0"):
        analysis.update(seen((1, 50, 50), time_s=1.0))


@pytest.mark.parametrize("fps", [5, 10, 25, 30])
def test_heat_is_seconds_at_any_frame_rate(fps):
    heat = Heatmap(200, 200, cell_px=10)
    for i in range(4 * fps + 1):
        heat.update(seen((1, 55, 105), (2, 20 + 30 * i / fps, 155), time_s=i / fps, frame=i))
    assert heat.seconds[10, 5] == pytest.approx(4.0)
    assert heat.seconds.sum() == pytest.approx(8.0)
    moving = heat.flow[15][heat.seconds[15] > 0]
    np.testing.assert_allclose(moving[:, 0], 30.0, rtol=1e-4)
    assert heat.normalized().max() == 1.0


def test_heat_fades_by_half_in_its_half_life():
    heat = Heatmap(100, 100, half_life_s=10.0)
    heat.update(seen((1, 50, 50)))
    heat.update(seen((1, 50, 50), time_s=1.0))
    heat.update(Tracks.empty(time_s=11.0))
    assert heat.seconds.sum() == pytest.approx(0.5)


def test_speed_and_distance_on_the_ground_are_those_walked():
    ground = Homography(
        [(0, 480), (640, 480), (400, 200), (240, 200)], [(-3, 2), (3, 2), (3, 20), (-3, 20)]
    )
    gauge = Speedometer(ground, step=0.5)
    random = np.random.default_rng(0)
    speeds = []
    for i in range(101):
        x, y = ground.to_image([(-2 + 0.1 * i * 0.3, 4 + 0.1 * i * 1.2)])[0] + random.normal(
            0, 0.2, 2
        )
        motion = gauge.update(seen((1, x, y), time_s=i / 10, frame=i))
        speeds.append(motion.speed[0])
    true = float(np.hypot(0.3, 1.2))
    assert np.median(speeds[10:]) == pytest.approx(true, rel=0.05)
    assert motion.heading_deg[0] == pytest.approx(np.degrees(np.arctan2(1.2, 0.3)), abs=8)
    assert gauge.distance(1) == pytest.approx(10 * true, rel=0.06)


def test_who_trembles_on_the_spot_goes_nowhere():
    gauge = Speedometer(step=5.0, still=5.0)
    random = np.random.default_rng(0)
    for i in range(100):
        x, y = 100 + random.normal(0, 0.8, 2)
        motion = gauge.update(seen((1, x, y), time_s=i / 10, frame=i))
    assert gauge.distance(1) == 0.0
    assert np.isnan(motion.heading_deg[0])


@pytest.mark.parametrize(
    ("dx", "dy", "heading"), [(10, 0, 0), (0, 10, 90), (-10, 0, 180), (0, -10, 270)]
)
def test_headings_turn_clockwise_from_the_right(dx, dy, heading):
    gauge = Speedometer()
    for i in range(10):
        motion = gauge.update(seen((1, 200 + dx * i, 200 + dy * i), time_s=i / 10, frame=i))
    assert motion.heading_deg[0] == pytest.approx(heading)
    assert motion.speed[0] == pytest.approx(100)


places = st.lists(st.tuples(st.integers(20, 1180), st.integers(20, 880)), max_size=6, unique=True)


@given(places, st.integers(300, 700), st.sampled_from([0.2, 0.3]))
@laws
def test_tiles_find_what_one_look_finds(at, size, overlap):
    """A perfect detector on tiles, also for objects that a seam cuts, gives each object once."""
    at = [
        p
        for i, p in enumerate(at)
        if all(abs(p[0] - q[0]) > 90 or abs(p[1] - q[1]) > 90 for q in at[:i])
    ]
    truth = np.array([(x - 18, y - 18, x + 18, y + 18) for x, y in at], np.float32).reshape(-1, 4)
    tiler = Tiler(size=(size, size), overlap=overlap)
    parts = [(tile, _visible(truth, tile)) for tile in tiler.tiles(1200, 900)]
    merged = tiler.merge(parts, width=1200, height=900)
    expected = truth.clip(0, (1200, 900, 1200, 900))
    assert sorted(map(tuple, merged.xyxy.tolist())) == sorted(map(tuple, expected.tolist()))


def _visible(boxes, tile):
    low, high = np.array([tile.x1, tile.y1]), np.array([tile.x2, tile.y2])
    cut = np.hstack([np.maximum(boxes[:, :2], low), np.minimum(boxes[:, 2:], high)])
    real = (cut[:, 2] > cut[:, 0]) & (cut[:, 3] > cut[:, 1])
    return Detections((cut[real] - [*low, *low]).astype(np.float32))


@given(st.integers(1, 2000), st.integers(1, 2000), st.integers(32, 800), st.floats(0, 0.8))
@laws
def test_tiles_cover_the_picture_and_overlap(width, height, size, overlap):
    tiles = Tiler(size=(size, size), overlap=overlap).tiles(width, height)
    covered = np.zeros((height, width), bool)
    for tile in tiles:
        covered[tile.y1 : tile.y2, tile.x1 : tile.x2] = True
        assert (tile.x2 - tile.x1, tile.y2 - tile.y1) == (min(size, width), min(size, height))
    assert covered.all()
    starts = sorted({tile.x1 for tile in tiles})
    assert all(
        b - a <= np.ceil(size * (1 - overlap)) + 1 for a, b in zip(starts, starts[1:], strict=False)
    )


def test_an_object_longer_than_a_tile_becomes_one_box():
    tiler = Tiler(size=(300, 300), overlap=0.1)
    truth = np.array([[20, 100, 780, 180]], np.float32)
    parts = [(tile, _visible(truth, tile)) for tile in tiler.tiles(800, 300)]
    assert tiler.merge(parts, width=800, height=300).xyxy.tolist() == truth.tolist()


def test_masks_found_on_tiles_are_put_together():
    tiler = Tiler(size=(60, 60), overlap=0.2)
    whole = np.zeros((100, 100), bool)
    whole[20:30, 10:90] = True

    def detector(view):
        mask = view[..., 0] > 0
        if not mask.any():
            return Detections.empty()
        y, x = np.nonzero(mask)
        box = [[x.min(), y.min(), x.max() + 1, y.max() + 1]]
        return Detections(np.array(box, np.float32), None, None, mask[None])

    found = tiler.detect(np.repeat(whole[..., None], 3, axis=2).astype(np.uint8) * 255, detector)
    assert found.xyxy.tolist() == [[10, 20, 90, 30]]
    np.testing.assert_array_equal(np.asarray(found.mask)[0], whole)


def look(angle):
    return np.array([np.cos(angle), np.sin(angle), 0.2], np.float32)


def test_who_leaves_one_camera_keeps_the_identity_in_the_next():
    ways = Handover([Passage("door", "hall", 2.0, 10.0), Passage("hall", "shop", 1.0, 5.0)])
    first, second = ways.arrived("door", [Sighting(1, 0.0, look(0.0)), Sighting(2, 0.0, look(1.5))])
    ways.left("door", Sighting(1, 5.0, look(0.0)))
    ways.left("door", Sighting(2, 6.0, look(1.5)))
    assert ways.arrived("hall", [Sighting(7, 9.0, look(1.45)), Sighting(8, 9.0, look(0.05))]) == [
        second,
        first,
    ]
    assert ways.identity("hall", 7) == second


def test_a_hand_over_needs_a_way_the_time_and_the_looks():
    ways = Handover([Passage("door", "hall", 2.0, 10.0)])
    [one] = ways.arrived("door", [Sighting(1, 0.0, look(0.0))])
    ways.left("door", Sighting(1, 5.0, look(0.0)))
    [too_soon] = ways.arrived("hall", [Sighting(1, 6.0, look(0.0))])
    [other_looks] = ways.arrived("hall", [Sighting(2, 8.0, look(1.5))])
    [no_way] = ways.arrived("shop", [Sighting(1, 8.0, look(0.0))])
    [right] = ways.arrived("hall", [Sighting(3, 9.0, look(0.0))])
    assert len({one, too_soon, other_looks, no_way}) == 4
    assert right == one
    ways.left("hall", Sighting(3, 20.0, look(0.0)))
    [too_late] = ways.arrived("hall", [Sighting(4, 90.0, look(0.0))])
    assert too_late not in {one, too_soon, other_looks, no_way}


def test_a_hand_over_restored_from_json_goes_on():
    ways = Handover([Passage("door", "hall", 0.0, 10.0)])
    [one] = ways.arrived("door", [Sighting(1, 0.0, look(0.3))])
    ways.left("door", Sighting(1, 5.0, look(0.3)))
    later = Handover([Passage("door", "hall", 0.0, 10.0)])
    later.restore(json.loads(json.dumps(ways.state())))
    assert later.arrived("hall", [Sighting(9, 7.0, look(0.3))]) == [one]


def test_an_embedding_that_is_no_vector_is_refused():
    with pytest.raises(VisionError, match="embedding: must be one finite vector"):
        Handover([]).left("door", Sighting(1, 0.0, np.zeros(4, np.float32)))


def textured(height=360, width=640, seed=0):
    random = np.random.default_rng(seed)
    coarse = random.integers(0, 255, (height // 8 + 40, width // 8 + 40)).astype(np.float64)
    fine = random.integers(0, 255, (height + 320, width + 320)).astype(np.float64)
    big = np.kron(coarse, np.ones((8, 8)))
    return (big * 0.8 + fine[: big.shape[0], : big.shape[1]] * 0.2).astype(np.uint8)


@pytest.mark.parametrize(("dx", "dy"), [(0, 0), (3, 0), (-7, 5), (24, -16), (1, 1)])
def test_the_motion_of_the_camera_is_found_to_a_pixel(dx, dy):
    world, camera = textured(), CameraMotion()
    camera.update(world[100:460, 100:740])
    motion = camera.update(world[100 - dy : 460 - dy, 100 - dx : 740 - dx])
    np.testing.assert_allclose(
        motion[:, 2] + motion[:, :2] @ (320, 180) - (320, 180), (dx, dy), atol=0.8
    )
    np.testing.assert_allclose(motion[:, :2], np.eye(2), atol=0.01)


def test_people_who_walk_through_do_not_move_the_camera():
    world, camera = textured(), CameraMotion()
    frames = []
    for shift in (0, 12):
        frame = world[100:460, 100:740].copy()
        frame[60:300, 100 + shift : 200 + shift] = textured(seed=9)[:240, :100]
        frames.append(frame)
    camera.update(frames[0])
    np.testing.assert_allclose(camera.update(frames[1]), np.eye(2, 3), atol=0.6)


def test_an_empty_wall_has_no_motion():
    camera = CameraMotion()
    wall = np.full((360, 640, 3), 120, np.uint8)
    camera.update(wall)
    np.testing.assert_array_equal(camera.update(wall), np.eye(2, 3))


def test_colours_tell_clothes_apart():
    image = np.zeros((100, 200, 3), np.uint8)
    image[:, :100], image[:, 100:] = (200, 30, 30), (30, 200, 30)
    boxes = np.array(
        [[0, 0, 50, 100], [50, 0, 100, 100], [100, 0, 150, 100], [190, 90, 260, 160]], np.float32
    )
    same = colour_encoder(image, boxes)
    alike = same @ same.T
    assert alike[0, 1] == pytest.approx(alike[0, 0])
    assert alike[0, 2] < 0.1 * alike[0, 0]


def test_rows_of_a_yolo_model_and_of_a_yolo_file_give_the_same_detections():
    pixels = from_yolo_rows([[10, 20, 50, 100, 0.5, 3]])
    file = from_yolo_rows([[3, 0.15, 0.3, 0.2, 0.4, 0.5]], width=200, height=200)
    np.testing.assert_allclose(pixels.xyxy, file.xyxy, rtol=1e-6)
    assert file.class_id.tolist() == [3]
    assert len(from_yolo_rows(np.empty((0, 6)))) == 0


def test_a_yolo_result_with_masks_and_poses_is_taken_over():
    result = SimpleNamespace(
        orig_shape=(4, 6),
        boxes=SimpleNamespace(
            xyxy=np.array([[0, 0, 3, 3]]), conf=np.array([0.5]), cls=np.array([2.0])
        ),
        masks=SimpleNamespace(data=np.ones((1, 4, 6))),
        keypoints=SimpleNamespace(data=np.zeros((1, 17, 2))),
    )
    found = from_yolo(result)
    assert found.class_id.tolist() == [2]
    assert found.mask.shape == (1, 4, 6)
    assert found.keypoints.shape == (1, 17, 3)


def test_a_torchvision_result_is_taken_over_and_a_missing_key_named():
    result = {
        "boxes": np.array([[0, 0, 3, 3]]),
        "labels": np.array([7]),
        "masks": np.full((1, 1, 4, 4), 0.7),
    }
    found = from_torchvision(result)
    assert found.mask.all()
    assert found.score.tolist() == [1.0]
    with pytest.raises(VisionError, match="no 'labels'; it has boxes"):
        from_torchvision({"boxes": result["boxes"]})


def test_coco_rows_survive_the_way_there_and_back():
    random = np.random.default_rng(0)
    mask = random.random((2, 9, 7)) < 0.5
    found = Detections(
        np.array([[1, 2, 5, 8], [0, 0, 7, 9]], np.float32),
        [0.25, 0.5],
        [3, 4],
        encode(mask),
        random.random((2, 17, 3)),
    )
    back = from_coco(json.loads(json.dumps(to_coco(found, image_id=9))))
    np.testing.assert_array_equal(back.xyxy, found.xyxy)
    np.testing.assert_array_equal(np.asarray(back.mask), mask)
    np.testing.assert_allclose(back.keypoints, found.keypoints)
    assert back.class_id.tolist() == [3, 4]
    assert len(from_coco([])) == 0


def test_mediapipe_results_are_taken_over():
    box = SimpleNamespace(origin_x=10, origin_y=20, width=30, height=40)
    best = SimpleNamespace(score=0.9, index=5, category_name="cat")
    found = from_mediapipe(
        SimpleNamespace(detections=[SimpleNamespace(bounding_box=box, categories=[best])]),
        class_names=("dog", "cat"),
    )
    assert (found.xyxy.tolist(), found.class_id.tolist()) == ([[10, 20, 40, 60]], [1])
    points = [SimpleNamespace(x=0.1 * i, y=0.2, visibility=0.9 if i else 0.1) for i in range(4)]
    pose = from_mediapipe_pose(SimpleNamespace(pose_landmarks=[points]), width=100, height=50)
    np.testing.assert_allclose(pose.xyxy, [[10, 10, 30, 10]], rtol=1e-5)
    assert pose.score[0] == pytest.approx(0.9)


def test_supervision_columns_are_shared_not_copied():
    box = np.array([[0, 0, 5, 5]], np.float32)
    theirs = SimpleNamespace(
        xyxy=box, confidence=np.array([0.5], np.float32), class_id=None, mask=None
    )
    found = Detections.from_supervision(theirs)
    assert np.shares_memory(found.xyxy, box)
    assert np.shares_memory(found.score, theirs.confidence)
    assert found.class_id.tolist() == [0]


def test_supervision_takes_them_back_without_a_copy():
    supervision = pytest.importorskip("supervision", reason="supervision is not installed")
    found = Detections(np.array([[0, 0, 5, 5], [1, 1, 2, 2]], np.float32), [0.5, 0.25], [1, 2])
    theirs = found.to_supervision(track_id=np.array([4, 9]))
    assert isinstance(theirs, supervision.Detections)
    assert np.shares_memory(theirs.xyxy, found.xyxy)
    back = Detections.from_supervision(theirs)
    assert np.shares_memory(back.xyxy, found.xyxy)
    assert theirs.tracker_id.tolist() == [4, 9]


def test_a_confusion_matrix_counts_every_true_and_every_found_box_once():
    truth = [Detections([[0, 0, 10, 10], [50, 50, 60, 60], [80, 80, 90, 90]], None, [1, 2, 2])]
    found = [Detections([[0, 0, 10, 10], [50, 50, 60, 61], [20, 20, 30, 30]], None, [1, 1, 2])]
    got = confusion(found, truth)
    assert got.class_id.tolist() == [1, 2]
    assert got.counts.tolist() == [[1, 0, 0], [1, 0, 1], [0, 1, 0]]


def test_the_best_threshold_is_that_of_the_highest_f1():
    truth = [Detections([[0, 0, 10, 10], [50, 50, 60, 60]])]
    found = [Detections([[0, 0, 10, 10], [50, 50, 60, 60], [20, 20, 30, 30]], [0.9, 0.6, 0.4])]
    curve = precision_recall(found, truth)
    assert curve.best == (pytest.approx(0.6), 1.0)
    assert curve.recall.tolist() == [0.5, 1.0, 1.0]
    assert curve.precision.tolist() == [1.0, 1.0, pytest.approx(2 / 3)]
    assert precision_recall([Detections.empty()], truth).best == (0.0, 0.0)


def test_guessing_everything_equal_earns_nothing():
    scores = np.array([[0.1, 0.7, 0.2], [0.4, 0.4, 0.2]])
    assert top_k(scores, np.array([1, 0])) == 0.5
    assert top_k(scores, np.array([1, 0]), k=2) == 1.0
    with pytest.raises(VisionError, match="k: 0 must be"):
        top_k(scores, np.array([1, 0]), k=0)


def test_errors_of_counts_cannot_cancel_out():
    error = count_error({"in": 5, "out": 3}, {"in": 3, "out": 5})
    assert (error.found, error.truth, error.absolute, error.relative) == (8, 8, 4, 0.5)
    assert count_error({}, {}).relative == 0.0
    assert count_error({"in": 1}, {}).relative == float("inf")


def test_dwell_times_are_compared_visit_by_visit():
    error = dwell_error([(0, 10), (20, 25), (90, 99)], [(1, 10), (19, 26)])
    assert (error.matched, error.missed, error.extra) == (2, 0, 1)
    assert error.mean_absolute_s == pytest.approx(1.5)
    assert error.mean_signed_s == pytest.approx(-0.5)
    with pytest.raises(VisionError, match="truth: every visit"):
        dwell_error([], [(5, 4)])
