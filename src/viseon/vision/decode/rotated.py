"""Rotated boxes: corners, overlap and suppression."""

import numpy as np
from numpy.typing import NDArray

from viseon.vision.decode.contract import Ask, Floats


def rotated_corners(cxcywh: Floats, angle: Floats) -> Floats:
    """The corners (n, 4, 2), in order around the box; the angle in radians from x towards y."""
    along = np.stack([np.cos(angle), np.sin(angle)], axis=1) * cxcywh[:, 2:3] / 2
    across = np.stack([-np.sin(angle), np.cos(angle)], axis=1) * cxcywh[:, 3:4] / 2
    centre = cxcywh[:, :2]
    points = np.stack(
        [centre - along - across, centre + along - across, centre + along + across,
         centre - along + across], axis=1,
    )  # fmt: skip
    return points.astype(np.float32)


def overlap(cxcywh: Floats, angle: Floats, others: Floats, other_angles: Floats) -> Floats:
    """ProbIoU (n, m) of boxes seen as Gaussians (Llerena et al., arXiv 2106.06072): 1 - Hellinger.

    1 for equal boxes, close to 0 for boxes apart; smooth where polygons would need clipping.
    """
    a1, b1, c1 = (value[:, None] for value in _covariance(cxcywh, angle))
    a2, b2, c2 = _covariance(others, other_angles)
    dx = cxcywh[:, None, 0] - others[None, :, 0]
    dy = cxcywh[:, None, 1] - others[None, :, 1]
    a, b, c = a1 + a2, b1 + b2, c1 + c2
    spread = np.maximum(a * b - c * c, 1e-12)
    apart = (a * dy * dy + b * dx * dx - 2 * c * dx * dy) / spread / 4
    own = np.maximum(a1 * b1 - c1 * c1, 0) * np.maximum(a2 * b2 - c2 * c2, 0)
    shape = 0.5 * np.log(np.maximum(spread / (4 * np.sqrt(own) + 1e-12), 1e-12))
    distance = np.clip(apart + shape, 1e-7, 100.0)
    return np.asarray(1 - np.sqrt(1 - np.exp(-distance) + 1e-12), np.float32)


def rotated_survivors(
    cxcywh: Floats, angle: Floats, score: Floats, class_id: NDArray[np.int64], ask: Ask
) -> NDArray[np.int64]:
    """Rows left by per-class suppression with `overlap`, best first, at most `ask.max_found`."""
    order = np.argsort(-score, kind="stable")
    kept: list[int] = []
    while len(order) and len(kept) < ask.max_found:
        best, order = order[0], order[1:]
        kept.append(int(best))
        shared = overlap(cxcywh[[best]], angle[[best]], cxcywh[order], angle[order])[0]
        order = order[(shared <= ask.min_iou) | (class_id[order] != class_id[best])]
    return np.array(kept, np.int64)


def _covariance(
    cxcywh: Floats, angle: Floats
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Variance along x, along y, and covariance of a box as a uniform density."""
    along = cxcywh[:, 2].astype(np.float64) ** 2 / 12
    across = cxcywh[:, 3].astype(np.float64) ** 2 / 12
    cos, sin = np.cos(angle, dtype=np.float64), np.sin(angle, dtype=np.float64)
    return (
        along * cos**2 + across * sin**2,
        along * sin**2 + across * cos**2,
        (along - across) * cos * sin,
    )
