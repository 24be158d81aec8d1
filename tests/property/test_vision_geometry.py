"""Laws of boxes, polygons, masks, paths and planes."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from viseon.vision import (
    BadDetections,
    BadGeometry,
    Detections,
    Homography,
    RleMasks,
    Tracks,
    VisionError,
    Zone,
    giou,
    groups,
    ios,
    iou,
    mask_boxes,
    mask_iou,
    neighbours,
    nms,
    oks,
    oriented_iou,
    simplify,
    soft_nms,
)
from viseon.vision.kalman import BoxFilter
from viseon.vision.masks import encode, from_coco_rle, to_coco_rle
from viseon.vision.oriented import corners

shapely = pytest.importorskip("shapely", reason="shapely, the reference, is not installed")

laws = settings(deadline=None, max_examples=60)
whole = st.integers(0, 100)


@st.composite
def boxes(draw, most=8):
    n = draw(st.integers(0, most))
    low = draw(arrays(np.int64, (n, 2), elements=whole))
    size = draw(arrays(np.int64, (n, 2), elements=st.integers(0, 60)))
    return np.hstack([low, low + size]).astype(np.float32)


@st.composite
def scored(draw):
    box = draw(boxes())
    score = draw(arrays(np.float32, len(box), elements=st.floats(0, 1, width=16)))
    class_id = draw(arrays(np.int64, len(box), elements=st.integers(0, 2)))
    return Detections(box, score, class_id)


def overlap_of(a, b):
    a, b = shapely.box(*a.tolist()), shapely.box(*b.tolist())
    union = a.union(b).area
    return a.intersection(b).area / union if union else 0.0


@given(boxes(5), boxes(5))
@laws
def test_iou_equals_shapely_and_is_symmetric(a, b):
    got = iou(a, b)
    expected = np.array([[overlap_of(p, q) for q in b] for p in a]).reshape(len(a), len(b))
    np.testing.assert_allclose(got, expected, atol=1e-5)
    np.testing.assert_allclose(got, iou(b, a).T, atol=1e-6)


@given(boxes(5), boxes(5))
@laws
def test_giou_is_at_most_iou_and_ios_at_least(a, b):
    assert (giou(a, b) <= iou(a, b) + 1e-6).all()
    assert (giou(a, b) >= -1 - 1e-6).all()
    assert (ios(a, b) >= iou(a, b) - 1e-6).all()


@given(boxes(6), st.integers(-50, 50), st.sampled_from([0.25, 0.5, 2.0, 4.0]))
@laws
def test_overlaps_do_not_change_when_everything_moves_and_grows(box, shift, scale):
    np.testing.assert_allclose(
        iou(box, box), iou((box + shift) * scale, (box + shift) * scale), atol=1e-5
    )


def test_large_sets_overlap_as_small_ones_do():
    random = np.random.default_rng(0)
    low = random.uniform(0, 500, (150, 2))
    box = np.hstack([low, low + random.uniform(0, 90, (150, 2))]).astype(np.float32)
    rows = np.vstack([iou(box[i : i + 1], box) for i in range(150)])
    np.testing.assert_array_equal(iou(box, box), rows)


@given(scored(), st.sampled_from([0.3, 0.5, 0.7]))
@laws
def test_nms_twice_is_nms_once(found, least):
    once = found.nms(min_iou=least)
    twice = once.nms(min_iou=least)
    np.testing.assert_array_equal(once.xyxy, twice.xyxy)
    overlap = iou(once.xyxy, once.xyxy)
    same = once.class_id[:, None] == once.class_id
    assert (overlap[same & ~np.eye(len(once), dtype=bool)] <= least).all()


@given(scored())
@laws
def test_nms_equals_the_textbook_loop(found):
    left, kept = np.argsort(-found.score, kind="stable").tolist(), []
    while left:
        best, *left = left
        kept.append(best)
        left = [i for i in left if iou(found.xyxy[[best]], found.xyxy[[i]])[0, 0] <= 0.5]
    assert nms(found.xyxy, found.score).tolist() == kept


@given(scored())
@laws
def test_soft_nms_never_raises_a_score_and_keeps_the_best(found):
    rows, score = soft_nms(found.xyxy, found.score, min_score=0.0)
    assert sorted(rows.tolist()) == list(range(len(found)))
    assert (score <= found.score[rows] + 1e-6).all()
    assert (np.diff(score) <= 1e-6).all()


@given(scored())
@laws
def test_merging_covers_every_box_and_keeps_the_best_scores(found):
    merged = found.merged()
    for box, class_id in zip(found.xyxy, found.class_id, strict=True):
        same = merged.class_id == class_id
        assert (
            (merged.xyxy[same][:, :2] <= box[:2]).all(1)
            & (merged.xyxy[same][:, 2:] >= box[2:]).all(1)
        ).any()
    if len(found):
        assert merged.score.max() == found.score.max()


number = st.floats(-80, 80, allow_nan=False, width=32)
rotated = st.tuples(number, number, st.floats(0.5, 90), st.floats(0.5, 90), st.floats(-4, 4))


@given(st.lists(rotated, min_size=1, max_size=4), st.lists(rotated, min_size=1, max_size=4))
@laws
def test_oriented_iou_equals_shapely(a, b):
    a, b = np.array(a), np.array(b)
    shapes = [[shapely.Polygon(c) for c in corners(x)] for x in (a, b)]
    expected = [[p.intersection(q).area / p.union(q).area for q in shapes[1]] for p in shapes[0]]
    np.testing.assert_allclose(oriented_iou(a, b), expected, atol=1e-6)


def test_a_box_turned_by_a_quarter_with_its_sides_swapped_is_the_same():
    a = np.array([[10.0, 20, 30, 8, 0.3]])
    b = np.array([[10.0, 20, 8, 30, 0.3 + np.pi / 2]])
    assert oriented_iou(a, b)[0, 0] == pytest.approx(1.0)
    assert oriented_iou(a, a)[0, 0] == pytest.approx(1.0)


masks = arrays(np.bool_, st.tuples(st.integers(0, 3), st.integers(1, 9), st.integers(1, 9)))


@given(masks)
@laws
def test_decoding_an_encoded_mask_gives_it_back(mask):
    rle = encode(mask)
    np.testing.assert_array_equal(rle.dense(), mask)
    assert rle.area.tolist() == mask.sum(axis=(1, 2)).tolist()
    if len(mask):
        np.testing.assert_array_equal(from_coco_rle(to_coco_rle(rle)).dense(), mask)


@given(masks, masks)
@laws
def test_mask_overlap_on_runs_equals_overlap_of_pixels(a, b):
    height, width = min(a.shape[1], b.shape[1]), min(a.shape[2], b.shape[2])
    a, b = a[:, :height, :width], b[:, :height, :width]
    shared = (a[:, None] & b[None]).sum(axis=(2, 3))
    union = (a[:, None] | b[None]).sum(axis=(2, 3))
    expected = np.divide(shared, union, out=np.zeros(shared.shape), where=union > 0)
    np.testing.assert_allclose(mask_iou(encode(a), encode(b)), expected)


@given(masks)
@laws
def test_the_box_of_a_mask_is_tight(mask):
    for box, dense in zip(mask_boxes(mask).astype(int).tolist(), mask, strict=True):
        y, x = np.nonzero(dense)
        if len(y):
            assert box == [x.min(), y.min(), x.max() + 1, y.max() + 1]
        else:
            assert box == [0, 0, 0, 0]


def test_compressed_masks_equal_those_of_pycocotools():
    coco_mask = pytest.importorskip("pycocotools.mask", reason="pycocotools is not installed")
    random = np.random.default_rng(0)
    dense = random.random((4, 200, 300)) < np.array([0.001, 0.1, 0.5, 0.999])[:, None, None]
    dense[0, 50:150, 60:200] = True
    theirs = coco_mask.encode(np.asfortranarray(dense.transpose(1, 2, 0).astype(np.uint8)))
    assert [r["counts"] for r in to_coco_rle(encode(dense))] == [
        t["counts"].decode() for t in theirs
    ]


def test_runs_that_do_not_fill_the_frame_are_refused():
    with pytest.raises(BadDetections, match="runs of mask 0 cover 3 of 4"):
        RleMasks((np.array([1, 2]),), (2, 2))


point = st.tuples(st.integers(-20, 120), st.integers(-20, 120))


@given(
    st.lists(point, min_size=3, max_size=8, unique=True), st.lists(point, min_size=1, max_size=20)
)
@laws
def test_zone_membership_equals_shapely_border_included(ring, points):
    shape = shapely.Polygon(ring)
    assume(shape.is_valid and shape.area > 0)
    try:
        zone = Zone(ring)
    except BadGeometry:
        assume(False)
    expected = [shape.covers(shapely.Point(p)) for p in points]
    assert zone.covers(points).tolist() == expected


@given(st.lists(point, min_size=3, max_size=7, unique=True))
@laws
def test_a_zone_refuses_exactly_the_polygons_that_cross_themselves(ring):
    shape = shapely.Polygon(ring)
    try:
        Zone(ring)
        accepted = True
    except BadGeometry:
        accepted = False
    assert accepted == (shape.is_valid and shape.area > 0)


@given(st.lists(st.tuples(number, number), min_size=1, max_size=20))
@laws
def test_holes_are_outside_but_their_border_is_inside(points):
    outer = [(-50, -50), (50, -50), (50, 50), (-50, 50)]
    hole = [(-10, -10), (10, -10), (10, 10), (-10, 10)]
    shape = shapely.Polygon(outer, [hole])
    expected = [shape.covers(shapely.Point(p)) for p in points]
    assert Zone(outer, holes=[hole]).covers(points).tolist() == expected


@given(st.lists(st.tuples(number, number), min_size=2, max_size=40), st.floats(0, 20))
@laws
def test_a_simplified_path_stays_within_its_tolerance(path, tolerance):
    kept = simplify(path, tolerance)
    assert kept[0].tolist() == list(path[0])
    assert kept[-1].tolist() == list(path[-1])
    line = shapely.LineString(kept)
    assert all(line.distance(shapely.Point(p)) <= tolerance + 1e-6 for p in path)


def test_a_straight_path_keeps_only_its_ends():
    assert len(simplify([(i, 2 * i) for i in range(50)], 0.01)) == 2


@given(st.lists(st.tuples(number, number), max_size=12), st.floats(1, 60))
@laws
def test_groups_are_the_connected_clusters(points, radius):
    label = groups(points, radius)
    near = neighbours(points, radius)
    assert ((label >= 0) == (near > 0)).all()
    for i, p in enumerate(points):
        for j, q in enumerate(points):
            if np.hypot(p[0] - q[0], p[1] - q[1]) <= radius * 0.999:
                assert i == j or label[i] == label[j]


def test_a_homography_maps_its_points_and_back():
    image = [(100, 700), (1180, 690), (800, 300), (480, 310), (640, 500)]
    truth = Homography(
        [(0, 0), (1280, 0), (1280, 720), (0, 720)], [(-8, 40), (8, 40), (3, 2), (-3, 2)]
    )
    world = truth.to_world(image)
    fitted = Homography(image, world)
    np.testing.assert_allclose(fitted.to_world(image), world, atol=1e-6)
    np.testing.assert_allclose(fitted.to_image(world), image, atol=1e-5)


@pytest.mark.parametrize(
    ("image", "world", "message"),
    [
        ([(0, 0), (1, 0), (1, 1)], [(0, 0), (1, 0), (1, 1)], "needs four"),
        ([(0, 0), (1, 1), (2, 2), (3, 0)], [(0, 0), (1, 1), (2, 2), (3, 0)], "on one line"),
        ([(5, 5)] * 4, [(0, 0), (1, 0), (1, 1), (0, 1)], "all are the same"),
        ([(0, 0), (1, 0), (1, 1), (0, np.nan)], [(0, 0), (1, 0), (1, 1), (0, 1)], "finite"),
    ],
)
def test_points_that_determine_no_ground_are_refused(image, world, message):
    with pytest.raises(BadGeometry, match=message):
        Homography(image, world)


measured = arrays(np.float64, (4, 3), elements=st.floats(20, 90))


@given(measured, st.lists(st.tuples(st.floats(0.25, 4), measured), max_size=4))
@laws
def test_the_batched_filter_equals_the_textbook_kalman_filter(first, steps):
    from viseon.vision import kalman as K

    batch = BoxFilter.born(first)
    single = [_Textbook(first[:, i], K) for i in range(3)]
    for dt, seen in steps:
        batch.predict(dt)
        batch.update(np.arange(3), seen)
        for i, one in enumerate(single):
            one.predict(dt)
            one.update(seen[:, i])
    for i, one in enumerate(single):
        np.testing.assert_allclose(batch.rows[:8, i], one.mean, rtol=1e-9, atol=1e-9)
        np.testing.assert_allclose(batch.rows[8:12, i], np.diag(one.cov)[:4], rtol=1e-9)
        np.testing.assert_allclose(batch.rows[16:20, i], np.diag(one.cov)[4:], rtol=1e-9)


class _Textbook:
    """The 8 x 8 filter with full matrices; noise over dt is the sum over dt single steps."""

    def __init__(self, seen, constants):
        self.k = constants
        self.mean = np.concatenate([seen, np.zeros(4)])
        size = np.tile(np.maximum(seen[2:], 1), 2)
        self.cov = np.diag(
            np.concatenate([(size * constants._START_P) ** 2, (size * constants._START_V) ** 2])
        )

    def predict(self, dt):
        k, size = self.k, np.tile(np.maximum(self.mean[2:4], 1), 2)
        move = np.eye(8)
        move[:4, 4:] = np.eye(4) * dt
        p, v = (size * k._DRIFT_P) ** 2, (size * k._DRIFT_V) ** 2
        noise = np.zeros((8, 8))
        noise[:4, :4] = np.diag(p * dt + v * dt * (dt - 1) * (2 * dt - 1) / 6)
        noise[:4, 4:] = noise[4:, :4] = np.diag(v * dt * (dt - 1) / 2)
        noise[4:, 4:] = np.diag(v * dt)
        self.mean = move @ self.mean
        self.mean[2:4] = np.maximum(self.mean[2:4], 0.1)
        self.cov = move @ self.cov @ move.T + noise

    def update(self, seen):
        look = np.eye(4, 8)
        size = np.tile(np.maximum(self.mean[2:4], 1), 2)
        total = look @ self.cov @ look.T + np.diag((size * self.k._MEASURE) ** 2)
        gain = self.cov @ look.T @ np.linalg.inv(total)
        self.mean = self.mean + gain @ (seen - look @ self.mean)
        self.cov = self.cov - gain @ look @ self.cov


@given(st.floats(0.1, 5), st.floats(0.1, 5))
@laws
def test_two_predictions_in_a_row_equal_one_over_both_times(a, b):
    once, twice = (BoxFilter.born(np.array([[50.0], [60], [20], [40]])) for _ in range(2))
    for each in (once, twice):
        each.rows[4:6] = 1.5  # moves, but keeps its size
    once.predict(a + b)
    twice.predict(a)
    twice.predict(b)
    np.testing.assert_allclose(once.rows, twice.rows, rtol=1e-9, atol=1e-12)


def test_a_pose_is_like_itself_and_nothing_else():
    pose = np.dstack([np.random.default_rng(0).uniform(0, 90, (2, 17, 2)), np.full((2, 17, 1), 2)])
    similar = oks(pose, pose, area=np.array([900.0, 900.0]))
    np.testing.assert_allclose(np.diag(similar), 1.0)
    assert similar[0, 1] < 0.1


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        (([[0, 0, np.nan, 1]],), "box 0 is"),
        (([[0, 0, 1, 1], [5, 0, 1, 1]],), "box 1 .* inverted"),
        (([[0, 0, 1]],), r"expected \(n, 4\)"),
        (([[0, 0, 1, 1]], [0.5, 0.5]), "score: shape"),
        (([[0, 0, 1, 1]], [np.nan]), "score: row 0"),
        (([[0, 0, 1, 1]], None, [1, 2]), "class_id: shape"),
        (([[0, 0, 1, 1]], None, None, np.zeros((2, 4, 4))), "2 masks, but there are 1"),
        (([[0, 0, 1, 1]], None, None, None, np.zeros((1, 17, 2))), r"expected \(1, K, 3\)"),
    ],
)
def test_columns_that_cannot_be_right_are_named(columns, message):
    with pytest.raises(BadDetections, match=message):
        Detections(*columns)


def test_the_same_id_twice_in_a_frame_is_refused():
    with pytest.raises(BadDetections, match="track_id: the same id twice"):
        Tracks(Detections([[0, 0, 1, 1], [2, 2, 3, 3]]), [3, 3])


def test_detections_are_read_only_views_that_can_be_indexed_and_joined():
    box = np.array([[0, 0, 1, 1], [2, 2, 3, 3]], np.float32)
    found = Detections(box, None, [4, 5], np.ones((2, 3, 3), bool), np.zeros((2, 17, 3)))
    assert np.shares_memory(found.xyxy, box)
    assert box.flags.writeable
    with pytest.raises(ValueError, match="read-only"):
        found.xyxy[0] = 0
    assert found[found.class_id == 5].class_id.tolist() == [5]
    assert found[1].mask.shape == (1, 3, 3)
    assert found[:1].keypoints.shape == (1, 17, 3)
    both = Detections.concat([found, Detections.empty(), found[0]])
    assert both.class_id.tolist() == [4, 5, 4]
    assert both.mask.shape == (3, 3, 3)
    assert [len(row) for row in found] == [1, 1]


def test_errors_are_value_errors():
    assert issubclass(VisionError, ValueError)
