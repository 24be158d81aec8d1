"""Which point of a box stands for the object."""

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from viseon.vision.errors import BadGeometry

Anchor = Literal[
    "bottom_center", "center", "top_center", "center_left", "center_right",
    "top_left", "top_right", "bottom_left", "bottom_right",
]  # fmt: skip

_PLACES: dict[Anchor, tuple[int, int]] = {
    "bottom_center": (1, 2), "center": (1, 1), "top_center": (1, 0), "center_left": (0, 1),
    "center_right": (2, 1), "top_left": (0, 0), "top_right": (2, 0), "bottom_left": (0, 2),
    "bottom_right": (2, 2),
}  # fmt: skip
"""Across and down: 0 is the low edge, 1 the middle, 2 the high edge."""


def anchor_points(xyxy: NDArray[np.float32], anchor: Anchor) -> NDArray[np.float64]:
    """The anchor of each box (n, 2), from the box as it is, also where it leaves the frame."""
    points = np.empty((len(xyxy), 2))
    for axis, place in enumerate(_PLACES[anchor]):
        low, high = xyxy[:, axis], xyxy[:, axis + 2]
        if place == 1:
            np.add(low, high, out=points[:, axis], dtype=np.float64)
            points[:, axis] *= 0.5
        else:
            points[:, axis] = high if place else low
    return points


def check_anchor(anchor: str) -> Anchor:
    """The same name, or BadGeometry naming those that exist."""
    for name in _PLACES:
        if name == anchor:
            return name
    raise BadGeometry(f"anchor: {anchor!r} is not one of {', '.join(_PLACES)}")
