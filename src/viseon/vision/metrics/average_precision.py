"""Average precision as COCO defines it (Lin et al. 2014; the cocoapi's evaluation rules)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from viseon.vision.detections import Detections
from viseon.vision.errors import VisionError
from viseon.vision.metrics.coco_match import Matches, match
from viseon.vision.metrics.coco_pairs import Flat, Kind, Truth, flatten

Floats = NDArray[np.float64]

IOU_STEPS: Floats = np.linspace(0.5, 0.95, 10)
RECALL_STEPS: Floats = np.linspace(0.0, 1.0, 101)

_ALL, _SMALL = (0.0, 1e10), (0.0, 32.0**2)
_MEDIUM, _LARGE = (32.0**2, 96.0**2), (96.0**2, 1e10)
_SIZES = {
    "boxes": {"all": _ALL, "small": _SMALL, "medium": _MEDIUM, "large": _LARGE},
    "masks": {"all": _ALL, "small": _SMALL, "medium": _MEDIUM, "large": _LARGE},
    "keypoints": {"all": _ALL, "medium": _MEDIUM, "large": _LARGE},
}
_MOST = {"boxes": (1, 10, 100), "masks": (1, 10, 100), "keypoints": (20,)}


@dataclass(frozen=True, slots=True, eq=False)
class CocoAP:
    """COCO's numbers and what they are made of; -1 where there is no truth to find.

    `precision` (iou, recall, class, size) and `recall` (iou, class, size, detections) run over IoU
    0.50:0.05:0.95, recall 0:0.01:1, `class_id`, `sizes`, and `most` detections per image.
    """

    kind: Kind
    class_id: NDArray[np.int64]
    sizes: tuple[str, ...]
    most: tuple[int, ...]
    precision: Floats
    recall: Floats

    @property
    def map50_95(self) -> float:
        """Mean AP over IoU 0.50:0.95: the COCO score."""
        return self._ap()

    @property
    def map50(self) -> float:
        """Mean AP at IoU 0.5."""
        return self._ap(step=0)

    @property
    def map75(self) -> float:
        """Mean AP at IoU 0.75."""
        return self._ap(step=5)

    @property
    def stats(self) -> Floats:
        """COCO's twelve numbers (ten for keypoints) in the order in which it prints them."""
        ap = [self._ap(), self._ap(step=0), self._ap(step=5)]
        ap += [self._ap(size=i) for i in range(1, len(self.sizes))]
        if self.kind == "keypoints":
            ar = [self._ar(), self._ar(step=0), self._ar(step=5)]
        else:
            ar = [self._ar(most=i) for i in range(len(self.most))]
        ar += [self._ar(size=i) for i in range(1, len(self.sizes))]
        return np.array(ap + ar)

    def per_class(self, *, min_iou: float | None = None) -> dict[int, float]:
        """AP of each class, over all IoU steps or at one of them."""
        step = np.isclose(IOU_STEPS, IOU_STEPS if min_iou is None else min_iou)
        if not step.any():
            raise VisionError(f"min_iou: {min_iou} is none of 0.50, 0.55, ..., 0.95")
        return {int(k): _mean(self.precision[step, :, i, 0]) for i, k in enumerate(self.class_id)}

    def _ap(self, *, step: int | None = None, size: int = 0) -> float:
        rows = slice(None) if step is None else slice(step, step + 1)
        return _mean(self.precision[rows, :, :, size])

    def _ar(self, *, step: int | None = None, size: int = 0, most: int = -1) -> float:
        rows = slice(None) if step is None else slice(step, step + 1)
        return _mean(self.recall[rows, :, size, most])


def coco_ap(
    found: Sequence[Detections],
    truth: Sequence[Detections],
    *,
    kind: Kind = "boxes",
    crowd: Sequence[Any] | None = None,
    area: Sequence[Any] | None = None,
) -> CocoAP:
    """Average precision of `found` against `truth`, image by image in the same order.

    `kind` compares boxes (IoU), masks (IoU) or keypoints (OKS; a point with score 0 is not
    labelled). `crowd` marks truth that is a group: it may absorb any number of detections and is
    never missed. `area` replaces the areas that decide on small, medium and large (COCO files carry
    them). Raises VisionError for columns that are missing or do not fit.
    """
    sizes, most = _SIZES[kind], _MOST[kind]
    flat = flatten(found, Truth(truth, crowd, area), kind, most[-1])
    matches = match(flat, IOU_STEPS, tuple(sizes.values()))
    classes = len(flat.classes)
    precision = np.full((len(IOU_STEPS), len(RECALL_STEPS), classes, len(sizes)), -1.0)
    recall = np.full((len(IOU_STEPS), classes, len(sizes), len(most)), -1.0)
    for k, rows in enumerate(_by_class(flat)):
        wanted = matches.wanted[:, flat.truth_class == flat.classes[k]].sum(axis=1)
        some = np.flatnonzero(wanted)
        if len(some):
            curves, final = _curves(flat, matches, rows, (some, wanted[some]), most)
            precision[:, :, k, some], recall[:, k, some] = curves, final
    return CocoAP(kind, flat.classes, tuple(sizes), most, precision, recall)


def _by_class(flat: Flat) -> list[NDArray[np.int64]]:
    """Each class's detections by falling score; equals stay in the order of the images."""
    edges = np.searchsorted(flat.found_class, [*flat.classes, np.iinfo(np.int64).max])
    return [
        low + np.argsort(-flat.found_score[low:high], kind="stable")
        for low, high in zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True)
    ]


def _curves(
    flat: Flat,
    matches: Matches,
    rows: NDArray[np.int64],
    sizes: tuple[NDArray[np.int64], NDArray[np.int64]],
    most: tuple[int, ...],
) -> tuple[Floats, Floats]:
    """Precision (iou, recall, size) and final recall (iou, size, most) of one class."""
    some, wanted = sizes
    counts = ~matches.ignored[some][:, :, rows]
    hit = matches.hit[some][:, :, rows] & counts
    final = np.empty((len(IOU_STEPS), len(some), len(most)))
    for m, limit in enumerate(most):
        within = flat.found_rank[rows] < limit
        final[:, :, m] = (hit[:, :, within].sum(axis=2) / wanted[:, None]).T
    right = np.cumsum(hit, axis=2, dtype=np.float64)
    shown = np.cumsum(counts, axis=2, dtype=np.float64)
    exact = right / np.maximum(shown, np.spacing(1))
    envelope = np.maximum.accumulate(exact[:, :, ::-1], axis=2)[:, :, ::-1]
    reached = right / wanted[:, None, None]
    curves = np.zeros((len(IOU_STEPS), len(RECALL_STEPS), len(some)))
    for a in range(len(some)):
        for t in range(len(IOU_STEPS)):
            at = np.searchsorted(reached[a, t], RECALL_STEPS, side="left")
            at = at[at < len(rows)]
            curves[t, : len(at), a] = envelope[a, t, at]
    return curves, final


def _mean(values: Floats) -> float:
    known = values[values > -1]
    return float(known.mean()) if known.size else -1.0
