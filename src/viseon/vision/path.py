"""Paths with fewer points."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from viseon.vision.errors import BadGeometry

Floats = NDArray[np.float64]


def simplify(path: ArrayLike, tolerance: float) -> Floats:
    """The corners of a path (n, 2) that keep it within `tolerance` of the whole → (k, 2), k ≤ n.

    Douglas and Peucker 1973: both ends stay, then the point farthest from the chord, and so on.
    """
    points = np.asarray(path, np.float64)
    if points.ndim != 2 or points.shape[1] != 2:
        raise BadGeometry(f"path: shape {points.shape}, expected (n, 2)")
    if not tolerance >= 0:
        raise BadGeometry(f"tolerance: {tolerance} must not be negative")
    if len(points) < 3:
        return points
    keep = np.zeros(len(points), bool)
    keep[[0, -1]] = True
    open_parts = [(0, len(points) - 1)]
    while open_parts:
        first, last = open_parts.pop()
        if last - first < 2:
            continue
        far = _distance(points[first + 1 : last], points[first], points[last])
        worst = int(far.argmax())
        if far[worst] > tolerance:
            corner = first + 1 + worst
            keep[corner] = True
            open_parts += [(first, corner), (corner, last)]
    return points[keep]


def _distance(points: Floats, a: Floats, b: Floats) -> Floats:
    """How far each point is from the segment a-b."""
    along = b - a
    length = float(along @ along)
    share = np.clip(((points - a) @ along) / length, 0, 1) if length > 0 else np.zeros(len(points))
    away = points - (a + share[:, None] * along)
    far: Floats = np.hypot(away[:, 0], away[:, 1])
    return far
