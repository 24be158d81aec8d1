"""Moving pictures and what is drawn on them by one and the same matrix.

A matrix is (2, 3) float64 and maps `(x, y)` of the old picture to the new one, in the coordinates
of boxes: the picture spans 0 to width and 0 to height, a pixel's middle lies at a half.
"""

from math import ceil, cos, radians, sin

import numpy as np
from numpy.typing import NDArray

Matrix = NDArray[np.float64]
Points = NDArray[np.float64]
"""(n, 2)."""
Box = tuple[float, float, float, float]

IDENTITY: Matrix = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
IDENTITY.flags.writeable = False


def scaling(x: float, y: float) -> Matrix:
    """Stretch about the top left corner."""
    return np.array([[x, 0.0, 0.0], [0.0, y, 0.0]])


def shift(x: float, y: float) -> Matrix:
    """Move right and down."""
    return np.array([[1.0, 0.0, x], [0.0, 1.0, y]])


def mirror(width: float) -> Matrix:
    """Swap left and right."""
    return np.array([[-1.0, 0.0, width], [0.0, 1.0, 0.0]])


def overturn(height: float) -> Matrix:
    """Swap top and bottom."""
    return np.array([[1.0, 0.0, 0.0], [0.0, -1.0, height]])


def turn(degrees: float, width: int, height: int, *, grow: bool) -> tuple[Matrix, int, int]:
    """Turn counter-clockwise about the middle; the matrix and the new picture's size.

    With `grow` the new picture holds all of the old one, else it has its size.
    """
    quarter = round(degrees / 90) if degrees % 90 == 0 else None
    c = cos(radians(degrees)) if quarter is None else (1.0, 0.0, -1.0, 0.0)[quarter % 4]
    s = sin(radians(degrees)) if quarter is None else (0.0, 1.0, 0.0, -1.0)[quarter % 4]
    new = (width, height)
    if grow:
        wide = abs(c) * width + abs(s) * height
        high = abs(s) * width + abs(c) * height
        new = (ceil(wide - 1e-9), ceil(high - 1e-9))
    x, y = width / 2, height / 2
    matrix = np.array(
        [
            [c, s, new[0] / 2 - c * x - s * y],
            [-s, c, new[1] / 2 + s * x - c * y],
        ]
    )
    return matrix, *new


def then(first: Matrix, second: Matrix) -> Matrix:
    """One matrix that does `first`, then `second`."""
    joined: Matrix = second[:, :2] @ first
    joined[:, 2] += second[:, 2]
    return joined


def inverse(matrix: Matrix) -> Matrix:
    """The matrix that undoes it. Raises LinAlgError where it flattens the picture."""
    back = np.linalg.inv(matrix[:, :2])
    return np.column_stack([back, -back @ matrix[:, 2]])


def moved(points: Points, matrix: Matrix) -> Points:
    """Each point of (n, 2) at its new place."""
    place: Points = np.asarray(points, np.float64) @ matrix[:, :2].T + matrix[:, 2]
    return place


def moved_box(box: Box, matrix: Matrix) -> Box:
    """The smallest upright box around the four moved corners."""
    x1, y1, x2, y2 = box
    corners = moved(np.array([(x1, y1), (x2, y1), (x2, y2), (x1, y2)]), matrix)
    (left, top), (right, bottom) = corners.min(axis=0), corners.max(axis=0)
    return float(left), float(top), float(right), float(bottom)


def clipped_box(box: Box, window: Box) -> tuple[Box, float]:
    """What of a box lies in a window, and which share of its area; all zeros where nothing does."""
    x1, y1 = max(box[0], window[0]), max(box[1], window[1])
    x2, y2 = min(box[2], window[2]), min(box[3], window[3])
    area = (box[2] - box[0]) * (box[3] - box[1])
    if x2 <= x1 or y2 <= y1 or area <= 0:
        return (0.0, 0.0, 0.0, 0.0), 0.0
    return (x1, y1, x2, y2), (x2 - x1) * (y2 - y1) / area


def clipped_polygon(points: Points, window: Box) -> Points:
    """What of a polygon lies in a window (Sutherland and Hodgman, CACM 17(1), 1974); maybe none.

    A concave polygon that leaves the window and returns keeps an edge along the border.
    """
    sides = ((0, window[0], 1.0), (1, window[1], 1.0), (0, window[2], -1.0), (1, window[3], -1.0))
    left = np.asarray(points, np.float64)
    for axis, limit, sign in sides:
        if not len(left):
            break
        depth = sign * (left[:, axis] - limit)
        kept: list[Points] = []
        for i in range(len(left)):
            before, here = depth[i - 1], depth[i]
            if (before < 0) != (here < 0):
                share = before / (before - here)
                kept.append(left[i - 1] + share * (left[i] - left[i - 1]))
            if here >= 0:
                kept.append(left[i])
        left = np.array(kept).reshape(-1, 2)
    return left
