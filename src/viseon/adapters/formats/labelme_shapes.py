"""LabelMe's shapes.

| shape_type | Object |
|---|---|
| rectangle | box |
| polygon | polygon; those with the same label and group_id are the parts of one object |
| mask | mask |
| point, points | visible keypoints |
| line, linestrip; circle | keypoints; box; the attribute `drawn_as` says which |
"""

import base64
from collections.abc import Sequence
from math import hypot
from typing import Any

import cv2
import numpy as np

from viseon.adapters.formats.reading import described
from viseon.adapters.formats.shapes import (
    EXACT_PX,
    Fields,
    Point,
    around,
    around_points,
    box_is_implied,
    check_reach,
    mask_fields,
    mask_of,
    pairs,
    polygon_fields,
    runs_of,
)
from viseon.schema import Object

DRAWN = "drawn_as"
_LINES = ("line", "linestrip")
_VALUES = (str, int, float, bool)


def read_shapes(shapes: Sequence[Any], size: tuple[int, int], where: str) -> tuple[Object, ...]:
    """The objects of a picture. Raises Invalid that names the shape."""
    objects: list[Object] = []
    parts: dict[tuple[str, int], int] = {}
    for number, shape in enumerate(shapes, 1):
        name = shape.get("label", "") if isinstance(shape, dict) else ""
        with described(f"{where}: shape {number} ({name})", "correct it in LabelMe"):
            thing = _object(shape, str(len(objects) + 1), size)
            group = thing.attributes.get("group_id")
            key = (thing.class_name, int(group)) if thing.polygons and group is not None else None
            if key in parts:
                at = parts[key]
                objects[at] = _joined(objects[at], thing)
                continue
            if key is not None:
                parts[key] = len(objects)
            objects.append(thing)
    return tuple(_ungrouped(o) for o in objects)


def write_shapes(objects: Sequence[Object]) -> list[dict[str, Any]]:
    """A shape per object, and per part of those in parts."""
    taken = {o.attributes.get("group_id") for o in objects}
    free = (n for n in range(1, len(objects) + len(taken) + 2) if n not in taken)
    found: list[dict[str, Any]] = []
    for thing in objects:
        attributes = dict(thing.attributes)
        kind, outlines, more = _drawn(thing, str(attributes.pop(DRAWN, "")))
        group = attributes.pop("group_id", None)
        if len(outlines) > 1:
            group = next(free)
        shape = {
            "label": thing.class_name,
            "group_id": group,
            "description": attributes.pop("description", ""),
            "shape_type": kind,
            "flags": {k: v for k, v in attributes.items() if isinstance(v, bool)},
            **more,
        }
        found += ({**shape, "points": [list(p) for p in outline]} for outline in outlines)
    return found


def unsayable(thing: Object) -> str:
    """What of an object LabelMe cannot say; empty for nothing."""
    shapes = (thing.mask is not None, bool(thing.polygons), bool(thing.keypoints))
    if sum(shapes) > 1:
        return "several exact shapes"
    if any(seen != 2 for _, _, seen in thing.keypoints):
        return "keypoints that are not to be seen"
    if any(shapes) and not box_is_implied(thing, EXACT_PX):
        return "a box that is not the one around its shape"
    wrong = (_unsayable_attribute(thing, *pair) for pair in thing.attributes.items())
    return next(filter(None, wrong), "")


def _unsayable_attribute(thing: Object, name: str, value: Any) -> str:
    if name == DRAWN or (name == "description" and isinstance(value, str) and value):
        return ""
    if name == "group_id" and type(value) is int:
        return "a group_id, which would join polygons" if thing.polygons else ""
    if isinstance(value, bool):
        return ""
    return f"the attribute {name!r}: {value!r}, where flags are true or false"


