"""Who is who: the best one-to-one matching between two sets."""

from typing import NamedTuple

import lap
import numpy as np
from numpy.typing import NDArray

from viseon.vision.boxes import Floats as Overlaps
from viseon.vision.boxes import iou_columns

Indices = NDArray[np.int64]
Bools = NDArray[np.bool_]

_DENSE = 6400
"""Up to so many pairs it is quicker to compute all overlaps than to look for those above zero."""


class Pairs(NamedTuple):
    """Candidates for a match, sorted by row, then column: a sparse matrix of similarities."""

    rows: Indices
    cols: Indices
    similarity: NDArray[np.floating]

    def where(self, keep: Bools) -> "Pairs":
        """Only some of them."""
        return Pairs(self.rows[keep], self.cols[keep], self.similarity[keep])


def assign(similarity: NDArray[np.floating], min_similarity: float) -> tuple[Indices, Indices]:
    """Rows and columns of the matching with the largest sum of `similarity - min_similarity`.

    Pairs below `min_similarity` never match.
    """
    flat = np.flatnonzero(similarity >= min_similarity)
    rows, cols = np.divmod(flat, max(1, similarity.shape[1]))
    chosen = matched(Pairs(rows, cols, similarity.ravel()[flat]), min_similarity)
    return rows[chosen], cols[chosen]


def matched(pairs: Pairs, min_similarity: float) -> Bools:
    """Which pairs make up the matching with the largest sum of `similarity - min_similarity`.

    All pairs must reach `min_similarity`. Most pairs of real frames have no rival, so those are
    taken at once and only the contested rest goes to the solver (Jonker and Volgenant 1987), as a
    square of weights clipped at zero: leaving a pair out costs as much as matching it at the limit.
    """
    rivals = contested(pairs)
    keep: Bools = np.ones(len(pairs.rows), bool)
    if len(rivals):
        weight = pairs.similarity[rivals] - min_similarity
        keep[rivals] = _heaviest(pairs.rows[rivals], pairs.cols[rivals], weight)
    return keep


def contested(pairs: Pairs) -> Indices:
    """The pairs whose row or column has another candidate."""
    rows, cols = pairs.rows, pairs.cols
    if len(rows) < 2:
        return _NONE
    alone = np.maximum(np.bincount(rows)[rows], np.bincount(cols)[cols])
    return (alone > 1).nonzero()[0]


_NONE = np.empty(0, np.int64)


def overlapping(a: NDArray[np.floating], b: NDArray[np.floating], min_iou: float) -> Pairs:
    """Pairs of boxes (4, n) and (4, m) that overlap, by at least `min_iou`."""
    n, m = a.shape[1], b.shape[1]
    min_iou = max(min_iou, 1e-6)
    if n * m <= _DENSE:
        overlap = iou_columns(a, b)
        flat = np.flatnonzero(overlap >= min_iou)
        rows, cols = np.divmod(flat, max(1, m))
        return Pairs(rows, cols, overlap.ravel()[flat])
    a, b = np.ascontiguousarray(a, np.float32), np.ascontiguousarray(b, np.float32)
    meet = a[0, :, None] < b[2]
    meet &= a[2, :, None] > b[0]
    meet &= a[1, :, None] < b[3]
    meet &= a[3, :, None] > b[1]
    rows, cols = np.divmod(np.flatnonzero(meet), m)
    overlap = _pair_iou(a[:, rows], b[:, cols])
    near = overlap >= min_iou
    return Pairs(rows[near], cols[near], overlap[near])


def _pair_iou(a: Overlaps, b: Overlaps) -> Overlaps:
    sides = np.minimum(a[2:], b[2:]) - np.maximum(a[:2], b[:2])
    shared = sides[0] * sides[1]
    size_a, size_b = a[2:] - a[:2], b[2:] - b[:2]
    overlap: Overlaps = shared / (size_a[0] * size_a[1] + size_b[0] * size_b[1] - shared)
    return overlap


def _heaviest(rows: Indices, cols: Indices, weight: NDArray[np.floating]) -> Bools:
    row_at, n = _dense(rows)
    col_at, m = _dense(cols)
    cost = np.zeros((max(n, m), max(n, m)))
    # The tiny bonus makes a pair exactly at the limit a match.
    cost[row_at, col_at] = -1e-9 - weight
    _, solved, _ = lap.lapjv(cost)
    chosen: Bools = solved[row_at] == col_at
    return chosen


def _dense(names: Indices) -> tuple[Indices, int]:
    """The names renumbered from 0 without gaps, and how many there are."""
    used = np.zeros(int(names.max()) + 1, np.int64)
    used[names] = 1
    number = np.cumsum(used)
    return number[names] - 1, int(number[-1])
