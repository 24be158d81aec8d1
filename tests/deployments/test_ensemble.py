"""Weighted boxes fusion and tiles."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from viseon.deployments.ensemble import fuse
from viseon.inference.tiles import crops, merged, tiles
from viseon.vision import Detections


def random_detections(rng, n):
    corner = rng.uniform(0, 0.7, (n, 2))
    boxes = np.concatenate([corner, corner + rng.uniform(0.05, 0.3, (n, 2))], axis=1)
    return Detections(boxes.astype(np.float32), rng.uniform(0.1, 1, n).astype(np.float32),
                      rng.integers(0, 3, n))  # fmt: skip


@settings(deadline=None, max_examples=50)
@given(st.integers(0, 2**32 - 1))
def test_it_gives_what_the_authors_code_gives(seed):
    reference = pytest.importorskip("ensemble_boxes")
    rng = np.random.default_rng(seed)
    parts = [random_detections(rng, int(n)) for n in rng.integers(1, 12, 3)]
    weights = rng.uniform(0.5, 2, 3).tolist()
    boxes, scores, labels = reference.weighted_boxes_fusion(
        [p.xyxy.tolist() for p in parts], [p.score.tolist() for p in parts],
        [p.class_id.tolist() for p in parts], weights=weights, iou_thr=0.55, skip_box_thr=0.0,
    )  # fmt: skip
    found = fuse(parts, weights=weights)
    order = np.lexsort((labels, -scores.round(5)))
    mine = np.lexsort((found.class_id, -found.score.round(5)))
    np.testing.assert_allclose(found.score[mine], scores[order], atol=1e-4)
    np.testing.assert_allclose(found.xyxy[mine], boxes[order], atol=1e-3)


def test_models_that_agree_change_nothing():
    one = random_detections(np.random.default_rng(0), 1)
    found = fuse([one, one, one])
    np.testing.assert_allclose(found.xyxy, one.xyxy, atol=1e-6)
    np.testing.assert_allclose(found.score, one.score, atol=1e-6)


def test_what_only_one_of_two_saw_counts_half():
    one = Detections(np.array([[0, 0, 10, 10]], np.float32), np.array([0.8], np.float32))
    assert fuse([one, Detections.empty()]).score.tolist() == [pytest.approx(0.4)]
    assert len(fuse([Detections.empty(), Detections.empty()])) == 0


@settings(deadline=None, max_examples=200)
@given(st.integers(1, 3000), st.integers(1, 3000), st.integers(16, 1000), st.floats(0, 0.9))
def test_tiles_cover_every_pixel_and_stay_inside(width, height, side, overlap):
    windows = tiles(width, height, side, overlap=overlap)
    if len(windows) > 4000:
        return
    across, down = np.zeros(width, bool), np.zeros(height, bool)
    for x1, y1, x2, y2 in windows:
        assert 0 <= x1 < x2 <= width
        assert 0 <= y1 < y2 <= height
        assert x2 - x1 <= side
        across[x1:x2] = True
        down[y1:y2] = True
    assert across.all()
    assert down.all()


def test_an_object_cut_by_a_seam_is_found_once():
    windows = tiles(200, 100, 100, overlap=0.2)
    whole = np.array([[78, 20, 98, 60]], np.float32)
    parts = []
    for x1, _, x2, _ in windows:
        box = whole.copy()
        box[:, [0, 2]] = np.clip(box[:, [0, 2]], x1, x2) - x1
        inside = box[0, 2] > box[0, 0]
        score = np.array([0.9 if box[0, 2] - box[0, 0] == 20 else 0.6], np.float32)
        parts.append(Detections(box, score) if inside else Detections.empty())
    found = merged(parts, windows)
    assert found.xyxy.tolist() == whole.tolist()


def test_crops_are_the_windows():
    frame = np.arange(100 * 80 * 3, dtype=np.uint32).astype(np.uint8).reshape(80, 100, 3)
    (crop,) = crops(frame, [(10, 20, 40, 70)])
    assert np.array_equal(crop, frame[20:70, 10:40])


@pytest.mark.parametrize(("side", "overlap"), [(0, 0.2), (10, 1.0), (10, -0.1)])
def test_tiles_that_make_no_sense_are_refused(side, overlap):
    with pytest.raises(ValueError, match="tile"):
        tiles(100, 100, side, overlap=overlap)
