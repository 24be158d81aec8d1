"""How well identities are kept: HOTA, CLEAR MOT and IDF1, on the same frames and boxes."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from viseon.vision.assign import assign
from viseon.vision.detections import Tracks
from viseon.vision.metrics.sequences import Sequences, paired

Floats = NDArray[np.float64]
Indices = NDArray[np.int64]

ALPHAS: Floats = np.arange(0.05, 0.99, 0.05)
_EPS = float(np.finfo(np.float64).eps)


@dataclass(frozen=True, slots=True, eq=False)
class Hota:
    """Higher Order Tracking Accuracy; each array has one value per localisation threshold."""

    tp: Floats
    fn: Floats
    fp: Floats
    ass_a: Floats
    ass_re: Floats
    ass_pr: Floats
    loc_a: Floats

    @property
    def det_a(self) -> Floats:
        """Detection accuracy: TP / (TP + FN + FP)."""
        return self.tp / np.maximum(1.0, self.tp + self.fn + self.fp)

    @property
    def hota_alpha(self) -> Floats:
        """The geometric mean of detection and association accuracy, per threshold."""
        both: Floats = np.sqrt(self.det_a * self.ass_a)
        return both

    @property
    def hota(self) -> float:
        """The mean over the thresholds: the number that papers report."""
        return float(self.hota_alpha.mean())

    @property
    def deta(self) -> float:
        """Mean detection accuracy."""
        return float(self.det_a.mean())

    @property
    def assa(self) -> float:
        """Mean association accuracy."""
        return float(self.ass_a.mean())

    @property
    def loca(self) -> float:
        """Mean overlap of the matches."""
        return float(self.loc_a.mean())


@dataclass(frozen=True, slots=True)
class Clear:
    """The CLEAR MOT counts and the rates made of them."""

    tp: int
    fn: int
    fp: int
    switches: int
    fragments: int
    mostly_tracked: int
    partly_tracked: int
    mostly_lost: int
    overlap: float

    @property
    def mota(self) -> float:
        """1 - (misses + false alarms + switches) / true boxes; 0 without true boxes' matches."""
        return (self.tp - self.fp - self.switches) / max(1.0, self.tp + self.fn)

    @property
    def motp(self) -> float:
        """Mean overlap of the matches."""
        return self.overlap / max(1.0, self.tp)


@dataclass(frozen=True, slots=True)
class Identity:
    """Boxes under the right identity, in the best one-to-one naming of the whole sequence."""

    idtp: int
    idfn: int
    idfp: int

    @property
    def idf1(self) -> float:
        """The harmonic mean of identity precision and recall."""
        return self.idtp / max(1.0, self.idtp + 0.5 * self.idfp + 0.5 * self.idfn)

    @property
    def idp(self) -> float:
        """Identity precision."""
        return self.idtp / max(1.0, self.idtp + self.idfp)

    @property
    def idr(self) -> float:
        """Identity recall."""
        return self.idtp / max(1.0, self.idtp + self.idfn)


def hota(found: Sequence[Tracks], truth: Sequence[Tracks]) -> Hota:
    """HOTA (Luiten et al., IJCV 2021) of one sequence of frames."""
    sequence = paired(found, truth)
    alignment = _alignment(sequence)
    true_rows, found_rows, overlaps = [_NO], [_NO], [np.empty(0)]
    for frame in sequence.frames:
        score = alignment[np.ix_(frame.truth, frame.found)] * frame.overlap
        rows, cols = assign(score, 1e-12)
        true_rows.append(frame.truth[rows])
        found_rows.append(frame.found[cols])
        overlaps.append(frame.overlap[rows, cols])
    pairs = np.concatenate(true_rows) * len(sequence.found_frames) + np.concatenate(found_rows)
    return _hota(sequence, pairs, np.concatenate(overlaps))


