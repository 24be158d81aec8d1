"""Softer ways than NMS to deal with boxes that overlap: lower their score, or merge them."""

import numpy as np
from numpy.typing import NDArray

from viseon.vision.boxes import Boxes, Floats, Indices, Metric, ios, iou


def soft_nms(
    xyxy: Boxes,
    score: Floats,
    *,
    sigma: float = 0.5,
    min_score: float = 1e-3,
    class_id: NDArray[np.int64] | None = None,
) -> tuple[Indices, Floats]:
    """Rows whose lowered score reaches `min_score`, best first, and those scores.

    A box that overlaps a better one keeps exp(-iou² / sigma) of its score (Bodla et al., ICCV
    2017, Gaussian). With `class_id`, only boxes of the same class lower each other.
    """
    lowered = np.array(score, np.float32)
    left = np.arange(len(lowered))
    kept: list[int] = []
    while len(left):
        at = int(lowered[left].argmax())
        best = int(left[at])
        if lowered[best] < min_score:
            break
        kept.append(best)
        left = np.delete(left, at)
        overlap = iou(xyxy[best : best + 1], xyxy[left])[0]
        if class_id is not None:
            overlap = np.where(class_id[left] == class_id[best], overlap, np.float32(0))
        lowered[left] *= np.exp(-np.square(overlap) / np.float32(sigma))
    rows = np.array(kept, np.int64)
    return rows, lowered[rows]


def merge_groups(
    xyxy: Boxes,
    score: Floats,
    *,
    min_overlap: float = 0.5,
    class_id: NDArray[np.int64] | None = None,
    metric: Metric = "iou",
) -> list[Indices]:
    """Non-maximum merging: which boxes to merge, each group led by its best; groups best first.

    A box joins the best box that it overlaps by more than `min_overlap` and that is not itself in a
    better one's group. Equal scores keep the earlier row.
    """
    order = np.argsort(-score, kind="stable")
    free = np.ones(len(order), bool)
    overlap = iou if metric == "iou" else ios
    groups = []
    for best in order.tolist():
        if not free[best]:
            continue
        free[best] = False
        near = overlap(xyxy[best : best + 1], xyxy)[0] > min_overlap
        near &= free
        if class_id is not None:
            near &= class_id == class_id[best]
        free &= ~near
        joined = order[near[order]]
        groups.append(np.concatenate([[best], joined]).astype(np.int64))
    return groups


def hull(xyxy: Boxes) -> Boxes:
    """The smallest box around all of them (4,)."""
    around: Boxes = np.concatenate([xyxy[:, :2].min(axis=0), xyxy[:, 2:].max(axis=0)])
    return around
