"""Detections and truth of all images in flat columns, and the pairs that could match."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from viseon.vision.detections import Detections
from viseon.vision.errors import VisionError
from viseon.vision.keypoints import COCO_SIGMAS, oks_pairs
from viseon.vision.masks import RleMasks, as_rle, rle_iou

Kind = Literal["boxes", "masks", "keypoints"]
Floats = NDArray[np.float64]
Indices = NDArray[np.int64]
Bools = NDArray[np.bool_]

LEAST: float = 0.5 - 1e-9
"""No threshold is lower, so pairs below cannot match."""


@dataclass(frozen=True, slots=True, eq=False)
class Flat:
    """Columns over all images, sorted by class, image, and (detections) falling score.

    `found_*` are detections, at most `most` per class and image; `truth_*` what is true. `det` and
    `gt` with `overlap` are the pairs of the same class and image that overlap enough for any
    threshold.
    """

    classes: Indices
    found_class: Indices
    found_image: Indices
    found_rank: Indices
    found_score: Floats
    found_area: Floats
    truth_class: Indices
    truth_image: Indices
    truth_area: Floats
    crowd: Bools
    ignore: Bools
    det: Indices
    gt: Indices
    overlap: Floats


@dataclass(frozen=True, slots=True, eq=False)
class Truth:
    """What is true, and COCO's further columns, image by image: crowds to ignore and areas."""

    objects: Sequence[Detections]
    crowd: Sequence[Any] | None = None
    area: Sequence[Any] | None = None


def flatten(found: Sequence[Detections], truth: Truth, kind: Kind, most: int) -> Flat:
    """All images side by side. Raises VisionError where columns are missing or do not fit."""
    if len(found) != len(truth.objects):
        raise VisionError(f"found: {len(found)} images, but truth has {len(truth.objects)}")
    t_class, t_image, t_row, t_area = _columns(truth.objects, kind)
    crowd = _given("crowd", truth.crowd, truth.objects, np.zeros(len(t_class))) > 0
    t_area = _given("area", truth.area, truth.objects, t_area)
    ignore = crowd.copy()
    if kind == "keypoints":
        points = [t.keypoints for t in truth.objects if t.keypoints is not None]
        visible = [(p[:, :, 2] > 0).any(axis=1) for p in points]
        ignore |= ~np.concatenate([*visible, np.zeros(0, bool)])
    order = np.lexsort((t_image, t_class))
    t_class, t_image, t_row = t_class[order], t_image[order], t_row[order]
    t_area, crowd, ignore = t_area[order], crowd[order], ignore[order]
    d_class, d_image, d_row, d_area = _columns(found, kind)
    score = np.concatenate([*(f.score for f in found), np.zeros(0, np.float32)]).astype(np.float64)
    order = np.lexsort((-score, d_image, d_class))
    classes = np.unique(t_class)
    order = order[np.isin(d_class[order], classes)]
    rank = _rank(d_class[order], d_image[order])
    order, rank = order[rank < most], rank[rank < most]
    d_class, d_image, d_row = d_class[order], d_image[order], d_row[order]
    det, gt = _pairs((d_class, d_image), (t_class, t_image))
    rows = (d_image[det], d_row[det], t_row[gt])
    overlap = _OVERLAP[kind](found, truth, rows, crowd[gt], t_area[gt])
    near = overlap >= LEAST
    return Flat(
        classes, d_class, d_image, rank, score[order], d_area[order],
        t_class, t_image, t_area, crowd, ignore, det[near], gt[near], overlap[near],
    )  # fmt: skip


def _columns(images: Sequence[Detections], kind: Kind) -> tuple[Indices, Indices, Indices, Floats]:
    """Class, image, row within the image, and area of every object."""
    counts = [len(i) for i in images]
    none = np.zeros(0, np.int64)
    class_id = np.concatenate([*(i.class_id for i in images), none])
    image = np.repeat(np.arange(len(images)), counts)
    row = np.concatenate([*(np.arange(n) for n in counts), none])
    return class_id, image, row, np.concatenate([*(_area(i, kind) for i in images), np.zeros(0)])


def _area(image: Detections, kind: Kind) -> Floats:
    if kind == "masks" and len(image):
        return _masks(image).area.astype(np.float64)
    box = image.xyxy.astype(np.float64)
    if kind == "keypoints" and len(image):
        if image.keypoints is None:
            raise VisionError("keypoints: missing in an image, needed for kind='keypoints'")
        points = image.keypoints[:, :, :2].astype(np.float64)
        return np.asarray(np.ptp(points, axis=1).prod(axis=1))
    return np.asarray((box[:, 2] - box[:, 0]) * (box[:, 3] - box[:, 1]))


