"""What the network should have said, and how wrong it was."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from viseon.adapters.trainers.fcos.network import Raw

_RADIUS = 2.5
"""A point may answer for a box when it lies within this many strides of its middle."""
_CHOSEN = 10
_BETA = 4
_GIOU, _SIDES = 2.0, 1.0
_BEND = 0.05
"""Strides below which a side's error counts squared."""


@dataclass(frozen=True, slots=True)
class Targets:
    """The boxes of one picture: `xyxy` (M, 4) input pixels and `class_id` (M,)."""

    xyxy: Tensor
    class_id: Tensor


def loss(raw: Raw, targets: list[Targets], points: Tensor, strides: Tensor) -> Tensor:
    """Quality focal loss for scores, GIoU and side distances for boxes, over a batch."""
    wanted = torch.zeros_like(raw.logits)
    rows, truth, weight = [], [], []
    with torch.no_grad():
        for i, target in enumerate(targets):
            chosen = assign(raw.logits[i], raw.boxes[i], target, points, strides)
            wanted[i, chosen.point, target.class_id[chosen.box]] = chosen.quality
            rows.append(chosen.point + i * len(points))
            truth.append(target.xyxy[chosen.box])
            weight.append(chosen.quality)
    positive, quality = torch.cat(rows), torch.cat(weight)
    total = quality.sum().clamp(min=1.0)
    boxes, right = raw.boxes.flatten(0, 1)[positive], torch.cat(truth)
    step = strides.repeat(len(targets))[positive][:, None]
    apart = functional.smooth_l1_loss(boxes / step, right / step, reduction="none", beta=_BEND).sum(
        1
    )
    placed = _GIOU * (1 - giou(boxes, right)) + _SIDES * apart
    summed: Tensor = (_scores(raw.logits, wanted) + (placed * quality).sum()) / total
    return summed


@dataclass(frozen=True, slots=True)
class Chosen:
    """Which point answers for which box, and the score it should give."""

    point: Tensor
    box: Tensor
    quality: Tensor


def assign(
    logits: Tensor, boxes: Tensor, target: Targets, points: Tensor, strides: Tensor
) -> Chosen:
    """Points near a box's middle that do best there (TOOD: Feng et al., ICCV 2021)."""
    if not len(target.xyxy):
        none = torch.zeros(0, dtype=torch.long)
        return Chosen(none, none, torch.zeros(0))
    overlap = iou(target.xyxy, boxes)
    score = logits.sigmoid()[:, target.class_id].T
    fit = torch.where(_near(target.xyxy, points, strides), score.sqrt() * overlap**_BETA, 0.0)
    best = fit.topk(min(_CHOSEN, fit.shape[1]), dim=1)
    mine = torch.zeros_like(fit).scatter_(1, best.indices, best.values)
    owner = torch.where(mine > 0, overlap, -1.0).max(dim=0)
    point = torch.nonzero(owner.values >= 0).flatten()
    box = owner.indices[point]
    value = mine[box, point]
    kept = torch.zeros_like(fit)
    kept[box, point] = 1.0
    top, reach = (mine * kept).amax(1), (overlap * kept).amax(1)
    quality = value / top[box].clamp(min=1e-9) * reach[box]
    return Chosen(point, box, quality)


def _near(xyxy: Tensor, points: Tensor, strides: Tensor) -> Tensor:
    """Whether each point (M, N) lies in the box and close to its middle."""
    middle = (xyxy[:, None, :2] + xyxy[:, None, 2:]) / 2
    close = ((points - middle).abs() < _RADIUS * strides[:, None]).all(2)
    inside = ((points > xyxy[:, None, :2]) & (points < xyxy[:, None, 2:])).all(2)
    small = (xyxy[:, 2:] - xyxy[:, :2]).amin(1) < strides.amin() * 1.5
    return close & (inside | small[:, None])


def _scores(logits: Tensor, wanted: Tensor) -> Tensor:
    """Quality focal loss (Li et al., NeurIPS 2020, eq. 6), beta 2."""
    wrong = functional.binary_cross_entropy_with_logits(logits, wanted, reduction="none")
    return (wrong * (wanted - logits.sigmoid()).abs() ** 2).sum()


def iou(a: Tensor, b: Tensor) -> Tensor:
    """Intersection over union (n, m)."""
    corner = torch.minimum(a[:, None, 2:], b[:, 2:]) - torch.maximum(a[:, None, :2], b[:, :2])
    shared = corner.clamp(min=0).prod(2)
    covered: Tensor = shared / (_area(a)[:, None] + _area(b) - shared).clamp(min=1e-9)
    return covered


def giou(a: Tensor, b: Tensor) -> Tensor:
    """Generalised IoU of pairs (n,) (Rezatofighi et al., CVPR 2019)."""
    inner = torch.minimum(a[:, 2:], b[:, 2:]) - torch.maximum(a[:, :2], b[:, :2])
    outer = torch.maximum(a[:, 2:], b[:, 2:]) - torch.minimum(a[:, :2], b[:, :2])
    shared, hull = inner.clamp(min=0).prod(1), outer.prod(1).clamp(min=1e-9)
    union = (_area(a) + _area(b) - shared).clamp(min=1e-9)
    value: Tensor = shared / union - (hull - union) / hull
    return value


def _area(xyxy: Tensor) -> Tensor:
    return (xyxy[:, 2:] - xyxy[:, :2]).clamp(min=0).prod(1)
