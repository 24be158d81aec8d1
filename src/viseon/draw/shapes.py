"""Rotated boxes, polygons, masks and keypoints."""

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray

from viseon.draw.labels import labels
from viseon.draw.palette import Colour, Image, colour, stroke
from viseon.vision import COCO_SKELETON, Detections, RleMasks, mask_boxes
from viseon.vision.oriented import corners


def rotated_boxes(
    image: Image,
    boxes: NDArray[np.floating],
    *,
    texts: Sequence[str] = (),
    colours: Sequence[Colour] | None = None,
) -> Image:
    """Draw boxes (n, 5) of centre, size and angle in radians. Changes `image`."""
    tints = [colour(i) for i in range(len(boxes))] if colours is None else list(colours)
    rings = np.round(corners(boxes)).astype(np.int32)
    for ring, tint in zip(rings, tints, strict=True):
        cv2.polylines(image, [ring], True, tint, stroke(image), cv2.LINE_AA)
    if texts:
        tops = [tuple(ring[ring[:, 1].argmin()].tolist()) for ring in rings]
        labels(image, texts, tops, colours=tints)
    return image


def polygons(
    image: Image,
    rings: Sequence[ArrayLike],
    *,
    colours: Sequence[Colour] | None = None,
    opacity: float = 0.3,
) -> Image:
    """Draw polygons (k, 2) each, filled with `opacity`. Changes `image`."""
    tints = [colour(i) for i in range(len(rings))] if colours is None else list(colours)
    for ring, tint in zip(rings, tints, strict=True):
        points = np.round(np.asarray(ring, np.float64)).astype(np.int32)
        fill(image, [points], tint, opacity)
        cv2.polylines(image, [points], True, tint, stroke(image), cv2.LINE_AA)
    return image


def masks(
    image: Image,
    detections: Detections,
    *,
    colours: Sequence[Colour] | None = None,
    opacity: float = 0.45,
) -> Image:
    """Tint each detection's mask, the largest first so that small ones stay visible."""
    found = detections.mask
    if found is None:
        return image
    tints = [colour(i) for i in detections.class_id.tolist()] if colours is None else list(colours)
    boxes = mask_boxes(found).astype(int)
    order = np.argsort(-_areas(found), kind="stable")
    for i in order.tolist():
        x1, y1, x2, y2 = boxes[i].tolist()
        part, mask = image[y1:y2, x1:x2], np.asarray(found[i : i + 1])[0, y1:y2, x1:x2]
        if not mask.any():
            continue
        tinted = np.multiply(part[mask], 1 - opacity) + np.multiply(tints[i], opacity)
        part[mask] = tinted.astype(np.uint8)
        edges, _ = cv2.findContours(
            mask.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE, offset=(x1, y1)
        )
        cv2.drawContours(image, edges, -1, tints[i], max(1, stroke(image) // 2), cv2.LINE_AA)
    return image


def keypoints(
    image: Image,
    detections: Detections,
    *,
    skeleton: Sequence[tuple[int, int]] = COCO_SKELETON,
    min_score: float = 0.3,
    colours: Sequence[Colour] | None = None,
) -> Image:
    """Draw poses: joints at least so sure, and the limbs between them. Changes `image`."""
    if detections.keypoints is None:
        return image
    rows = range(len(detections))
    tints = [colour(i) for i in rows] if colours is None else list(colours)
    width = stroke(image)
    for pose, tint in zip(detections.keypoints, tints, strict=True):
        seen = pose[:, 2] >= min_score
        place = np.round(pose[:, :2]).astype(int).tolist()
        for a, b in skeleton:
            if a < len(seen) and b < len(seen) and seen[a] and seen[b]:
                cv2.line(image, place[a], place[b], tint, width, cv2.LINE_AA)
        for joint in np.flatnonzero(seen).tolist():
            cv2.circle(image, place[joint], width + 1, tint, cv2.FILLED, cv2.LINE_AA)
            cv2.circle(image, place[joint], width + 1, (255, 255, 255), 1, cv2.LINE_AA)
    return image


def fill(image: Image, rings: Sequence[NDArray[np.int32]], tint: Colour, opacity: float) -> None:
    """Blend a polygon into the picture; rings after the first are holes."""
    outer = rings[0]
    x1, y1 = np.maximum(outer.min(axis=0), 0).tolist()
    x2, y2 = np.minimum(outer.max(axis=0) + 1, image.shape[1::-1]).tolist()
    if x2 <= x1 or y2 <= y1 or opacity <= 0:
        return
    part = image[y1:y2, x1:x2]
    filled = part.copy()
    cv2.fillPoly(filled, [ring - np.array([x1, y1], np.int32) for ring in rings], tint)
    cv2.addWeighted(filled, opacity, part, 1 - opacity, 0, dst=part)


def _areas(found: NDArray[np.bool_] | RleMasks) -> NDArray[np.int64]:
    if isinstance(found, RleMasks):
        return found.area
    areas: NDArray[np.int64] = np.count_nonzero(found, axis=(1, 2)).astype(np.int64)
    return areas
