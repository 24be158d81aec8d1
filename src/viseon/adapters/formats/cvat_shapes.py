"""CVAT's shapes (https://docs.cvat.ai/docs/dataset_management/formats/format-cvat/).

| Element | Object |
|---|---|
| box, with or without rotation | box; rotated box |
| polygon; mask | polygon; mask |
| skeleton | keypoints |
| points, polyline; ellipse | keypoints; (rotated) box; the attribute `drawn_as` says which |
"""

from collections.abc import Callable, Mapping
from typing import Any
from xml.etree.ElementTree import Element, SubElement

import numpy as np

from viseon.adapters.formats.shapes import (
    EXACT_PX,
    Fields,
    Point,
    around_points,
    box_is_implied,
    check_reach,
    joined,
    mask_fields,
    mask_of,
    pairs,
    polygon_fields,
    rotated_fields,
    runs_of,
)
from viseon.schema import Object

Value = str | int | float | bool
Kinds = Mapping[str, Mapping[str, str]]
"""Input type of each attribute of each label."""

MOST_MASK_PIXELS = 100_000_000
TRACK, BOX, DRAWN = "track_id", "upright_box", "drawn_as"
"""Attributes that say what an element cannot."""
SHAPES = ("box", "polygon", "polyline", "points", "ellipse", "mask", "skeleton", "cuboid")


def read_shape(
    element: Element, id: str, size: tuple[int, int], kinds: Kinds, joints: Mapping[str, list[str]]
) -> Object:
    """An object from its element. Raises ValueError, KeyError or TypeError for what makes no sense.

    `joints` are the names of each skeleton's keypoints, in order.
    """
    name = element.get("label", "")
    if not name:
        raise ValueError("its label is empty")
    if element.tag == "skeleton":
        fields = _skeleton(element, joints.get(name, []))
    elif element.tag in _READERS:
        fields = _READERS[element.tag](element, size)
    else:
        raise ValueError(f"a dataset has nothing like a {element.tag}")
    attributes = fields.pop("attributes", {}) | _attributes(element, kinds.get(name, {}))
    if isinstance(attributes.get(TRACK), int):
        fields["track_id"] = attributes.pop(TRACK)
    if box := attributes.pop(BOX, None):
        fields["box"] = tuple(map(float, str(box).split()))
    thing = Object(id=id, class_name=name, attributes=attributes, **fields)
    return check_reach(thing, size)


def write_shape(parent: Element, thing: Object) -> Element:
    """The element of an object that `unsayable` found nothing against."""
    attributes: dict[str, Value] = dict(thing.attributes)
    element = _drawn(parent, thing, attributes)
    if not box_is_implied(thing, EXACT_PX):
        attributes[BOX] = " ".join(map(repr, thing.box))
    if thing.track_id is not None:
        attributes[TRACK] = thing.track_id
    own = {k: v for k, v in attributes.items() if is_field(k, v)}
    element.set("label", thing.class_name)
    element.set("source", "manual")
    element.set("occluded", str(int("occluded" in own)))
    element.set("z_order", str(own.get("z_order", 0)))
    if "group_id" in own:
        element.set("group_id", str(own["group_id"]))
    for key, value in attributes.items():
        if key not in own:
            written = str(value).lower() if isinstance(value, bool) else str(value)
            SubElement(element, "attribute", name=key).text = written
    return element


def _drawn(parent: Element, thing: Object, attributes: dict[str, Value]) -> Element:
    """The bare element of its shape; takes `drawn_as` from the attributes where it is one."""
    if thing.mask is not None:
        return _mask_element(parent, thing)
    if thing.polygons:
        return SubElement(parent, "polygon", points=_text(pairs(thing.polygons[0])))
    if not thing.keypoints:
        return _box_element(parent, thing, attributes)
    if attributes.get(DRAWN) in ("points", "polyline"):
        kind = str(attributes.pop(DRAWN))
        return SubElement(parent, kind, points=_text([(x, y) for x, y, _ in thing.keypoints]))
    return _skeleton_element(parent, thing)


