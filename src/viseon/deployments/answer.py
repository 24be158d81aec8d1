"""From detections to what callers are told."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from viseon.schema import PredictedObject
from viseon.vision import Detections
from viseon.vision.masks import RleMasks, encode


def objects(found: Detections, classes: Sequence[str]) -> tuple[PredictedObject, ...]:
    """One per detection, best first."""
    masks = _masks(found)
    return tuple(
        PredictedObject(
            class_name=_name(int(found.class_id[row]), classes),
            class_id=int(found.class_id[row]),
            score=round(float(found.score[row]), 6),
            box=_box(found.xyxy[row]),
            keypoints=() if found.keypoints is None else _points(found.keypoints[row]),
            mask=masks[row] if masks else None,
        )
        for row in np.argsort(-found.score, kind="stable").tolist()
    )


def _name(class_id: int, classes: Sequence[str]) -> str:
    return classes[class_id] if class_id < len(classes) else f"class-{class_id}"


def _box(xyxy: Any) -> tuple[float, float, float, float]:
    x1, y1, x2, y2 = (round(float(v), 3) for v in xyxy)
    return x1, y1, x2, y2


def _points(points: Any) -> tuple[tuple[float, float, float], ...]:
    return tuple((round(float(x), 3), round(float(y), 3), round(float(s), 4)) for x, y, s in points)


def _masks(found: Detections) -> list[dict[str, Any]]:
    if found.mask is None:
        return []
    encoded = found.mask if isinstance(found.mask, RleMasks) else encode(np.asarray(found.mask))
    return [{"size": list(encoded.size), "counts": run.tolist()} for run in encoded.runs]
