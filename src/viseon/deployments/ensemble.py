"""Several models, one answer: weighted boxes fusion (Solovyev et al., arXiv 1910.13302)."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from viseon.vision import Detections
from viseon.vision.boxes import iou


def fuse(
    parts: Sequence[Detections], *, weights: Sequence[float] = (), min_iou: float = 0.55
) -> Detections:
    """One set of boxes from what several models saw in the same picture.

    Boxes of a class that overlap by more than `min_iou` become one: corners averaged by weighted
    score, score averaged and lowered by the share of models that did not see it. Masks and
    keypoints are not fused and are dropped.
    """
    given = np.array(weights or [1.0] * len(parts), np.float64)
    every = Detections.concat([Detections(p.xyxy, p.score, p.class_id) for p in parts])
    weight = np.repeat(given, [len(p) for p in parts])
    rows = [_fused(every, weight, c, given, min_iou) for c in np.unique(every.class_id).tolist()]
    if not rows:
        return Detections.empty()
    table = np.concatenate(rows)
    table = table[np.argsort(-table[:, 4], kind="stable")]
    return Detections(
        table[:, :4].astype(np.float32),
        table[:, 4].astype(np.float32),
        table[:, 5].astype(np.int64),
    )


def _fused(
    every: Detections, weight: NDArray[np.float64], class_id: int, given: NDArray[np.float64],
    min_iou: float,
) -> NDArray[np.float64]:  # fmt: skip
    """x1, y1, x2, y2, score, class of each cluster of one class."""
    mine = np.flatnonzero(every.class_id == class_id)
    power = every.score[mine].astype(np.float64) * weight[mine]
    order = np.argsort(-power, kind="stable")
    boxes, power = every.xyxy[mine][order].astype(np.float64), power[order]
    clusters: list[list[int]] = []
    means = np.empty((0, 4))
    for row in range(len(boxes)):
        at = _nearest(means, boxes[row], min_iou)
        if at is None:
            clusters.append([row])
            means = np.vstack([means, boxes[row]])
        else:
            clusters[at].append(row)
            means[at] = _mean(boxes[clusters[at]], power[clusters[at]])
    total = given.sum()
    table = np.empty((len(clusters), 6))
    for i, members in enumerate(clusters):
        score = power[members].mean() * min(len(given), len(members)) / total
        table[i] = (*means[i], min(score, 1.0), class_id)
    return table


def _mean(boxes: NDArray[np.float64], power: NDArray[np.float64]) -> NDArray[np.float64]:
    mean: NDArray[np.float64] = (boxes * power[:, None]).sum(axis=0) / max(power.sum(), 1e-12)
    return mean


def _nearest(means: NDArray[np.float64], box: NDArray[np.float64], least: float) -> int | None:
    if not len(means):
        return None
    overlaps = iou(means.astype(np.float32), box[None].astype(np.float32))[:, 0]
    best = int(overlaps.argmax())
    return best if overlaps[best] > least else None
