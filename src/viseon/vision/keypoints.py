"""Keypoints of objects: what COCO calls them, how they join, how similar two poses are."""

import numpy as np
from numpy.typing import NDArray

from viseon.vision.errors import BadDetections

Floats = NDArray[np.float64]

COCO_KEYPOINTS = (
    "nose", "left_eye", "right_eye", "left_ear", "right_ear", "left_shoulder", "right_shoulder",
    "left_elbow", "right_elbow", "left_wrist", "right_wrist", "left_hip", "right_hip",
    "left_knee", "right_knee", "left_ankle", "right_ankle",
)  # fmt: skip

COCO_SKELETON = (
    (15, 13), (13, 11), (16, 14), (14, 12), (11, 12), (5, 11), (6, 12), (5, 6), (5, 7), (6, 8),
    (7, 9), (8, 10), (1, 2), (0, 1), (0, 2), (1, 3), (2, 4), (3, 5), (4, 6),
)  # fmt: skip

COCO_SIGMAS: Floats = np.array(
    [.26, .25, .25, .35, .35, .79, .79, .72, .72, .62, .62, 1.07, 1.07, .87, .87, .89, .89]
) / 10  # fmt: skip


def oks(
    found: NDArray[np.floating],
    truth: NDArray[np.floating],
    *,
    area: NDArray[np.floating],
    box: NDArray[np.floating] | None = None,
    sigmas: Floats = COCO_SIGMAS,
) -> Floats:
    """Object keypoint similarity of poses (n, K, 2+) with true poses (m, K, 3) → (n, m).

    `area` (m,) and `box` (m, 4) are those of the true objects; true points with score 0 are not
    labelled, and an object without labelled points is compared by its box. Raises BadDetections
    where the numbers of points differ. (COCO keypoint evaluation.)
    """
    n, m = len(found), len(truth)
    if n and m and not found.shape[1] == truth.shape[1] == len(sigmas):
        raise BadDetections(
            f"keypoints: {found.shape[1]} found, {truth.shape[1]} true, {len(sigmas)} sigmas"
        )
    rows, cols = np.divmod(np.arange(n * m), max(1, m))
    boxes = np.zeros((m, 4)) if box is None else np.asarray(box, np.float64)
    similar = oks_pairs(
        np.asarray(found, np.float64)[rows, :, :2], np.asarray(truth, np.float64)[cols],
        area=np.asarray(area, np.float64)[cols], box=boxes[cols], sigmas=sigmas,
    )  # fmt: skip
    return similar.reshape(n, m)


def oks_pairs(found: Floats, truth: Floats, *, area: Floats, box: Floats, sigmas: Floats) -> Floats:
    """The similarity of pose i with true pose i (p,): found (p, K, 2), truth (p, K, 3).

    Truth without any labelled point is compared by how far points lie outside its doubled box.
    """
    labelled = truth[:, :, 2] > 0
    apart = found - truth[:, :, :2]
    none: NDArray[np.bool_] = ~np.any(labelled, axis=1)
    if none.any():
        size = box[none, 2:] - box[none, :2]
        low, high = (box[none, :2] - size)[:, None], (box[none, 2:] + size)[:, None]
        point = found[none]
        apart[none] = np.maximum(0, low - point) + np.maximum(0, point - high)
    scale = np.square(2 * sigmas) * (area[:, None] + np.spacing(1)) * 2
    each = np.exp(-np.square(apart).sum(axis=2) / scale)
    used = labelled | none[:, None]
    similar: Floats = (each * used).sum(axis=1) / np.maximum(1, used.sum(axis=1))
    return similar
