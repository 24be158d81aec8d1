"""Weighted boxes fusion."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from viseon.deployments.ensemble import fuse
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
    order = np.lexsort((labels, -np.minimum(scores, 1).round(5)))
    mine = np.lexsort((found.class_id, -found.score.round(5)))
    np.testing.assert_allclose(found.score[mine], np.minimum(scores[order], 1), atol=1e-4)
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
