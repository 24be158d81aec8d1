"""Points and polygons, exactly: the border belongs to the inside."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from viseon.vision.errors import BadGeometry

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


def ring(name: str, points: ArrayLike) -> Floats:
    """Checked corners (k, 2) of a simple polygon, without a repeated last point.

    Raises BadGeometry for fewer than three corners, numbers that are not finite, no area, or edges
    that cross each other.
    """
    corners: Floats = np.asarray(points, np.float64)
    if corners.ndim != 2 or corners.shape[1] != 2:
        raise BadGeometry(f"{name}: shape {corners.shape}, expected (k, 2) corners")
    if not np.isfinite(corners).all():
        raise BadGeometry(f"{name}: every corner must be finite")
    fresh = (corners != np.roll(corners, 1, axis=0)).any(axis=1)
    corners = corners[fresh]
    if len(corners) < 3:
        raise BadGeometry(f"{name}: {len(corners)} different corners, a polygon needs three")
    crossed = _first_crossing(corners)
    if crossed is not None:
        raise BadGeometry(
            f"{name}: edge {crossed[0]} meets edge {crossed[1]}; draw it as two polygons"
        )
    if area(corners) == 0:
        raise BadGeometry(f"{name}: all corners lie on one line")
    return corners


def area(corners: Floats) -> float:
    """The area enclosed (Gauss's shoelace formula)."""
    apart: Floats = corners - corners[0]
    following = np.roll(apart, -1, axis=0)
    return abs(float((apart[:, 0] * following[:, 1] - apart[:, 1] * following[:, 0]).sum())) / 2


class Edges:
    """The edges of a ring as columns, ready to be asked about many points."""

    __slots__ = ("dx", "dy", "x1", "x2", "y1", "y2")

    def __init__(self, corners: Floats) -> None:
        following = np.roll(corners, -1, axis=0)
        self.x1, self.y1 = corners[:, 0].copy(), corners[:, 1].copy()
        self.x2, self.y2 = following[:, 0].copy(), following[:, 1].copy()
        self.dx, self.dy = self.x2 - self.x1, self.y2 - self.y1

    def cover(self, points: Floats) -> tuple[Bools, Bools | None]:
        """Which points (n, 2) lie within the ring, and which on its border (None if none does).

        Even-odd crossing number of a ray to the right; on the border the first answer has no
        meaning.
        """
        x, y = points[:, 0, None], points[:, 1, None]
        turn = self.dx * (y - self.y1) - self.dy * (x - self.x1)
        above = self.y2 > y
        hits = (self.y1 > y) != above
        hits &= (turn > 0) == above
        within: Bools = np.logical_xor.reduce(hits, axis=1)
        flat = turn == 0
        if not flat.any():
            return within, None
        flat &= (np.minimum(self.x1, self.x2) <= x) & (x <= np.maximum(self.x1, self.x2))
        flat &= (np.minimum(self.y1, self.y2) <= y) & (y <= np.maximum(self.y1, self.y2))
        border: Bools = np.any(flat, axis=1)
        return within, border


def inside(points: Floats, edges: Edges) -> Bools:
    """Which points (n, 2) the ring covers, its border included."""
    within, border = edges.cover(points)
    return within if border is None else within | border


def strictly_inside(points: Floats, edges: Edges) -> Bools:
    """Which points (n, 2) lie within the ring and not on its border."""
    within, border = edges.cover(points)
    return within if border is None else within & ~border


def _first_crossing(corners: Floats) -> tuple[int, int] | None:
    """Two edges that share a point without being neighbours, or neighbours that fold back."""
    n = len(corners)
    following = np.roll(corners, -1, axis=0)
    a, b = corners[:, None], following[:, None]
    c, d = corners[None], following[None]
    straddle = (_turn(a, b, c) * _turn(a, b, d) < 0) & (_turn(c, d, a) * _turn(c, d, b) < 0)
    touch = _on(a, b, c) | _on(a, b, d) | _on(c, d, a) | _on(c, d, b)
    gap = (np.arange(n)[None] - np.arange(n)[:, None]) % n
    apart = (gap > 1) & (gap < n - 1)
    meets = (straddle | touch) & apart
    before = np.roll(corners, 1, axis=0)
    folds = (_turn(before, corners, following) == 0) & (
        ((corners - before) * (following - corners)).sum(axis=1) < 0
    )
    if folds.any():
        at = int(np.flatnonzero(folds)[0])
        return (at - 1) % n, at
    first = np.argwhere(meets)
    return (int(first[0, 0]), int(first[0, 1])) if len(first) else None


def _turn(a: Floats, b: Floats, c: Floats) -> Floats:
    cross: Floats = (b[..., 0] - a[..., 0]) * (c[..., 1] - a[..., 1]) - (b[..., 1] - a[..., 1]) * (
        c[..., 0] - a[..., 0]
    )
    return cross


def _on(a: Floats, b: Floats, p: Floats) -> Bools:
    low, high = np.minimum(a, b), np.maximum(a, b)
    within: Bools = (_turn(a, b, p) == 0) & ((low <= p) & (p <= high)).all(axis=-1)
    return within