def _object(shape: dict[str, Any], id: str, size: tuple[int, int]) -> Object:
    name = str(shape["label"])
    if not name:
        raise ValueError("its label is empty")
    points = [(float(x), float(y)) for x, y in shape["points"]]
    kind = shape.get("shape_type") or "polygon"
    fields = _fields(kind, points, shape, size)
    attributes: dict[str, Any] = {str(k): bool(v) for k, v in (shape.get("flags") or {}).items()}
    attributes |= {k: v for k, v in (shape.get("attributes") or {}).items() if type(v) in _VALUES}
    if shape.get("group_id") is not None:
        attributes["group_id"] = int(shape["group_id"])
    if shape.get("description"):
        attributes["description"] = str(shape["description"])
    if kind in (*_LINES, "circle"):
        attributes[DRAWN] = kind
    return check_reach(Object(id=id, class_name=name, attributes=attributes, **fields), size)


def _fields(kind: str, points: list[Point], shape: dict[str, Any], size: tuple[int, int]) -> Fields:
    least = {"polygon": 3, "circle": 2, "line": 2, "rectangle": 2, "mask": 2}.get(kind, 1)
    if len(points) < least:
        raise ValueError(f"a {kind} needs {least} points, there are {len(points)}")
    if kind == "rectangle":
        return {"box": around(points)}
    if kind == "polygon":
        return polygon_fields(points)
    if kind == "circle":
        (x, y), edge = points[:2]
        r = hypot(edge[0] - x, edge[1] - y)
        return {"box": (x - r, y - r, x + r, y + r)}
    if kind == "mask":
        return _mask(points, str(shape.get("mask") or ""), size)
    if kind in ("point", "points", *_LINES):
        return {"keypoints": tuple((x, y, 2) for x, y in points), "box": around_points(points)}
    raise ValueError(f"a dataset has nothing like the shape {kind!r}")


def _mask(points: list[Point], data: str, size: tuple[int, int]) -> Fields:
    """A picture of the pixels within the rectangle from the first point on."""
    coded = np.frombuffer(base64.b64decode(data), np.uint8)
    part = cv2.imdecode(coded, cv2.IMREAD_GRAYSCALE) if len(coded) else None
    if part is None:
        raise ValueError("its mask is not a picture")
    (width, height), (left, top) = size, (round(v) for v in points[0])
    bottom, right = top + part.shape[0], left + part.shape[1]
    if not (left >= 0 and top >= 0 and right <= width and bottom <= height):
        raise ValueError(f"its {part.shape[1]}x{part.shape[0]} mask does not lie in the picture")
    pixels = np.zeros((height, width), bool)
    pixels[top:bottom, left:right] = part > 0
    return mask_fields(mask_of(pixels))


def _drawn(thing: Object, kind: str) -> tuple[str, list[list[Point]], dict[str, Any]]:
    """The shape's type, its points (of each part), and what a mask needs."""
    x1, y1, x2, y2 = thing.box
    if thing.mask is not None:
        pixels = runs_of(thing.mask).dense()[0]
        rows, columns = np.flatnonzero(pixels.any(1)), np.flatnonzero(pixels.any(0))
        (top, bottom), (left, right) = rows[[0, -1]].tolist(), columns[[0, -1]].tolist()
        part = pixels[top : bottom + 1, left : right + 1].astype(np.uint8) * 255
        coded = base64.b64encode(cv2.imencode(".png", part)[1].tobytes()).decode()
        return "mask", [[(left, top), (right, bottom)]], {"mask": coded}
    if thing.polygons:
        return "polygon", [pairs(polygon) for polygon in thing.polygons], {}
    if thing.keypoints:
        points = [(x, y) for x, y, _ in thing.keypoints]
        return kind if kind in _LINES else "point" if len(points) == 1 else "points", [points], {}
    if kind == "circle":
        middle = ((x1 + x2) / 2, (y1 + y2) / 2)
        return "circle", [[middle, (x2, middle[1])]], {}
    return "rectangle", [[(x1, y1), (x2, y2)]], {}


def _joined(one: Object, other: Object) -> Object:
    polygons = (*one.polygons, *other.polygons)
    box = around(point for polygon in polygons for point in pairs(polygon))
    return one.model_copy(update={"polygons": polygons, "box": box})


def _ungrouped(thing: Object) -> Object:
    """Parts have become one object, so nothing needs to hold them together."""
    if not thing.polygons:
        return thing
    kept = {k: v for k, v in thing.attributes.items() if k != "group_id"}
    return thing.model_copy(update={"attributes": kept})
