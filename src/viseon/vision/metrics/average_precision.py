"""Average precision as COCO defines it (Lin et al. 2014; the cocoapi's evaluation rules)."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from viseon.vision.boxes import area, iou
from viseon.vision.detections import Detections
from viseon.vision.errors import VisionError

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

IOU_STEPS: Floats = np.linspace(0.5, 0.95, 10)
RECALL_STEPS: Floats = np.linspace(0.0, 1.0, 101)
_AREAS = ((0.0, 1e10), (0.0, 32.0**2), (32.0**2, 96.0**2), (96.0**2, 1e10))
_MOST = (1, 10, 100)


@dataclass(frozen=True, slots=True, eq=False)
class CocoAP:
    """COCO's twelve numbers and what they are made of; -1 where there is no truth to find.

    `precision` is (iou, recall, class, size, detections) and `recall` (iou, class, size,
    detections) over `class_id`, sizes all/small/medium/large, and 1/10/100 detections per image.
    """

    class_id: NDArray[np.int64]
    precision: Floats
    recall: Floats

    @property
    def map50_95(self) -> float:
        """Mean AP over IoU 0.50:0.95: the COCO score."""
        return _mean(self.precision[:, :, :, 0, -1])

    @property
    def map50(self) -> float:
        """Mean AP at IoU 0.5."""
        return _mean(self.precision[0, :, :, 0, -1])

    @property
    def map75(self) -> float:
        """Mean AP at IoU 0.75."""
        return _mean(self.precision[5, :, :, 0, -1])

    @property
    def stats(self) -> Floats:
        """The twelve numbers in the order that COCO prints them."""
        ap = [self.map50_95, self.map50, self.map75]
        ap += [_mean(self.precision[:, :, :, size, -1]) for size in (1, 2, 3)]
        ar = [_mean(self.recall[:, :, 0, most]) for most in range(len(_MOST))]
        ar += [_mean(self.recall[:, :, size, -1]) for size in (1, 2, 3)]
        return np.array(ap + ar)

    def per_class(self, *, min_iou: float | None = None) -> dict[int, float]:
        """AP of each class, over all IoU steps or at one of them."""
        steps = slice(None) if min_iou is None else np.flatnonzero(np.isclose(IOU_STEPS, min_iou))
        return {
            int(name): _mean(self.precision[steps, :, k, 0, -1])
            for k, name in enumerate(self.class_id)
        }


def coco_ap(
    found: Sequence[Detections],
    truth: Sequence[Detections],
    *,
    crowd: Sequence[Bools] | None = None,
) -> CocoAP:
    """Average precision of `found` against `truth`, image by image in the same order.

    `crowd` marks truth that is a group: it may absorb any number of detections and is never missed.
    """
    if len(found) != len(truth):
        raise VisionError(f"found: {len(found)} images, but truth has {len(truth)}")
    classes = np.unique(np.concatenate([[], *(t.class_id for t in truth)])).astype(np.int64)
    shape = (len(IOU_STEPS), len(classes), len(_AREAS), len(_MOST))
    precision = -np.ones((shape[0], len(RECALL_STEPS), *shape[1:]))
    recall = -np.ones(shape)
    for k, name in enumerate(classes.tolist()):
        images = [
            _Image.of(d, t, None if crowd is None else crowd[i], name)
            for i, (d, t) in enumerate(zip(found, truth, strict=True))
        ]
        for a, limits in enumerate(_AREAS):
            matched = [image.match(limits) for image in images if image.any]
            for m, most in enumerate(_MOST):
                curve = _curve(matched, most)
                if curve is not None:
                    precision[:, :, k, a, m], recall[:, k, a, m] = curve
    return CocoAP(classes, precision, recall)


@dataclass(frozen=True, slots=True)
class _Matched:
    score: Floats
    hit: Bools  # (iou, detection)
    ignored: Bools
    wanted: int


@dataclass(frozen=True, slots=True)
class _Image:
    """One class in one image: detections by falling score, and what is true."""

    score: Floats
    area: Floats
    truth_area: Floats
    crowd: Bools
    overlap: Floats

    @property
    def any(self) -> bool:
        return bool(len(self.score) or len(self.truth_area))

    @classmethod
    def of(
        cls, found: Detections, truth: Detections, crowd: Bools | None, class_id: int
    ) -> "_Image":
        mine = np.flatnonzero(found.class_id == class_id)
        mine = mine[np.argsort(-found.score[mine], kind="stable")][: _MOST[-1]]
        real = truth.class_id == class_id
        box, true_box = found.xyxy[mine], truth.xyxy[real]
        group = np.zeros(len(true_box), bool) if crowd is None else np.asarray(crowd)[real]
        overlap = iou(box, true_box).astype(np.float64)
        if group.any():
            shared = iou(box, true_box[group]).astype(np.float64)
            own, other = area(box)[:, None], area(true_box[group])
            shared = shared * (own + other) / (1 + shared)
            overlap[:, group] = shared / np.maximum(own, 1e-12)
        score = found.score[mine].astype(np.float64)
        return cls(score, area(box).astype(float), area(true_box).astype(float), group, overlap)

    def match(self, limits: tuple[float, float]) -> _Matched:
        low, high = limits
        ignore = self.crowd | (self.truth_area < low) | (self.truth_area > high)
        order = np.argsort(ignore, kind="stable")
        ignore, crowd, overlap = ignore[order], self.crowd[order], self.overlap[:, order]
        hit = np.zeros((len(IOU_STEPS), len(self.score)), bool)
        ignored = np.zeros_like(hit)
        outside = (self.area < low) | (self.area > high)
        for t, step in enumerate(IOU_STEPS):
            free = np.ones(len(ignore), bool)
            for d in range(len(self.score)):
                best = _best(overlap[d], free | crowd, ignore, step)
                if best is None:
                    ignored[t, d] = outside[d]
                    continue
                free[best] = False
                hit[t, d], ignored[t, d] = True, ignore[best]
        return _Matched(self.score, hit, ignored, int((~ignore).sum()))


def _best(overlap: Floats, free: Bools, ignore: Bools, least: float) -> int | None:
    """The free truth that overlaps most; one to ignore only if no other will do."""
    fits = free & (overlap >= min(least, 1 - 1e-10))
    for candidates in (fits & ~ignore, fits & ignore):
        at = np.flatnonzero(candidates)
        if len(at):
            return int(at[::-1][np.argmax(overlap[at[::-1]])])
    return None


def _curve(images: list[_Matched], most: int) -> tuple[Floats, Floats] | None:
    """Precision at the recall steps (iou, recall) and the final recall (iou,)."""
    wanted = sum(image.wanted for image in images)
    if wanted == 0:
        return None
    order = np.argsort(-np.concatenate([i.score[:most] for i in images]), kind="stable")
    hit = np.concatenate([i.hit[:, :most] for i in images], axis=1)[:, order]
    ignored = np.concatenate([i.ignored[:, :most] for i in images], axis=1)[:, order]
    right = np.cumsum(hit & ~ignored, axis=1, dtype=np.float64)
    wrong = np.cumsum(~hit & ~ignored, axis=1, dtype=np.float64)
    precision = np.zeros((len(IOU_STEPS), len(RECALL_STEPS)))
    final = np.zeros(len(IOU_STEPS))
    for t in range(len(IOU_STEPS)):
        if not len(order):
            break
        reached = right[t] / wanted
        exact = right[t] / (right[t] + wrong[t] + np.spacing(1))
        envelope = np.maximum.accumulate(exact[::-1])[::-1]
        at = np.searchsorted(reached, RECALL_STEPS, side="left")
        ok = at < len(envelope)
        precision[t, ok] = envelope[at[ok]]
        final[t] = reached[-1]
    return precision, final


def _mean(values: Floats) -> float:
    known = values[values > -1]
    return float(known.mean()) if known.size else -1.0
