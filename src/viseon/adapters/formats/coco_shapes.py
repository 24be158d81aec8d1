"""COCO's shapes: boxes, polygons, run-length masks, keypoints."""

from typing import Any

from viseon.schema import Mask, Object
from viseon.vision.masks import from_coco_rle, mask_boxes, to_coco_rle

Shape = dict[str, Any]
"""Fields of an Object."""


def read_shape(entry: dict[str, Any]) -> Shape | None:
    """The shape of an annotation; None when it has none, as a class of the whole picture has none.

    Raises ValueError or TypeError for numbers that make no sense.
    """
    shape: Shape = {}
    outline = entry.get("segmentation")
    if isinstance(outline, dict):
        shape["mask"] = _mask(outline)
    elif outline:
        shape["polygons"] = tuple(tuple(map(float, polygon)) for polygon in outline)
    if points := entry.get("keypoints"):
        shape["keypoints"] = _keypoints(list(map(float, points)))
    if "bbox" in entry:
        x, y, w, h = map(float, entry["bbox"])
        shape["box"] = (x, y, x + w, y + h)
    elif shape:
        shape["box"] = _around(shape)
    else:
        return None
    attributes = _attributes(entry)
    if isinstance(rotated := attributes.pop("rotated", None), str):
        shape["rotated"] = tuple(map(float, rotated.split()))
    if isinstance(track := attributes.pop("track_id", None), int):
        shape["track_id"] = track
    return shape | {"attributes": attributes}


def write_shape(thing: Object) -> dict[str, Any]:
    """The fields of an annotation that say where an object is."""
    x1, y1, x2, y2 = thing.box
    w, h = round(x2 - x1, 4), round(y2 - y1, 4)
    attributes = dict(thing.attributes)
    crowd = attributes.get("iscrowd") is True
    if crowd:
        del attributes["iscrowd"]
    entry: dict[str, Any] = {
        "bbox": [x1, y1, w, h],
        "area": w * h,
        "iscrowd": int(crowd),
    }
    if thing.mask is not None:
        size = [thing.mask.height, thing.mask.width]
        entry["segmentation"] = {"size": size, "counts": thing.mask.counts}
    elif thing.polygons:
        entry["segmentation"] = [list(polygon) for polygon in thing.polygons]
    if thing.keypoints:
        entry["keypoints"] = [number for point in thing.keypoints for number in point]
        entry["num_keypoints"] = sum(1 for point in thing.keypoints if point[2])
    if thing.rotated is not None:
        attributes["rotated"] = " ".join(map(repr, thing.rotated))
    if thing.track_id is not None:
        attributes["track_id"] = thing.track_id
    if attributes:
        entry["attributes"] = attributes
    return entry


OWN = ("rotated", "track_id")
"""Attributes that say something else here, as CVAT's COCO export has it."""


def _keypoints(flat: list[float]) -> tuple[tuple[float, float, int], ...]:
    if len(flat) % 3:
        raise ValueError(f"{len(flat)} keypoint numbers: each x needs its y and visibility")
    return tuple((flat[i], flat[i + 1], int(flat[i + 2])) for i in range(0, len(flat), 3))


def _mask(outline: dict[str, Any]) -> Mask:
    masks = from_coco_rle([outline])
    height, width = masks.size
    covered = int(masks.runs[0].sum())
    if covered != height * width:
        raise ValueError(f"the mask's runs cover {covered} pixels of {height}x{width}")
    return Mask(height=height, width=width, counts=to_coco_rle(masks)[0]["counts"])


def _around(shape: Shape) -> tuple[float, float, float, float]:
    if "mask" in shape:
        mask: Mask = shape["mask"]
        row = {"size": [mask.height, mask.width], "counts": mask.counts}
        x1, y1, x2, y2 = map(float, mask_boxes(from_coco_rle([row]))[0])
        return x1, y1, x2, y2
    if "polygons" in shape:
        xs = [x for polygon in shape["polygons"] for x in polygon[::2]]
        ys = [y for polygon in shape["polygons"] for y in polygon[1::2]]
    else:
        xs = [x for x, _, seen in shape["keypoints"] if seen]
        ys = [y for _, y, seen in shape["keypoints"] if seen]
    if not xs or not ys:
        raise ValueError("there is no point to put a box around")
    return min(xs), min(ys), max(xs), max(ys)


def _attributes(entry: dict[str, Any]) -> dict[str, str | int | float | bool]:
    given = entry.get("attributes")
    found = {
        str(name): value
        for name, value in (given.items() if isinstance(given, dict) else ())
        if isinstance(value, str | int | float | bool)
    }
    if entry.get("iscrowd"):
        found["iscrowd"] = True
    return found
