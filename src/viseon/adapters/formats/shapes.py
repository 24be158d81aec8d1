"""Shapes and the boxes around them, as every format needs them."""

from collections.abc import Iterable, Sequence
from math import atan2, degrees, hypot, radians
from typing import Any

import cv2
import numpy as np

from viseon.schema import Box, Object
from viseon.schema.annotation import Mask, Polygon, RotatedBox
from viseon.vision.masks import RleMasks, encode, from_coco_rle, mask_boxes, to_coco_rle
from viseon.vision.oriented import corners

Point = tuple[float, float]
Fields = dict[str, Any]
"""Fields of an Object."""

_SQUARE_PX = 0.02
"""How far the corners of a rectangle may lie from where they belong."""
EXACT_PX = 2e-4
SAME_PX = 1.0
"""A box that is this near to the one around its shape says nothing of its own."""


def around(points: Iterable[Point]) -> Box:
    """The box around points."""
    xs, ys = zip(*points, strict=True)
    return min(xs), min(ys), max(xs), max(ys)


def around_points(points: Iterable[Point]) -> Box:
    """The box around points or lines: a pixel wide and high where they are not."""
    x1, y1, x2, y2 = around(points)
    (x1, x2), (y1, y2) = _thick(x1, x2), _thick(y1, y2)
    return x1, y1, x2, y2


def _thick(low: float, high: float) -> tuple[float, float]:
    return (low, high) if round(high, 4) > round(low, 4) else (low - 0.5, high + 0.5)


def pairs(numbers: Sequence[float]) -> list[Point]:
    """x and y in turn, as points."""
    return list(zip(numbers[::2], numbers[1::2], strict=True))


def polygon_fields(*outlines: Sequence[Point]) -> Fields:
    """An object of one or more parts, with the box around them."""
    flat = tuple(tuple(float(v) for point in outline for v in point) for outline in outlines)
    return {"polygons": flat, "box": around(p for outline in outlines for p in outline)}


def rotated_fields(rotated: Sequence[float]) -> Fields:
    """A rotated box with the upright box around it; upright itself when it is not turned."""
    x, y, w, h, angle = (round(float(v), 4) for v in rotated)
    turned = (x, y, w, h, angle)
    return {"rotated": turned, "box": around(rotated_corners(turned))}


def rotated_corners(rotated: RotatedBox) -> list[Point]:
    """Top left, top right, bottom right and bottom left of the box as if it were not turned."""
    *sides, angle = rotated
    found = corners(np.array([[*sides, radians(angle)]]))[0]
    return [(float(x), float(y)) for x, y in found]


def quad_fields(quad: Sequence[Point]) -> Fields:
    """The rotated box of four corners; they stay as a polygon when they are no rectangle."""
    rotated = _rectangle(quad)
    if rotated is not None:
        return rotated_fields(rotated)
    (x, y), (w, h), angle = cv2.minAreaRect(np.array(quad, np.float32))
    return rotated_fields((x, y, w, h, angle)) | {"polygons": polygon_fields(quad)["polygons"]}


def _rectangle(quad: Sequence[Point], *, turned: bool = False) -> tuple[float, ...] | None:
    """Centre, sides and angle of a rectangle whose first corner is its own top left.

    Corners that go the other way round are `turned` once; crossed sides go neither way.
    """
    p0, p1, p2, p3 = quad
    across = (p1[0] - p0[0], p1[1] - p0[1])
    down = (p2[0] - p1[0], p2[1] - p1[1])
    if across[0] * down[1] - across[1] * down[0] < 0:
        return None if turned else _rectangle((p1, p0, p3, p2), turned=True)
    w, h = hypot(*across), hypot(*down)
    skew = hypot(p0[0] + p2[0] - p1[0] - p3[0], p0[1] + p2[1] - p1[1] - p3[1])
    lean = abs(across[0] * down[0] + across[1] * down[1]) / max(w, h, 1e-9)
    if max(skew, lean) > _SQUARE_PX:
        return None
    x, y = sum(p[0] for p in quad) / 4, sum(p[1] for p in quad) / 4
    return x, y, w, h, degrees(atan2(across[1], across[0]))


def mask_of(pixels: Any) -> Mask:
    """Pixels (H, W) of a whole picture as a mask."""
    row = to_coco_rle(encode(np.asarray(pixels, bool)[None]))[0]
    return Mask(height=row["size"][0], width=row["size"][1], counts=row["counts"])


def mask_fields(mask: Mask) -> Fields:
    """A mask with the box around it. Raises ValueError for an empty one."""
    masks = runs_of(mask)
    if not masks.area[0]:
        raise ValueError("the mask is empty")
    return {"mask": mask, "box": tuple(map(float, mask_boxes(masks)[0]))}


def runs_of(mask: Mask) -> RleMasks:
    """A mask as its runs."""
    return from_coco_rle([{"size": [mask.height, mask.width], "counts": mask.counts}])


def outlines(mask: Mask) -> tuple[Polygon, ...]:
    """Polygons around a mask's parts, through the outer pixel corners' middles; no holes."""
    pixels = runs_of(mask).dense()[0].astype(np.uint8)
    found, _ = cv2.findContours(pixels, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    return tuple(tuple(float(v) + 0.5 for v in part.reshape(-1)) for part in found if len(part) > 2)


def joined(polygons: tuple[Polygon, ...]) -> Polygon:
    """Parts as one outline: there and back along the shortest way between them, so no area."""
    whole = pairs(polygons[0])
    for part in map(pairs, polygons[1:]):
        _, i, j = min(
            ((p[0] - q[0]) ** 2 + (p[1] - q[1]) ** 2, i, j)
            for i, p in enumerate(whole)
            for j, q in enumerate(part)
        )
        whole = [*whole[: i + 1], *part[j:], *part[: j + 1], *whole[i:]]
    return tuple(n for point in whole for n in point)


def implied_box(thing: Object) -> Box:
    """The box that a reader would put around an object's shape; its own when it has no shape."""
    if thing.mask is not None:
        return tuple(map(float, mask_boxes(runs_of(thing.mask))[0]))  # type: ignore[return-value]
    if thing.rotated is not None:
        return around(rotated_corners(thing.rotated))
    if thing.polygons:
        return around(point for polygon in thing.polygons for point in pairs(polygon))
    if seen := [(x, y) for x, y, v in thing.keypoints if v]:
        return around_points(seen)
    return thing.box


def box_is_implied(thing: Object, within: float = SAME_PX) -> bool:
    """Whether the shape alone says where the box is, but for so many pixels."""
    here = zip(thing.box, implied_box(thing), strict=True)
    return all(abs(a - b) <= within for a, b in here)


def check_reach(thing: Object, size: tuple[int, int]) -> Object:
    """The object; raises ValueError when it lies more than a picture outside the picture."""
    x1, y1, x2, y2 = thing.box
    width, height = size
    if min(x1 / width, y1 / height) < -1 or max(x2 / width, y2 / height) > 2:
        raise ValueError(f"box {thing.box} lies far outside the picture of {width}x{height} pixels")
    return thing
