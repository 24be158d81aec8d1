"""COCO's greedy matching, for all images, sizes and thresholds at once."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from viseon.vision.metrics.coco_pairs import Flat

Floats = NDArray[np.float64]
Indices = NDArray[np.int64]
Bools = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Matches:
    """Per size, IoU step and detection: did it match, does it count; and which truth it took."""

    hit: Bools  # (sizes, steps, detections)
    ignored: Bools
    wanted: Bools  # (sizes, truth): what counts as missed if nothing matches it


def match(flat: Flat, steps: Floats, sizes: tuple[tuple[float, float], ...]) -> Matches:
    """Each detection, best score first, takes the free truth it overlaps most.

    Truth to be ignored (crowds, wrong size) is taken only if nothing else fits, crowds by any
    number of detections; of equal overlaps the later truth wins, as in the cocoapi.
    """
    low, high = np.array(sizes).T[:, :, None]
    ignore = flat.ignore | (flat.truth_area < low) | (flat.truth_area > high)
    outside = (flat.found_area < low) | (flat.found_area > high)
    shape = (len(sizes), len(steps), len(flat.found_score))
    hit = np.zeros(shape, bool)
    ignored = np.repeat(outside[:, None], len(steps), axis=1)
    for bucket in _buckets(flat):
        _match(bucket, flat, ignore, np.minimum(steps, 1 - 1e-10), (hit, ignored))
    return Matches(hit, ignored, ~ignore)


@dataclass(frozen=True, slots=True, eq=False)
class _Bucket:
    """Groups (one class in one image) with about as many candidates, as padded arrays."""

    det: Indices  # (rank, group): the detection, or -1
    gt: Indices  # (group, candidate): the truth, or -1
    overlap: Floats  # (rank, group, candidate), -1 where there is no pair


def _buckets(flat: Flat) -> list[_Bucket]:
    """Only detections and truth that have a candidate take part."""
    if not len(flat.det):
        return []
    images = int(flat.found_image.max()) + 1
    key = flat.found_class[flat.det] * images + flat.found_image[flat.det]
    _, group = np.unique(key, return_inverse=True)
    det_names, det_at = np.unique(flat.det, return_inverse=True)
    gt_names, gt_at = np.unique(flat.gt, return_inverse=True)
    det_group, gt_group = np.empty(len(det_names), np.int64), np.empty(len(gt_names), np.int64)
    det_group[det_at], gt_group[gt_at] = group, group
    det_rank, gt_place = _place(det_group), _place(gt_group)
    size = np.bincount(gt_group)
    made = []
    widths = np.unique(_power(size))
    for width in widths.tolist():
        mine = np.flatnonzero(_power(size) == width)
        made.append(
            _bucket(mine, (det_names, det_group, det_rank), (gt_names, gt_group, gt_place),
                    (det_at, gt_at, flat.overlap), width)
        )  # fmt: skip
    return made


_Sorted = tuple[Indices, Indices, Indices]


def _bucket(
    groups: Indices, dets: _Sorted, gts: _Sorted, pairs: tuple[Indices, Indices, Floats], width: int
) -> _Bucket:
    names, group, rank = dets
    depth = np.bincount(group)[groups]
    groups = groups[np.argsort(-depth, kind="stable")]  # the groups still busy are the first
    number = np.full(int(group.max()) + 1, -1)
    number[groups] = np.arange(len(groups))
    det = np.full((int(depth.max()), len(groups)), -1)
    here = number[group] >= 0
    det[rank[here], number[group[here]]] = names[here]
    gt_names, gt_group, place = gts
    gt = np.full((len(groups), width), -1)
    real = number[gt_group] >= 0
    gt[number[gt_group[real]], place[real]] = gt_names[real]
    overlap = np.full((*det.shape, width), -1.0)
    det_at, gt_at, value = pairs
    mine = number[group[det_at]] >= 0
    d, g = det_at[mine], gt_at[mine]
    overlap[rank[d], number[group[d]], place[g]] = value[mine]
    return _Bucket(det, gt, overlap)


def _match(
    bucket: _Bucket, flat: Flat, ignore: Bools, steps: Floats, result: tuple[Bools, Bools]
) -> None:
    hit, ignored = result
    skip = ignore[:, bucket.gt]  # (sizes, group, candidate)
    prefer = np.where(skip, 0.0, 2.0)[:, None]
    crowd = flat.crowd[bucket.gt]
    free = np.ones((len(ignore), len(steps), *bucket.gt.shape), bool)
    last = bucket.gt.shape[1] - 1
    for det, overlap in zip(bucket.det, bucket.overlap, strict=True):
        n = int((det >= 0).sum())
        fits = (free[:, :, :n] | crowd[:n]) & (overlap[:n] >= steps[:, None, None])
        worth = np.where(fits, overlap[:n] + prefer[:, :, :n], -1.0)
        best = last - worth[..., ::-1].argmax(axis=-1)  # of equals the last
        a, t, b = np.nonzero(fits.any(axis=-1))
        chosen = best[a, t, b]
        free[a, t, b, chosen] = False
        hit[a, t, det[b]] = True
        ignored[a, t, det[b]] = skip[a, b, chosen]


def _place(group: Indices) -> Indices:
    """The place of each row among those of its group, in order."""
    order = np.argsort(group, kind="stable")
    sizes = np.bincount(group)
    place = np.empty(len(group), np.int64)
    place[order] = np.arange(len(group)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    return place


def _power(size: Indices) -> Indices:
    """The next power of two."""
    power: Indices = (2 ** np.ceil(np.log2(size))).astype(np.int64)
    return power
