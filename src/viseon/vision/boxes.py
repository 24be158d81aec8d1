"""Boxes: areas, overlaps and the suppression of duplicates. Everything is `xyxy` in pixels."""

from typing import Literal

import numpy as np
from numpy.typing import NDArray

Boxes = NDArray[np.float32]
Floats = NDArray[np.float32]
Indices = NDArray[np.int64]
Metric = Literal["iou", "ios"]

_SMALL = 6400  # pairs; both axes at once are quicker until they leave the cache
_ZERO, _TINY = np.float32(0), np.float32(1e-12)


def area(xyxy: Boxes) -> Floats:
    """Width times height of each box (n,)."""
    size = xyxy[:, 2:] - xyxy[:, :2]
    covered: Floats = size[:, 0] * size[:, 1]
    return covered


def iou(a: Boxes, b: Boxes) -> Floats:
    """Intersection over union of every box in `a` (n, 4) with every box in `b` (m, 4) → (n, m).

    Two boxes without area share nothing: 0, never NaN.
    """
    return iou_columns(_columns(a), _columns(b))


def iou_columns(a: NDArray[np.floating], b: NDArray[np.floating]) -> Floats:
    """`iou` of boxes that lie as four rows: (4, n) with (4, m) → (n, m). The trackers' layout."""
    shared, covered_a, covered_b = _shared(a, b)
    union = covered_a[:, None] + covered_b
    union -= shared
    np.maximum(union, _TINY, out=union)
    np.divide(shared, union, out=shared)
    return shared


def ios(a: Boxes, b: Boxes) -> Floats:
    """Intersection over the smaller box's area → (n, m); 1 where one box lies within the other."""
    shared, covered_a, covered_b = _shared(_columns(a), _columns(b))
    smaller = np.maximum(np.minimum(covered_a[:, None], covered_b), _TINY)
    return np.divide(shared, smaller, out=shared)


def giou(a: Boxes, b: Boxes) -> Floats:
    """Generalised IoU in [-1, 1] → (n, m) (Rezatofighi et al., CVPR 2019)."""
    first, second = _columns(a), _columns(b)
    shared, covered_a, covered_b = _shared(first, second)
    union = covered_a[:, None] + covered_b - shared
    width = np.maximum(first[2, :, None], second[2]) - np.minimum(first[0, :, None], second[0])
    height = np.maximum(first[3, :, None], second[3]) - np.minimum(first[1, :, None], second[1])
    hull = np.maximum(width * height, _TINY)
    overlap = shared / np.maximum(union, _TINY)
    wasted: Floats = (hull - union) / hull
    result: Floats = overlap - np.maximum(wasted, _ZERO)
    return result


def nms(
    xyxy: Boxes,
    score: Floats,
    *,
    min_iou: float = 0.5,
    class_id: NDArray[np.int64] | None = None,
    metric: Metric = "iou",
) -> Indices:
    """Rows that survive greedy non-maximum suppression, best score first.

    A box goes if it overlaps a better one by more than `min_iou`. With `class_id`, only boxes of
    the same class suppress each other. Equal scores keep the earlier row. Idempotent.
    """
    order = np.argsort(-score, kind="stable")
    if len(order) < 2:
        return order.astype(np.int64)
    left, right = _overlapping(xyxy[order], min_iou, metric)
    if class_id is not None:
        same = class_id[order][left] == class_id[order][right]
        left, right = left[same], right[same]
    keep = np.ones(len(order), bool)
    starts = np.searchsorted(left, np.arange(len(order) + 1))
    for row in np.unique(left).tolist():
        if keep[row]:
            keep[right[starts[row] : starts[row + 1]]] = False
    kept: Indices = order[keep].astype(np.int64)
    return kept


def _overlapping(xyxy: Boxes, min_iou: float, metric: Metric) -> tuple[Indices, Indices]:
    """Pairs (i < j) that overlap by more than `min_iou`, by i; in blocks to keep memory flat."""
    overlap = iou if metric == "iou" else ios
    n, block = len(xyxy), 512
    lefts, rights = [], []
    for start in range(0, n, block):
        rows = xyxy[start : start + block]
        i, j = np.nonzero(overlap(rows, xyxy[start:]) > min_iou)
        later = j > i
        lefts.append(i[later] + start)
        rights.append(j[later] + start)
    return np.concatenate(lefts), np.concatenate(rights)


def _columns(xyxy: Boxes) -> Boxes:
    return np.ascontiguousarray(np.asarray(xyxy, np.float32).T)


def _shared(a: NDArray[np.floating], b: NDArray[np.floating]) -> tuple[Floats, Floats, Floats]:
    """Intersection (n, m) and both areas, in float32."""
    a, b = a.astype(np.float32, copy=False), b.astype(np.float32, copy=False)
    if a.shape[1] * b.shape[1] <= _SMALL:
        sides = np.minimum(a[2:, :, None], b[2:, None, :])
        sides -= np.maximum(a[:2, :, None], b[:2, None, :])
        np.maximum(sides, _ZERO, out=sides)
        shared = np.multiply(sides[0], sides[1], out=sides[0])
    else:
        shared = _sides(a[0::2], b[0::2])
        shared *= _sides(a[1::2], b[1::2])
    size_a, size_b = a[2:] - a[:2], b[2:] - b[:2]
    return shared, size_a[0] * size_a[1], size_b[0] * size_b[1]


def _sides(a: Floats, b: Floats) -> Floats:
    """The shared length along one axis (n, m) of intervals as two rows each."""
    side: Floats = np.minimum(a[1, :, None], b[1])
    side -= np.maximum(a[0, :, None], b[0])
    np.maximum(side, _ZERO, out=side)
    return side