def _given(
    name: str, given: Sequence[Any] | None, images: Sequence[Detections], default: Floats
) -> Floats:
    if given is None:
        return default
    if len(given) != len(images) or any(
        len(g) != len(i) for g, i in zip(given, images, strict=True)
    ):
        raise VisionError(f"{name}: needs one value per true object of each image")
    return np.concatenate([*(np.asarray(g, np.float64) for g in given), np.zeros(0)])


def _rank(class_id: Indices, image: Indices) -> Indices:
    """The place of each row within its run of equal class and image, from 0."""
    n = len(class_id)
    if not n:
        return class_id
    starts = np.ones(n, bool)
    starts[1:] = (class_id[1:] != class_id[:-1]) | (image[1:] != image[:-1])
    first = np.flatnonzero(starts)
    rank: Indices = np.arange(n) - first[np.cumsum(starts) - 1]
    return rank


def _pairs(
    found: tuple[Indices, Indices], truth: tuple[Indices, Indices]
) -> tuple[Indices, Indices]:
    """Rows of every pair of the same class and image, by detection, then truth."""
    images = 1 + max((int(image.max(initial=-1)) for _, image in (found, truth)), default=0)
    d_key, t_key = (class_id * images + image for class_id, image in (found, truth))
    low, high = np.searchsorted(t_key, d_key, "left"), np.searchsorted(t_key, d_key, "right")
    n = high - low
    det = np.repeat(np.arange(len(d_key)), n)
    within = np.arange(len(det)) - np.repeat(np.cumsum(n) - n, n)
    return det, low[det] + within


_Rows = tuple[Indices, Indices, Indices]


def _box_overlap(
    found: Sequence[Detections], truth: Truth, rows: _Rows, crowd: Bools, _: Floats
) -> Floats:
    image, d, t = rows
    a = _stacked([f.xyxy for f in found], image, d)
    b = _stacked([o.xyxy for o in truth.objects], image, t)
    sides = np.minimum(a[:, 2:], b[:, 2:]) - np.maximum(a[:, :2], b[:, :2])
    shared = np.maximum(sides, 0).prod(axis=1)
    own, other = (a[:, 2:] - a[:, :2]).prod(axis=1), (b[:, 2:] - b[:, :2]).prod(axis=1)
    whole = np.where(crowd, own, own + other - shared)
    overlap: Floats = np.where(whole > 0, shared / np.where(whole > 0, whole, 1), 0)
    return overlap


def _stacked(parts: list[Any], image: Indices, row: Indices) -> Floats:
    starts = np.cumsum([0, *(len(p) for p in parts)])[:-1]
    if not len(image):
        return np.zeros((0, 4))
    return np.asarray(np.concatenate(parts)[starts[image] + row], np.float64)


def _mask_overlap(
    found: Sequence[Detections], truth: Truth, rows: _Rows, crowd: Bools, _: Floats
) -> Floats:
    image, d, t = rows
    boxes = _box_overlap(found, truth, rows, np.zeros(len(d), bool), _)
    overlap = np.zeros(len(d))
    for i in np.unique(image[boxes > 0]).tolist():
        a, b = _masks(found[i]), _masks(truth.objects[i])
        here = np.flatnonzero(image == i)
        overlap[here] = rle_iou(a[d[here]], b[t[here]], crowd=crowd[here])
    return overlap


def _keypoint_overlap(
    found: Sequence[Detections], truth: Truth, rows: _Rows, crowd: Bools, area: Floats
) -> Floats:
    del crowd
    image, d, t = rows
    if not len(d):
        return np.zeros(0)
    points = _stacked(
        [f.keypoints for f in found if _has_points(f)], *_without_empty(found, image, d)
    )
    real = [o for o in truth.objects if _has_points(o)]
    at = _without_empty(truth.objects, image, t)
    true_points = _stacked([o.keypoints for o in real], *at)
    box = _stacked([o.xyxy for o in real], *at)
    if points.shape[1:] != true_points.shape[1:]:
        raise VisionError(
            f"keypoints: {points.shape[1]} found, but {true_points.shape[1]} are true"
        )
    sigmas = COCO_SIGMAS if points.shape[1] == 17 else np.full(points.shape[1], 0.05)
    return oks_pairs(points[:, :, :2], true_points, area=area, box=box, sigmas=sigmas)


def _without_empty(
    images: Sequence[Detections], image: Indices, row: Indices
) -> tuple[Indices, Indices]:
    number = np.cumsum([_has_points(i) for i in images]) - 1
    return number[image], row


def _has_points(image: Detections) -> bool:
    return image.keypoints is not None


def _masks(image: Detections) -> RleMasks:
    if image.mask is None:
        raise VisionError("mask: missing in an image, needed for kind='masks'")
    return as_rle(image.mask)


_OVERLAP = {"boxes": _box_overlap, "masks": _mask_overlap, "keypoints": _keypoint_overlap}
