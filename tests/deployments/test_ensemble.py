"""Weighted boxes fusion.

`fusion_reference.json` holds what the authors' code gives; `python tests/deployments/test_ensemble.py`
writes it anew where `ensemble-boxes` is installed (with numba and pandas it is too large for a test).
"""

import json
from pathlib import Path

import numpy as np
import pytest

from viseon.deployments.ensemble import fuse
from viseon.vision import Detections

REFERENCE = Path(__file__).with_name("fusion_reference.json")


def random_detections(rng, n):
    corner = rng.uniform(0, 0.7, (n, 2))
    boxes = np.concatenate([corner, corner + rng.uniform(0.05, 0.3, (n, 2))], axis=1)
    return Detections(boxes.astype(np.float32), rng.uniform(0.1, 1, n).astype(np.float32),
                      rng.integers(0, 3, n))  # fmt: skip


def scene(seed):
    """What three models saw in one picture, and how much each counts."""
    rng = np.random.default_rng(seed)
    parts = [random_detections(rng, int(n)) for n in rng.integers(1, 12, 3)]
    return parts, rng.uniform(0.5, 2, 3).tolist()


@pytest.mark.parametrize("seed", range(40))
def test_it_gives_what_the_authors_code_gives(seed):
    expected = np.array(json.loads(REFERENCE.read_text())[seed])
    boxes, scores, labels = expected[:, :4], expected[:, 4], expected[:, 5]
    parts, weights = scene(seed)
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


def write_reference():
    from ensemble_boxes import weighted_boxes_fusion  # noqa: PLC0415

    rows = []
    for seed in range(40):
        parts, weights = scene(seed)
        boxes, scores, labels = weighted_boxes_fusion(
            [p.xyxy.tolist() for p in parts], [p.score.tolist() for p in parts],
            [p.class_id.tolist() for p in parts], weights=weights, iou_thr=0.55, skip_box_thr=0.0,
        )  # fmt: skip
        rows.append(np.column_stack([boxes, scores, labels]).round(6).tolist())
    REFERENCE.write_text(json.dumps(rows) + "\n")


if __name__ == "__main__":
    write_reference()
