"""The regions of a Label Studio result: places in percent of the picture.

| type | Object |
|---|---|
| rectanglelabels | box; with rotation (about its top left corner) a rotated box |
| polygonlabels, brushlabels | polygon, mask |
| ellipselabels | (rotated) box with the attribute `drawn_as` = ellipse |
| keypointlabels | keypoint; those with a parent are the parent's, in order |
| choices | classes of the whole picture; of a region, an attribute |
| textarea, number, rating | attribute of a region; metadata of the picture |

A polygon, a mask or keypoints whose parent has the same label are more of the same object.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from math import cos, radians, sin
from typing import Any

from viseon.adapters.formats.labelstudio_brush import packed, unpacked
from viseon.adapters.formats.reading import described
from viseon.adapters.formats.shapes import (
    EXACT_PX,
    Fields,
    around,
    around_points,
    box_is_implied,
    check_reach,
    mask_fields,
    mask_of,
    pairs,
    polygon_fields,
    rotated_corners,
    rotated_fields,
    runs_of,
)
from viseon.schema import Annotation, Invalid, Object

DRAWN, JOINTS, PARENT = "drawn_as", "keypoint_names", "parent"
_SHAPES = ("rectangle", "polygon", "brush", "ellipse", "keypoint")
_SEEN = {"unlabelled": 0, "hidden": 1}
_SAID = ("choices", "textarea", "number", "rating")
_FIX = "correct it in Label Studio and export again"

Size = tuple[int, int]


@dataclass(slots=True)
class Read:
    """What a result says."""

    objects: tuple[Object, ...] = ()
    classes: tuple[str, ...] = ()
    said: dict[str, Any] = field(default_factory=dict)
    """Texts and numbers about the whole picture."""


@dataclass(slots=True)
class _Region:
    id: str
    label: str = ""
    shape: str = ""
    fields: Fields = field(default_factory=dict)
    parent: str = ""
    said: dict[str, Any] = field(default_factory=dict)
    joints: list[tuple[str, tuple[float, float, int]]] = field(default_factory=list)


def read_result(result: list[Any], size: Size, where: str, *, drop: bool) -> Read:
    """The objects and classes of an annotation. Raises Invalid that names the region."""
    regions: dict[str, _Region] = {}
    loose: list[tuple[str, dict[str, Any]]] = []
    for number, item in enumerate(result, 1):
        kind = str(item.get("type", "")) if isinstance(item, dict) else "nothing"
        id = str(item.get("id", f"#{number}")) if isinstance(item, dict) else ""
        shown = f"{where}, region {id or number} ({kind})"
        shape = kind.removesuffix("labels")
        with described(shown, _FIX):
            if shape in _SHAPES or kind == "labels":
                _add(regions.setdefault(id, _Region(id)), item, shape, size)
            elif kind in _SAID:
                loose.append((id, item))
            elif not drop:
                raise Invalid(
                    f"{shown}: a dataset has nothing like it", fix="--set drop=true leaves it out"
                )
    read = Read()
    classes: dict[str, None] = {}
    for id, item in loose:
        name, value = str(item.get("from_name", item["type"])), _said(item)
        if id in regions:
            regions[id].said[name] = value if not isinstance(value, list) else ", ".join(value)
        elif item["type"] == "choices":
            classes |= dict.fromkeys(value if isinstance(value, list) else [_word(value)])
        else:
            read.said[name] = value
    read.objects = tuple(_objects(regions, size, where))
    read.classes = tuple(classes)
    return read


def write_result(found: Annotation, size: Size) -> list[dict[str, Any]]:
    """The regions of an annotation."""
    items = [item for thing in found.objects for item in _Writer(thing, size).items()]
    if found.classes:
        about = {"id": "classes", "from_name": "classes", "to_name": "image", "type": "choices"}
        items.append({**about, "value": {"choices": list(found.classes)}})
    return items


def unsayable(thing: Object) -> str:
    """What of an object Label Studio cannot say; empty for nothing."""
    if thing.rotated is not None:
        bare = thing.model_copy(update={"mask": None, "polygons": (), "keypoints": ()})
        if not box_is_implied(bare, EXACT_PX):
            return "a box that is not the one around its rotated box"
    return ""


def _add(region: _Region, item: dict[str, Any], shape: str, size: Size) -> None:
    value = item["value"]
    _check(item, size)
    labels = value.get(item["type"]) or value.get("labels") or []
    if len(labels) > 1:
        raise ValueError(f"it has {len(labels)} labels: {', '.join(labels)}")
    if labels:
        region.label = str(labels[0])
    region.parent = str(item.get("parentID") or region.parent)
    if isinstance(item.get("score"), int | float):
        region.said["score"] = item["score"]
    if shape not in _SHAPES or region.shape:
        return
    region.shape = shape
    region.fields = _fields(shape, value, size)
    if shape == "keypoint":
        x, y, _ = region.fields["keypoints"][0]
        texts = (item.get("meta") or {}).get("text") or []
        seen = next((_SEEN[t] for t in texts if t in _SEEN), 2)
        region.fields["keypoints"] = ((x, y, seen),)


def _check(item: dict[str, Any], size: Size) -> None:
    claimed = (item.get("original_width"), item.get("original_height"))
    if None not in claimed and claimed != size:
        raise ValueError(
            f"the picture was {claimed[0]}x{claimed[1]} pixels when it was labelled, the file has"
            f" {size[0]}x{size[1]}"
        )
    if item.get("image_rotation"):
        raise ValueError(f"the picture was turned by {item['image_rotation']} degrees")


def _fields(shape: str, value: dict[str, Any], size: Size) -> Fields:
    width, height = (v / 100 for v in size)
    if shape == "polygon":
        return polygon_fields([(float(x) * width, float(y) * height) for x, y in value["points"]])
    if shape == "brush":
        if value.get("format") != "rle":
            raise ValueError(f"its brush is in the form {value.get('format')!r}, not rle")
        return mask_fields(mask_of(unpacked(value["rle"], size)))
    x, y = float(value["x"]) * width, float(value["y"]) * height
    if shape == "keypoint":
        return {"keypoints": ((x, y, 2),), "box": around_points([(x, y)])}
    angle = (float(value.get("rotation") or 0) + 180) % 360 - 180
    turned = bool(value.get("rotation"))
    if shape == "ellipse":
        rx, ry = float(value["radiusX"]) * width, float(value["radiusY"]) * height
        if turned:
            return rotated_fields((x, y, 2 * rx, 2 * ry, angle))
        return {"box": (x - rx, y - ry, x + rx, y + ry)}
    w, h = float(value["width"]) * width, float(value["height"]) * height
    if not turned:
        return {"box": (x, y, x + w, y + h)}
    c, s = cos(radians(angle)), sin(radians(angle))
    return rotated_fields((x + (w * c - h * s) / 2, y + (w * s + h * c) / 2, w, h, angle))


def _said(item: dict[str, Any]) -> Any:
    """What somebody wrote or chose: true, false, a number, a text, or a list of choices."""
    value = item["value"][{"textarea": "text"}.get(item["type"], item["type"])]
    if item["type"] == "choices":
        words = [str(word) for word in value]
        return words[0] == "true" if words in (["true"], ["false"]) else words
    return "\n".join(map(str, value)) if isinstance(value, list) else value


def _word(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _objects(regions: dict[str, _Region], size: Size, where: str) -> Iterator[Object]:
    owned: set[str] = set()
    for region in regions.values():
        owner = regions.get(region.parent)
        if owner is None or not region.shape or not owner.shape:
            continue
        if region.shape == "keypoint":
            owner.joints.append((region.label, region.fields["keypoints"][0]))
            owned.add(region.id)
        elif region.shape in ("polygon", "brush") and region.label == owner.label:
            _grow(owner, region)
            owned.add(region.id)
    for region in regions.values():
        if region.id not in owned:
            with described(f"{where}, region {region.id} ({region.shape})", _FIX):
                yield _object(region, size)


def _grow(owner: _Region, more: _Region) -> None:
    if "polygons" in more.fields:
        before = owner.fields.get("polygons", ())
        owner.fields["polygons"] = (*before, *more.fields["polygons"])
        if owner.shape == "polygon":
            points = (p for polygon in owner.fields["polygons"] for p in pairs(polygon))
            owner.fields["box"] = around(points)
    else:
        owner.fields["mask"] = more.fields["mask"]


def _object(region: _Region, size: Size) -> Object:
    if not region.shape:
        raise ValueError("it has a label and no shape")
    if not region.label:
        raise ValueError("it has no label")
    attributes = dict(region.said)
    if region.shape == "ellipse":
        attributes[DRAWN] = "ellipse"
    if region.parent:
        attributes[PARENT] = region.parent
    fields = dict(region.fields)
    if region.joints:
        fields["keypoints"] = tuple(point for _, point in region.joints)
        names = [name for name, _ in region.joints]
        if names != [str(n) for n in range(1, len(names) + 1)]:
            attributes[JOINTS] = ",".join(names)
    if type(attributes.get("track_id")) is int:
        fields["track_id"] = attributes.pop("track_id")
    thing = Object(id=region.id, class_name=region.label, attributes=attributes, **fields)
    return check_reach(thing, size)


class _Writer:
    """The regions of one object: one, or a rectangle with others below it."""

    def __init__(self, thing: Object, size: Size) -> None:
        self._thing = thing
        self._size = size
        self._attributes = dict(thing.attributes)
        self._about = {
            "to_name": "image", "original_width": size[0], "original_height": size[1],
            "image_rotation": 0,
        }  # fmt: skip

    def items(self) -> list[dict[str, Any]]:
        """All of its regions."""
        thing, extra = self._thing, list(self._more())
        alone = len(extra) == 1 and thing.rotated is None and DRAWN not in self._attributes
        if alone and box_is_implied(thing, EXACT_PX) and _may_stand_alone(thing):
            ((kind, value, _, _),) = extra
            found = [self._item(thing.id, kind, value, thing.class_name)]
        else:
            found = [self._main()]
            for number, (kind, value, label, meta) in enumerate(extra, 1):
                item = self._item(f"{thing.id}.{number}", kind, value, label)
                found.append({**item, "parentID": thing.id, **meta})
        if parent := self._attributes.pop(PARENT, None):
            found[0]["parentID"] = parent
        score = self._attributes.get("score")
        if isinstance(score, int | float) and not isinstance(score, bool):
            found[0]["score"] = self._attributes.pop("score")
        if thing.track_id is not None:
            self._attributes["track_id"] = thing.track_id
        return found + [self._attribute(*pair) for pair in self._attributes.items()]

    def _item(self, id: str, kind: str, value: dict[str, Any], label: str) -> dict[str, Any]:
        labels = {f"{kind}labels": [label]}
        name = {"rectangle": "box"}.get(kind, kind)
        about = {"id": id, "from_name": name, "type": f"{kind}labels", **self._about}
        return {**about, "value": {**value, **labels}}

    def _main(self) -> dict[str, Any]:
        width, height = (v / 100 for v in self._size)
        x1, y1, x2, y2 = self._thing.box
        x, y, w, h, angle = (x1 + x2) / 2, (y1 + y2) / 2, x2 - x1, y2 - y1, 0.0
        if self._thing.rotated is not None:
            x, y, w, h, angle = self._thing.rotated
            (x1, y1), *_ = rotated_corners(self._thing.rotated)
            angle = angle % 360 or 360.0
        if self._attributes.get(DRAWN) == "ellipse":
            self._attributes.pop(DRAWN)
            value = {"x": x / width, "y": y / height}
            value |= {"radiusX": w / 2 / width, "radiusY": h / 2 / height, "rotation": angle}
            return self._item(self._thing.id, "ellipse", value, self._thing.class_name)
        value = {"x": x1 / width, "y": y1 / height, "width": w / width, "height": h / height}
        value["rotation"] = angle
        return self._item(self._thing.id, "rectangle", value, self._thing.class_name)

    def _more(self) -> Iterator[tuple[str, dict[str, Any], str, dict[str, Any]]]:
        thing = self._thing
        width, height = (v / 100 for v in self._size)
        for polygon in thing.polygons:
            points = [[x / width, y / height] for x, y in pairs(polygon)]
            yield "polygon", {"points": points, "closed": True}, thing.class_name, {}
        if thing.mask is not None:
            rle = packed(runs_of(thing.mask).dense()[0])
            yield "brush", {"format": "rle", "rle": rle}, thing.class_name, {}
        names = str(self._attributes.get(JOINTS, "")).split(",")
        if len(names) == len(thing.keypoints) and JOINTS in self._attributes:
            self._attributes.pop(JOINTS)
        else:
            names = [str(n) for n in range(1, len(thing.keypoints) + 1)]
        words = {seen: word for word, seen in _SEEN.items()}
        for name, (x, y, seen) in zip(names, thing.keypoints, strict=True):
            meta = {"meta": {"text": [words[seen]]}} if seen in words else {}
            yield "keypoint", {"x": x / width, "y": y / height, "width": 0.5}, name, meta

    def _attribute(self, name: str, value: Any) -> dict[str, Any]:
        about = {"id": self._thing.id, "from_name": name, **self._about}
        if isinstance(value, bool):
            return {**about, "type": "choices", "value": {"choices": [str(value).lower()]}}
        if isinstance(value, int | float):
            return {**about, "type": "number", "value": {"number": value}}
        return {**about, "type": "textarea", "value": {"text": [value]}}


def _may_stand_alone(thing: Object) -> bool:
    """Whether one region says it all: no keypoint that is hidden, or that has a name."""
    if not thing.keypoints:
        return True
    return thing.keypoints[0][2] == 2 and JOINTS not in thing.attributes
