"""Who stands close to whom."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from viseon.vision.errors import VisionError

Indices = NDArray[np.int64]


def neighbours(points: ArrayLike, radius: float) -> Indices:
    """How many others are within `radius` of each point (n, 2) → (n,). Pixels or metres."""
    counts: Indices = _near(points, radius).sum(axis=1) - 1
    return counts


def groups(points: ArrayLike, radius: float, *, min_size: int = 2) -> Indices:
    """The group of each point (n,), from 0 in order of first members; -1 for those in none.

    A group is a chain of points each within `radius` of the next, of at least `min_size`.
    """
    near = _near(points, radius)
    label = np.arange(len(near))
    changed = True
    while changed:  # each round every point takes the smallest label it can see
        spread = np.where(near, label[None], len(near)).min(axis=1, initial=len(near))
        spread = spread[spread] if len(spread) else spread
        changed = bool((spread != label).any())
        label = spread
    names, at, size = np.unique(label, return_inverse=True, return_counts=True)
    number = np.cumsum(size >= min_size) - 1
    numbered: Indices = np.where((size >= min_size)[at], number[at], -1)
    del names
    return numbered


def _near(points: ArrayLike, radius: float) -> NDArray[np.bool_]:
    if not radius > 0:
        raise VisionError(f"radius: {radius} must be positive")
    xy = np.asarray(points, np.float64).reshape(-1, 2)
    apart = xy[:, None] - xy[None]
    near: NDArray[np.bool_] = np.square(apart).sum(axis=2) <= radius * radius
    return near
