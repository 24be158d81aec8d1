"""YOLO-style results: rows of numbers, or an object with `boxes`."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from viseon.vision.convert.arrays import as_array, detections
from viseon.vision.detections import Detections
from viseon.vision.errors import BadDetections


def from_yolo_rows(
    rows: ArrayLike, *, width: int | None = None, height: int | None = None
) -> Detections:
    """Rows x1, y1, x2, y2, score, class in pixels (n, 6).

    With `width` and `height`, rows are those of a YOLO text file: class, centre x, centre y, width,
    height as fractions of the picture, and a score if there is a sixth number.
    """
    table = np.asarray(rows, np.float64).reshape(-1, np.shape(rows)[-1] if np.size(rows) else 6)
    if width is None or height is None:
        if table.shape[1] != 6:
            raise BadDetections(f"rows: shape {table.shape}, expected (n, 6)")
        return detections(table[:, :4], table[:, 4], table[:, 5])
    if table.shape[1] not in (5, 6):
        raise BadDetections(f"rows: shape {table.shape}, expected (n, 5) or (n, 6)")
    centre = table[:, 1:3] * (width, height)
    half = table[:, 3:5] * (width, height) / 2
    box = np.hstack([centre - half, centre + half])
    score = table[:, 5] if table.shape[1] == 6 else np.ones(len(table))
    return detections(box, score, table[:, 0])


def from_yolo(result: Any) -> Detections:
    """An object with `boxes.xyxy`, `.conf`, `.cls`, and maybe `masks.data` and `keypoints.data`.

    Masks are taken only if they have the size of the picture (`orig_shape`).
    """
    boxes = result.boxes
    xyxy = as_array(boxes.xyxy).reshape(-1, 4)
    masks = getattr(result, "masks", None)
    mask = None
    if masks is not None and len(xyxy):
        dense = as_array(masks.data) > 0.5
        mask = dense if dense.shape[1:] == tuple(result.orig_shape[:2]) else None
    points = getattr(result, "keypoints", None)
    keypoints = None if points is None or not len(xyxy) else as_array(points.data)
    if keypoints is not None and keypoints.shape[2] == 2:
        keypoints = np.concatenate([keypoints, np.ones((*keypoints.shape[:2], 1))], axis=2)
    return detections(xyxy, as_array(boxes.conf), as_array(boxes.cls), mask, keypoints)
