"""MediaPipe-style results: objects with `detections`, or landmarks as fractions of the picture."""

from typing import Any

import numpy as np

from viseon.vision.convert.arrays import detections
from viseon.vision.detections import Detections


def from_mediapipe(result: Any, *, class_names: tuple[str, ...] = ()) -> Detections:
    """`result.detections`, each with a `bounding_box` in pixels and its best of `categories`.

    A category's class is its place in `class_names` if it is named there, else its `index`.
    """
    boxes, scores, classes = [], [], []
    for found in result.detections:
        box = found.bounding_box
        best = max(found.categories, key=lambda category: category.score)
        name = getattr(best, "category_name", None)
        boxes.append(
            [box.origin_x, box.origin_y, box.origin_x + box.width, box.origin_y + box.height]
        )
        scores.append(best.score)
        classes.append(class_names.index(name) if name in class_names else int(best.index))
    if not boxes:
        return Detections.empty()
    return detections(boxes, scores, classes)


def from_mediapipe_pose(
    result: Any, *, width: int, height: int, min_visibility: float = 0.5
) -> Detections:
    """`result.pose_landmarks`: per person a list of points with x, y (fractions) and visibility.

    The box is that of the points at least so visible (of all, if none is); the score their mean.
    """
    poses = []
    for person in result.pose_landmarks:
        poses.append(
            [[p.x * width, p.y * height, getattr(p, "visibility", None) or 0.0] for p in person]
        )
    if not poses:
        return Detections.empty()
    points = np.array(poses, np.float32)
    seen = points[:, :, 2] >= min_visibility
    seen |= ~seen.any(axis=1, keepdims=True)
    low = np.where(seen[..., None], points[..., :2], np.inf).min(axis=1)
    high = np.where(seen[..., None], points[..., :2], -np.inf).max(axis=1)
    score = (points[:, :, 2] * seen).sum(axis=1) / seen.sum(axis=1)
    return detections(np.hstack([low, high]), score, np.zeros(len(score)), None, points)
