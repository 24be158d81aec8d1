"""Tensors of any library as NumPy arrays, by what they can do rather than what they are."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from viseon.vision.detections import Detections
from viseon.vision.masks import RleMasks


def as_array(tensor: Any) -> NDArray[Any]:
    """An array of the same numbers; tensors on a device are fetched."""
    for step in ("detach", "cpu", "numpy"):
        if hasattr(tensor, step):
            tensor = getattr(tensor, step)()
    return np.asarray(tensor)


def detections(
    xyxy: ArrayLike,
    score: ArrayLike,
    class_id: ArrayLike,
    mask: NDArray[Any] | RleMasks | None = None,
    keypoints: ArrayLike | None = None,
) -> Detections:
    """Detections of columns of whatever type of number."""
    return Detections(
        np.asarray(xyxy, np.float32).reshape(-1, 4),
        np.asarray(score, np.float32),
        np.asarray(class_id, np.int64),
        mask,
        None if keypoints is None else np.asarray(keypoints, np.float32),
    )
