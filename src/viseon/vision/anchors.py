"""Which point of a box stands for the object."""

from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from viseon.vision.errors import BadGeometry

Anchor = Literal[
    "bottom_center", "center", "top_center", "center_left", "center_right",
    "top_left", "top_right", "bottom_left", "bottom_right",
]  # fmt: skip

_X = {"left": 0.0, "center": 0.5, "right": 1.0}
_Y = {"top": 0.0, "center": 0.5, "bottom": 1.0}


def anchor_points(xyxy: NDArray[np.float32], anchor: Anchor) -> NDArray[np.float64]:
    """The anchor of each box (n, 2), from the box as it is, also where it leaves the frame."""
    across, down = _weights(anchor)
    box = xyxy.astype(np.float64)
    points = np.empty((len(box), 2))
    points[:, 0] = box[:, 0] + (box[:, 2] - box[:, 0]) * across
    points[:, 1] = box[:, 1] + (box[:, 3] - box[:, 1]) * down
    return points


def check_anchor(anchor: str) -> Anchor:
    """The same name, or BadGeometry naming those that exist."""
    known: tuple[Anchor, ...] = get_args(Anchor)
    for name in known:
        if name == anchor:
            return name
    raise BadGeometry(f"anchor: {anchor!r} is not one of {', '.join(known)}")


def _weights(anchor: Anchor) -> tuple[float, float]:
    if anchor == "center":
        return 0.5, 0.5
    first, second = anchor.split("_")
    if first == "center":
        return _X[second], 0.5
    return _X[second], _Y[first]