def reduced(thing: Object) -> Object:
    """The object as one CVAT shape: its outline, else its keypoints, else its rotated box."""
    update: dict[str, Any] = {}
    if thing.mask is not None or thing.polygons:
        update = {"keypoints": (), "rotated": None}
        update |= {"polygons": ()} if thing.mask else {"polygons": (joined(thing.polygons),)}
    elif thing.keypoints:
        update = {"rotated": None}
    kept = {k: v for k, v in thing.attributes.items() if k != DRAWN}
    return thing.model_copy(update={**update, "attributes": kept})


def unsayable(thing: Object) -> str:
    """What of an object one CVAT shape cannot say; empty for nothing."""
    shapes = [thing.mask is not None, bool(thing.polygons), bool(thing.keypoints)]
    if thing.rotated is not None:
        shapes.append(True)
    if sum(shapes) > 1:
        return "several exact shapes"
    if len(thing.polygons) > 1:
        return f"{len(thing.polygons)} polygons: one object in parts"
    line = thing.attributes.get(DRAWN) in ("points", "polyline")
    if line and any(seen != 2 for _, _, seen in thing.keypoints):
        return "hidden keypoints on a line"
    return ""


def is_field(key: str, value: Value) -> bool:
    """Whether CVAT has a field of its own for an attribute's value."""
    if key == "occluded":
        return value is True
    whole = isinstance(value, int) and not isinstance(value, bool) and value != 0
    return key in ("z_order", "group_id") and whole


def kind_of(value: Value) -> str:
    """CVAT's input type for an attribute's value."""
    if isinstance(value, bool):
        return "checkbox"
    return "number" if isinstance(value, int | float) else "text"


def points_of(text: str) -> list[Point]:
    """`x,y;x,y` as points."""
    found = []
    for pair in text.strip().strip(";").split(";"):
        x, y = pair.split(",")
        found.append((float(x), float(y)))
    return found


def _box(element: Element, _: tuple[int, int]) -> Fields:
    x1, y1, x2, y2 = (float(_given(element, side)) for side in ("xtl", "ytl", "xbr", "ybr"))
    if not (x2 > x1 and y2 > y1):
        raise ValueError(f"box {(x1, y1, x2, y2)} is empty")
    angle = float(element.get("rotation", 0))
    if not angle:
        return {"box": (x1, y1, x2, y2)}
    angle = (angle + 180) % 360 - 180
    return rotated_fields(((x1 + x2) / 2, (y1 + y2) / 2, x2 - x1, y2 - y1, angle))


def _polygon(element: Element, _: tuple[int, int]) -> Fields:
    return polygon_fields(points_of(_given(element, "points")))


def _points(element: Element, _: tuple[int, int]) -> Fields:
    points = points_of(_given(element, "points"))
    return {
        "keypoints": tuple((x, y, 2) for x, y in points),
        "box": around_points(points),
        "attributes": {DRAWN: element.tag},
    }


def _ellipse(element: Element, _: tuple[int, int]) -> Fields:
    x, y, rx, ry = (float(_given(element, name)) for name in ("cx", "cy", "rx", "ry"))
    turned = float(element.get("rotation", 0))
    fields = rotated_fields((x, y, 2 * rx, 2 * ry, (turned + 180) % 360 - 180))
    if not turned:
        fields = {"box": (x - rx, y - ry, x + rx, y + ry)}
    return fields | {"attributes": {DRAWN: "ellipse"}}


def _mask(element: Element, size: tuple[int, int]) -> Fields:
    left, top, wide, high = (
        int(float(_given(element, side))) for side in ("left", "top", "width", "height")
    )
    width, height = size
    if not (0 <= left < left + wide <= width and 0 <= top < top + high <= height):
        raise ValueError(f"its {wide}x{high} mask does not lie in the picture")
    runs = [int(word) for word in _given(element, "rle").split(",")]
    if min(runs) < 0 or sum(runs) > wide * high or wide * high > MOST_MASK_PIXELS:
        raise ValueError(f"its runs cover {sum(runs)} of {wide * high} pixels")
    part = np.zeros(wide * high, bool)
    part[: sum(runs)] = np.repeat(np.arange(len(runs)) % 2 == 1, runs)
    pixels = np.zeros((height, width), bool)
    pixels[top : top + high, left : left + wide] = part.reshape(high, wide)
    return mask_fields(mask_of(pixels))


