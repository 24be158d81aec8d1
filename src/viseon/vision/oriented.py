"""Rotated boxes: centre x, centre y, width, height, angle in radians (clockwise on the screen)."""

import numpy as np
from numpy.typing import NDArray

from viseon.vision.errors import BadDetections

Floats = NDArray[np.float64]

_UNIT = np.array([[-0.5, -0.5], [0.5, -0.5], [0.5, 0.5], [-0.5, 0.5]])


def corners(boxes: NDArray[np.floating]) -> Floats:
    """The four corners of each box (n, 5) → (n, 4, 2), in order round it."""
    box = np.asarray(boxes, np.float64)
    if box.ndim != 2 or box.shape[1] != 5:
        raise BadDetections(f"boxes: shape {box.shape}, expected (n, 5)")
    if not np.isfinite(box).all() or (box[:, 2:4] < 0).any():
        raise BadDetections("boxes: every number must be finite, width and height not negative")
    local = _UNIT * box[:, None, 2:4]
    cos, sin = np.cos(box[:, 4])[:, None], np.sin(box[:, 4])[:, None]
    turned = np.stack(
        [local[..., 0] * cos - local[..., 1] * sin, local[..., 0] * sin + local[..., 1] * cos],
        axis=-1,
    )
    placed: Floats = turned + box[:, None, :2]
    return placed


def oriented_iou(a: NDArray[np.floating], b: NDArray[np.floating]) -> Floats:
    """Intersection over union of every rotated box in `a` (n, 5) with every one in `b` (m, 5).

    Exact: the shared polygon is spanned by corners within the other box and by crossings of edges.
    """
    first, second = corners(a), corners(b)
    overlap = np.zeros((len(first), len(second)))
    area_a = (a[:, 2] * a[:, 3]).astype(np.float64)
    area_b = (b[:, 2] * b[:, 3]).astype(np.float64)
    apart = np.hypot(
        a[:, 0, None].astype(np.float64) - b[:, 0], a[:, 1, None].astype(np.float64) - b[:, 1]
    )
    reach = np.hypot(a[:, 2], a[:, 3])[:, None] + np.hypot(b[:, 2], b[:, 3])
    rows, cols = np.nonzero((apart * 2 <= reach) & (area_a[:, None] > 0) & (area_b > 0))
    shared = _shared(first[rows], second[cols])
    union = area_a[rows] + area_b[cols] - shared
    overlap[rows, cols] = np.clip(shared / union, 0, 1)
    return overlap


def _shared(a: Floats, b: Floats) -> Floats:
    """The area shared by rectangle i of `a` and of `b` (p, 4, 2) → (p,)."""
    points = np.concatenate([a, b, _crossings(a, b)], axis=1)
    real = np.concatenate([_within(a, b), _within(b, a)], axis=1)
    real = np.concatenate([real, np.isfinite(points[:, 8:, 0])], axis=1)
    points = np.where(real[..., None], points, 0.0)
    n = np.maximum(real.sum(axis=1), 1)
    middle = points.sum(axis=1) / n[:, None]
    away = np.where(real[..., None], points - middle[:, None], 0.0)
    angle = np.where(real, np.arctan2(away[..., 1], away[..., 0]), np.inf)
    order = np.argsort(angle, axis=1)
    away = np.take_along_axis(away, order[..., None], axis=1)
    # Places without a point repeat the first one and so add nothing.
    away = np.where(np.arange(24)[None, :, None] < n[:, None, None], away, away[:, :1])
    following = np.roll(away, -1, axis=1)
    twice = (away[..., 0] * following[..., 1] - away[..., 1] * following[..., 0]).sum(axis=1)
    area: Floats = np.where(real.sum(axis=1) >= 3, np.abs(twice) / 2, 0.0)
    return area


def _within(points: Floats, box: Floats) -> NDArray[np.bool_]:
    """Which of the points (p, 4, 2) lie in rectangle i (p, 4, 2), its border included."""
    origin = box[:, None, 0]
    u, v = box[:, None, 1] - origin, box[:, None, 3] - origin
    away = points - origin
    inside: NDArray[np.bool_] = np.ones(points.shape[:2], bool)
    for side in (u, v):
        along, whole = (away * side).sum(axis=-1), np.square(side).sum(axis=-1)
        inside &= (along >= -1e-9 * whole) & (along <= (1 + 1e-9) * whole)
    return inside


def _crossings(a: Floats, b: Floats) -> Floats:
    """Where edges of rectangle i of `a` and `b` cross (p, 16, 2); NaN where they do not."""
    p, q = a[:, :, None], b[:, None]
    r, s = np.roll(a, -1, axis=1)[:, :, None] - p, np.roll(b, -1, axis=1)[:, None] - q
    cross = r[..., 0] * s[..., 1] - r[..., 1] * s[..., 0]
    gap = q - p
    parallel = np.abs(cross) < 1e-12 * np.maximum(1, np.abs(r).max(-1) * np.abs(s).max(-1))
    safe = np.where(parallel, 1.0, cross)
    t = (gap[..., 0] * s[..., 1] - gap[..., 1] * s[..., 0]) / safe
    u = (gap[..., 0] * r[..., 1] - gap[..., 1] * r[..., 0]) / safe
    hit = ~parallel & (t >= 0) & (t <= 1) & (u >= 0) & (u <= 1)
    at = np.where(hit[..., None], p + r * t[..., None], np.nan)
    return at.reshape(len(a), 16, 2)
