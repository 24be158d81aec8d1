"""torchvision-style results: a dictionary of tensors."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from viseon.vision.convert.arrays import as_array, detections
from viseon.vision.detections import Detections
from viseon.vision.errors import BadDetections


def from_torchvision(result: Mapping[str, Any]) -> Detections:
    """`boxes` (n, 4), `labels` (n,); maybe `scores`, `masks` (n, 1, H, W), `keypoints`."""
    for name in ("boxes", "labels"):
        if name not in result:
            raise BadDetections(
                f"result: no {name!r}; it has {', '.join(sorted(result)) or 'nothing'}"
            )
    xyxy = as_array(result["boxes"]).reshape(-1, 4)
    n = len(xyxy)
    score = as_array(result["scores"]) if "scores" in result else np.ones(n)
    mask = None
    if "masks" in result and n:
        dense = as_array(result["masks"])
        mask = (dense[:, 0] if dense.ndim == 4 else dense) > 0.5
    keypoints = as_array(result["keypoints"]) if "keypoints" in result and n else None
    return detections(xyxy, score, as_array(result["labels"]), mask, keypoints)
