"""Which class is taken for which, and how precision and recall trade off."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from viseon.vision.boxes import iou
from viseon.vision.detections import Detections
from viseon.vision.errors import VisionError

Floats = NDArray[np.float64]
Indices = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Confusion:
    """`counts` (k + 1, k + 1): rows what is true, columns what was found, the last "nothing"."""

    class_id: Indices
    counts: Indices


def confusion(
    found: Sequence[Detections],
    truth: Sequence[Detections],
    *,
    min_iou: float = 0.5,
    min_score: float = 0.25,
) -> Confusion:
    """Match boxes whatever their class, best overlap first, one to one, and count class by class.

    Raises VisionError if the numbers of images differ.
    """
    _check(found, truth)
    classes = np.unique(np.concatenate([[], *(d.class_id for d in (*found, *truth))]))
    classes = classes.astype(np.int64)
    nothing = len(classes)
    counts = np.zeros((nothing + 1, nothing + 1), np.int64)
    for shown, real in zip(found, truth, strict=True):
        sure = shown.with_score(min_score)
        rows, cols = _greedy(iou(real.xyxy, sure.xyxy), min_iou)
        true_k, found_k = (np.searchsorted(classes, d.class_id) for d in (real, sure))
        np.add.at(counts, (true_k[rows], found_k[cols]), 1)
        counts[:, nothing] += np.bincount(np.delete(true_k, rows), minlength=nothing + 1)
        counts[nothing] += np.bincount(np.delete(found_k, cols), minlength=nothing + 1)
    return Confusion(classes, counts)


@dataclass(frozen=True, slots=True, eq=False)
class Curve:
    """Precision, recall and F1 if all detections with at least `score` count; scores fall."""

    score: Floats
    precision: Floats
    recall: Floats

    @property
    def f1(self) -> Floats:
        """The harmonic mean of precision and recall."""
        total = self.precision + self.recall
        harmonic: Floats = np.where(
            total > 0, 2 * self.precision * self.recall / np.maximum(total, 1e-300), 0.0
        )
        return harmonic

    @property
    def best(self) -> tuple[float, float]:
        """The score threshold with the highest F1, and that F1; (0, 0) if nothing was found."""
        if not len(self.score):
            return 0.0, 0.0
        at = int(self.f1.argmax())
        return float(self.score[at]), float(self.f1[at])


def precision_recall(
    found: Sequence[Detections],
    truth: Sequence[Detections],
    *,
    min_iou: float = 0.5,
    class_id: int | None = None,
) -> Curve:
    """The curve over all score thresholds, of one class or of all together.

    A detection is right if it overlaps a true box of its class not taken by a better one. One point
    for each different score. Raises VisionError if the numbers of images differ.
    """
    _check(found, truth)
    scores, rights, wanted = [np.empty(0)], [np.empty(0, bool)], 0
    for shown, real in zip(found, truth, strict=True):
        for name in np.unique(np.concatenate([shown.class_id, real.class_id])).tolist():
            if class_id is not None and name != class_id:
                continue
            mine, true = shown.of_class(name), real.of_class(name)
            order = np.argsort(-mine.score, kind="stable")
            wanted += len(true)
            scores.append(mine.score[order].astype(np.float64))
            rights.append(_right(iou(mine.xyxy[order], true.xyxy), min_iou))
    return _curve(np.concatenate(scores), np.concatenate(rights), wanted)


def top_k(scores: Floats, class_id: Indices, *, k: int = 1) -> float:
    """The share of rows (n, classes) whose true class is among the `k` highest scores.

    A class that ties with others counts as behind them: guessing everything equal earns nothing.
    """
    scores, class_id = np.asarray(scores, np.float64), np.asarray(class_id, np.int64)
    if scores.ndim != 2 or class_id.shape != scores.shape[:1]:
        raise VisionError(f"scores: shape {scores.shape} does not fit {class_id.shape} classes")
    if k < 1:
        raise VisionError(f"k: {k} must be at least 1")
    if not len(scores):
        return 0.0
    own = scores[np.arange(len(scores)), class_id][:, None]
    ahead = (scores >= own).sum(axis=1) - 1
    return float((ahead < k).mean())


def _curve(score: Floats, right: NDArray[np.bool_], wanted: int) -> Curve:
    order = np.argsort(-score, kind="stable")
    score, hits = score[order], np.cumsum(right[order])
    last = np.flatnonzero(np.append(score[1:] != score[:-1], True)) if len(score) else order
    shown = last + 1.0
    return Curve(score[last], hits[last] / shown, hits[last] / max(1, wanted))


def _right(overlap: NDArray[np.float32], min_iou: float) -> NDArray[np.bool_]:
    """Which detections, best first, find a true box that is still free."""
    right = np.zeros(len(overlap), bool)
    free = np.ones(overlap.shape[1], bool)
    for i in np.flatnonzero((overlap >= min_iou).any(axis=1)).tolist():
        best = int(np.where(free, overlap[i], -1).argmax())
        if free[best] and overlap[i, best] >= min_iou:
            right[i], free[best] = True, False
    return right


def _greedy(overlap: NDArray[np.float32], least: float) -> tuple[Indices, Indices]:
    """Pairs that reach `least`, the largest overlap first, each row and column once."""
    rows, cols = np.nonzero(overlap >= least)
    order = np.argsort(-overlap[rows, cols], kind="stable")
    taken_rows, taken_cols = set(), set()
    chosen = []
    for row, col in zip(rows[order].tolist(), cols[order].tolist(), strict=True):
        if row not in taken_rows and col not in taken_cols:
            taken_rows.add(row)
            taken_cols.add(col)
            chosen.append((row, col))
    pairs = np.array(chosen, np.int64).reshape(-1, 2)
    return pairs[:, 0], pairs[:, 1]


def _check(found: Sequence[Detections], truth: Sequence[Detections]) -> None:
    if len(found) != len(truth):
        raise VisionError(f"found: {len(found)} images, but truth has {len(truth)}")
