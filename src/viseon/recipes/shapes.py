"""Exact shapes follow the pixels: polygons, rotated boxes, masks and keypoints. Pure."""

from collections.abc import Sequence
from math import atan2, cos, degrees, hypot, radians, sin
from typing import Any

import numpy as np

from viseon.schema import Invalid, Object
from viseon.vision.affine import Box, Matrix, Points, clipped_polygon, inverse, moved
from viseon.vision.masks import encode, from_coco_rle, to_coco_rle

_SLANT = 0.05
"""Cosine between the sides of a moved rotated box above which it is no rectangle any more."""

Swap = Sequence[tuple[int, int]] | None
"""Pairs of keypoints that mirroring exchanges, from 0; None where nobody said."""
Shape = tuple[dict[str, Any], Box | None, float]
"""Fields of the moved object, the bounds of what is left, and which share that is of the whole."""


def moved_shape(thing: Object, matrix: Matrix, window: Box, size: tuple[int, int]) -> Shape | None:
    """Where an object's exact shape went; None if it has no more than a box."""
    if thing.mask is not None:
        return _mask(thing, matrix, window, size)
    if thing.polygons:
        return _polygons(thing, matrix, window)
    if thing.rotated is not None:
        return _rotated(thing.rotated, matrix, window)
    return None


def moved_keypoints(
    thing: Object, matrix: Matrix, window: Box, swap: Swap
) -> tuple[tuple[float, float, int], ...]:
    """Keypoints at their new places; those outside the window are not labelled any more."""
    points = list(thing.keypoints)
    if points and np.linalg.det(matrix[:, :2]) < 0:
        if swap is None:
            raise Invalid(
                f"object {thing.id!r} has keypoints, and flipping exchanges left and right",
                fix="say which: `pairs: [[1, 2], [3, 4]]` counts from 0; `pairs: []` for none",
            )
        for one, other in swap:
            if max(one, other) >= len(points):
                raise Invalid(f"pairs: there is no keypoint {max(one, other)}", fix="count from 0")
            points[one], points[other] = points[other], points[one]
    return tuple(_keypoint(p, matrix, window) for p in points)


def _keypoint(
    point: tuple[float, float, int], matrix: Matrix, window: Box
) -> tuple[float, float, int]:
    ((x, y),) = moved(np.array([point[:2]]), matrix)
    inside = window[0] <= x <= window[2] and window[1] <= y <= window[3]
    return (float(x), float(y), point[2]) if inside and point[2] else (0.0, 0.0, 0)


def _polygons(thing: Object, matrix: Matrix, window: Box) -> Shape:
    whole = [moved(np.array(p).reshape(-1, 2), matrix) for p in thing.polygons]
    left = [part for p in whole if len(part := clipped_polygon(p, window)) > 2]  # noqa: PLR2004 (a triangle)
    total = sum(map(_area, whole))
    fields = {"polygons": tuple(tuple(part.ravel().tolist()) for part in left)}
    return fields, _bounds(left), sum(map(_area, left)) / total if total else 0.0


def _rotated(box: tuple[float, float, float, float, float], matrix: Matrix, window: Box) -> Shape:
    x, y, width, height, angle = box
    along = matrix[:, :2] @ (cos(radians(angle)) * width, sin(radians(angle)) * width)
    across = matrix[:, :2] @ (-sin(radians(angle)) * height, cos(radians(angle)) * height)
    wide, high = hypot(*along), hypot(*across)
    if abs(float(along @ across)) > _SLANT * wide * high:
        raise Invalid(
            "stretching makes a slanted box of a rotated one", fix="use letterbox, not resize"
        )
    (middle,) = moved(np.array([(x, y)]), matrix)
    corners = np.array(
        [middle + (a * along + b * across) / 2 for a, b in ((-1, -1), (1, -1), (1, 1), (-1, 1))]
    )
    left = clipped_polygon(corners, window)
    turned = degrees(atan2(along[1], along[0]))
    fields = {"rotated": (float(middle[0]), float(middle[1]), wide, high, turned)}
    return fields, _bounds([left] if len(left) else []), _area(left) / _area(corners)


def _mask(thing: Object, matrix: Matrix, window: Box, size: tuple[int, int]) -> Shape:
    """The nearest pixel of the old mask for the middle of each new one."""
    assert thing.mask is not None  # noqa: S101 (the caller looked)
    old = thing.mask
    dense = from_coco_rle([{"size": [old.height, old.width], "counts": old.counts}]).dense()[0]
    width, height = size
    x1, y1, x2, y2 = (round(v) for v in window)
    rows, columns = np.mgrid[y1:y2, x1:x2] + 0.5
    places = moved(np.stack([columns.ravel(), rows.ravel()], axis=1), inverse(matrix))
    at = np.floor(np.round(places, 9)).astype(np.int64)
    inside = (at >= 0).all(axis=1) & (at < (old.width, old.height)).all(axis=1)
    seen = np.zeros(len(at), bool)
    seen[inside] = dense[at[inside, 1], at[inside, 0]]
    new = np.zeros((height, width), bool)
    new[y1:y2, x1:x2] = seen.reshape(y2 - y1, x2 - x1)
    total = float(dense.sum()) * abs(float(np.linalg.det(matrix[:, :2])))
    if not new.any():
        return {}, None, 0.0
    across, down = np.nonzero(new.any(axis=0))[0], np.nonzero(new.any(axis=1))[0]
    bounds = (float(across[0]), float(down[0]), float(across[-1] + 1), float(down[-1] + 1))
    (row,) = to_coco_rle(encode(new[None]))
    mask = {"height": height, "width": width, "counts": row["counts"]}
    return {"mask": mask}, bounds, min(1.0, float(new.sum()) / total) if total else 0.0


def _bounds(parts: Sequence[Points]) -> Box | None:
    if not parts:
        return None
    points = np.concatenate(parts)
    (x1, y1), (x2, y2) = points.min(axis=0), points.max(axis=0)
    return float(x1), float(y1), float(x2), float(y2)


def _area(points: Points) -> float:
    if not len(points):
        return 0.0
    x, y = points[:, 0], points[:, 1]
    return abs(float(x @ np.roll(y, 1) - y @ np.roll(x, 1))) / 2