def _hota(sequence: Sequences, pairs: Indices, overlaps: Floats) -> Hota:
    boxes, shown = sequence.truth_frames.sum(), sequence.found_frames.sum()
    if not boxes or not shown:
        zero = np.zeros(len(ALPHAS))
        perfect = np.ones(len(ALPHAS))
        return Hota(zero, zero + boxes, zero + shown, zero, zero, zero, perfect)
    names, at = np.unique(pairs, return_inverse=True)
    true_n = sequence.truth_frames[names // len(sequence.found_frames)].astype(np.float64)
    found_n = sequence.found_frames[names % len(sequence.found_frames)].astype(np.float64)
    rows = []
    for alpha in ALPHAS:
        good = overlaps >= alpha - _EPS
        tp = float(good.sum())
        n = np.bincount(at[good], minlength=len(names)).astype(np.float64)
        each = (n / np.maximum(1, true_n + found_n - n), n / np.maximum(1, true_n))
        precise = n / np.maximum(1, found_n)
        means = [float((n * part).sum()) / max(1.0, tp) for part in (*each, precise)]
        local = max(1e-10, float(overlaps[good].sum())) / max(1e-10, tp)
        rows.append([tp, boxes - tp, shown - tp, *means, local])
    return Hota(*np.array(rows).T)


def _alignment(sequence: Sequences) -> Floats:
    """How much each true and each found identity overlap over the whole sequence (Jaccard)."""
    shape = len(sequence.truth_frames), len(sequence.found_frames)
    shared = np.zeros(shape)
    for frame in sequence.frames:
        overlap = frame.overlap
        total = overlap.sum(0, keepdims=True) + overlap.sum(1, keepdims=True) - overlap
        part = np.zeros_like(overlap)
        np.divide(overlap, total, out=part, where=total > _EPS)
        shared[np.ix_(frame.truth, frame.found)] += part
    rest = sequence.truth_frames[:, None] + sequence.found_frames - shared
    aligned: Floats = shared / np.maximum(rest, _EPS)
    return aligned


def clear(found: Sequence[Tracks], truth: Sequence[Tracks], *, min_iou: float = 0.5) -> Clear:
    """CLEAR MOT (Bernardin and Stiefelhagen 2008): matches persist while they overlap enough."""
    sequence = paired(found, truth)
    n = len(sequence.truth_frames)
    now, last = np.full(n, -1), np.full(n, -1)  # matched in the frame before; ever matched
    matched, fragments = np.zeros(n, np.int64), np.zeros(n, np.int64)
    tp = fp = fn = switches = 0
    overlap = 0.0
    for frame in sequence.frames:
        score = (now[frame.truth][:, None] == frame.found) * 1000.0 + frame.overlap
        score[frame.overlap < min_iou - _EPS] = 0
        rows, cols = assign(score, 1e-12)
        true, name = frame.truth[rows], frame.found[cols]
        switches += int(((last[true] >= 0) & (last[true] != name)).sum())
        before = now >= 0
        last[true] = name
        now[:] = -1
        now[true] = name
        matched[true] += 1
        fragments += ~before & (now >= 0)
        tp += len(rows)
        fn += len(frame.truth) - len(rows)
        fp += len(frame.found) - len(rows)
        overlap += float(frame.overlap[rows, cols].sum())
    share = matched / np.maximum(1, sequence.truth_frames)
    mostly, partly = int((share > 0.8).sum()), int(((share >= 0.2) & (share <= 0.8)).sum())
    breaks = int((fragments[fragments > 0] - 1).sum())
    return Clear(tp, fn, fp, switches, breaks, mostly, partly, n - mostly - partly, overlap)


def idf1(found: Sequence[Tracks], truth: Sequence[Tracks], *, min_iou: float = 0.5) -> Identity:
    """Identity metrics (Ristani et al., ECCV-W 2016)."""
    sequence = paired(found, truth)
    together = np.zeros((len(sequence.truth_frames), len(sequence.found_frames)))
    for frame in sequence.frames:
        rows, cols = np.nonzero(frame.overlap >= min_iou)
        np.add.at(together, (frame.truth[rows], frame.found[cols]), 1)
    # Whole numbers of frames: a gate this small cannot change which naming is the best.
    rows, cols = assign(together, 1e-6)
    idtp = int(together[rows, cols].sum())
    boxes, shown = int(sequence.truth_frames.sum()), int(sequence.found_frames.sum())
    return Identity(idtp, boxes - idtp, shown - idtp)


_NO = np.empty(0, np.int64)
