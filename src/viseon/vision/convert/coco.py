"""COCO-style results and annotations of one image: `bbox` is x, y, width, height."""

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from viseon.vision.convert.arrays import detections
from viseon.vision.detections import Detections
from viseon.vision.errors import BadDetections
from viseon.vision.masks import RleMasks, as_rle, from_coco_rle, to_coco_rle


def from_coco(rows: Iterable[Mapping[str, Any]]) -> Detections:
    """Annotations or results of one image; `category_id` becomes `class_id` as it is.

    Run-length masks are kept where every row has one; polygons are left to whoever knows the size
    of the image. Keypoints are kept where every row has them.
    """
    entries = list(rows)
    if not entries:
        return Detections.empty()
    for i, entry in enumerate(entries):
        if "bbox" not in entry or "category_id" not in entry:
            raise BadDetections(f"row {i}: needs 'bbox' and 'category_id'")
    box = np.array([e["bbox"] for e in entries], np.float64).reshape(-1, 4)
    box[:, 2:] += box[:, :2]
    return detections(
        box,
        [e.get("score", 1.0) for e in entries],
        [e["category_id"] for e in entries],
        _masks(entries),
        _keypoints(entries),
    )


def to_coco(found: Detections, *, image_id: int) -> list[dict[str, Any]]:
    """COCO result rows with plain numbers, ready for JSON."""
    box = found.xyxy.astype(np.float64)
    box[:, 2:] -= box[:, :2]
    rows: list[dict[str, Any]] = [
        {"image_id": image_id, "category_id": k, "bbox": b, "score": s}
        for b, s, k in zip(box.tolist(), found.score.tolist(), found.class_id.tolist(), strict=True)
    ]
    if found.mask is not None:
        for row, rle in zip(rows, to_coco_rle(as_rle(found.mask)), strict=True):
            row["segmentation"] = rle
    if found.keypoints is not None:
        for row, points in zip(rows, found.keypoints, strict=True):
            row["keypoints"] = points.astype(np.float64).ravel().tolist()
    return rows


def _masks(entries: list[Mapping[str, Any]]) -> RleMasks | None:
    found = [e.get("segmentation") for e in entries]
    masks = [f for f in found if isinstance(f, Mapping) and "counts" in f]
    return from_coco_rle(masks) if len(masks) == len(entries) else None


def _keypoints(entries: list[Mapping[str, Any]]) -> Any:
    found = [e["keypoints"] for e in entries if e.get("keypoints")]
    if len(found) != len(entries) or len({len(f) for f in found}) != 1:
        return None
    return np.array(found, np.float32).reshape(len(entries), -1, 3)