def _skeleton(element: Element, joints: list[str]) -> Fields:
    found: dict[str, tuple[float, float, int]] = {}
    for joint in element.findall("points"):
        ((x, y),) = points_of(_given(joint, "points"))
        hidden = 1 if joint.get("occluded") == "1" else 2
        found[_given(joint, "label")] = (x, y, 0 if joint.get("outside") == "1" else hidden)
    order = joints or list(found)
    if unknown := found.keys() - set(order):
        raise ValueError(f"its skeleton has no keypoint {sorted(unknown)[0]!r}")
    points = tuple(found.get(name, (0.0, 0.0, 0)) for name in order)
    seen = [(x, y) for x, y, v in points if v]
    if not seen:
        raise ValueError("no keypoint of it is in the picture")
    return {"keypoints": points, "box": around_points(seen)}


_READERS: Mapping[str, Callable[[Element, tuple[int, int]], Fields]] = {
    "box": _box, "polygon": _polygon, "points": _points, "polyline": _points,
    "ellipse": _ellipse, "mask": _mask,
}  # fmt: skip


def _attributes(element: Element, kinds: Mapping[str, str]) -> dict[str, Value]:
    found: dict[str, Value] = {}
    if element.get("occluded") == "1":
        found["occluded"] = True
    for name in ("z_order", "group_id"):
        if (number := int(element.get(name) or 0)) != 0:
            found[name] = number
    for attribute in element.findall("attribute"):
        name, text = _given(attribute, "name"), attribute.text or ""
        found[name] = _typed(text, kinds.get(name, "text"))
    return found


def _typed(text: str, kind: str) -> Value:
    if kind == "checkbox" and text.lower() in ("true", "false"):
        return text.lower() == "true"
    if kind == "number":
        number = float(text)
        return int(text) if text.lstrip("-").isdecimal() else number
    return text


def _given(element: Element, name: str) -> str:
    return element.attrib[name]


def _text(points: list[Point]) -> str:
    return ";".join(f"{x!r},{y!r}" for x, y in points)


def _box_element(parent: Element, thing: Object, attributes: dict[str, Value]) -> Element:
    if thing.rotated is None:
        x1, y1, x2, y2 = thing.box
        x, y, w, h, angle = (x1 + x2) / 2, (y1 + y2) / 2, x2 - x1, y2 - y1, 0.0
    else:
        x, y, w, h, angle = thing.rotated
        x1, y1, x2, y2 = x - w / 2, y - h / 2, x + w / 2, y + h / 2
    if attributes.get(DRAWN) == "ellipse":
        attributes.pop(DRAWN)
        sides = {"cx": x, "cy": y, "rx": w / 2, "ry": h / 2}
        element = SubElement(parent, "ellipse", {k: repr(v) for k, v in sides.items()})
    else:
        sides = {"xtl": x1, "ytl": y1, "xbr": x2, "ybr": y2}
        element = SubElement(parent, "box", {k: repr(v) for k, v in sides.items()})
    if thing.rotated is not None:
        element.set("rotation", repr(angle % 360 or 360.0))
    return element


def _skeleton_element(parent: Element, thing: Object) -> Element:
    element = SubElement(parent, "skeleton")
    for number, (x, y, seen) in enumerate(thing.keypoints, 1):
        flags = {"outside": str(int(seen == 0)), "occluded": str(int(seen == 1))}
        named = {"label": str(number), "points": f"{x!r},{y!r}"}
        SubElement(element, "points", named | flags)
    return element


def _mask_element(parent: Element, thing: Object) -> Element:
    assert thing.mask is not None  # noqa: S101 - the caller looked
    pixels = runs_of(thing.mask).dense()[0]
    rows, columns = np.flatnonzero(pixels.any(1)), np.flatnonzero(pixels.any(0))
    top, left = int(rows[0]), int(columns[0])
    part = pixels[top : rows[-1] + 1, left : columns[-1] + 1]
    flat = part.reshape(-1)
    edges = np.flatnonzero(np.diff(flat)) + 1
    runs = np.diff(np.concatenate([[0], edges, [len(flat)]])).tolist()
    place = {"left": left, "top": top, "width": part.shape[1], "height": part.shape[0]}
    rle = ", ".join(map(str, [0, *runs] if flat[0] else runs))
    return SubElement(parent, "mask", {k: str(v) for k, v in place.items()} | {"rle": rle})
