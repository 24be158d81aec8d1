"""Who is who: the best one-to-one matching between two sets."""

import lap
import numpy as np
from numpy.typing import NDArray

Indices = NDArray[np.int64]


def assign(similarity: NDArray[np.floating], min_similarity: float) -> tuple[Indices, Indices]:
    """Rows and columns of the matching with the largest sum of `similarity - min_similarity`.

    Pairs below `min_similarity` never match. Most pairs of real frames have no rival, so those are
    taken at once and only the contested rest goes to the solver (Jonker and Volgenant 1987), as a
    square of weights clipped at zero: leaving a pair out costs as much as matching it at the limit.
    """
    rows, cols = np.nonzero(similarity >= min_similarity)
    if not len(rows):
        return rows, cols
    per_row = np.bincount(rows, minlength=similarity.shape[0])
    per_col = np.bincount(cols, minlength=similarity.shape[1])
    alone = (per_row[rows] == 1) & (per_col[cols] == 1)
    if alone.all():
        return rows, cols
    rival_rows, rival_cols = rows[~alone], cols[~alone]
    solved = _solve(similarity, min_similarity, rival_rows, rival_cols)
    rows = np.concatenate([rows[alone], solved[0]])
    cols = np.concatenate([cols[alone], solved[1]])
    order = np.argsort(rows)
    return rows[order], cols[order]


def _solve(
    similarity: NDArray[np.floating], least: float, rows: Indices, cols: Indices
) -> tuple[Indices, Indices]:
    row_names, row_at = np.unique(rows, return_inverse=True)
    col_names, col_at = np.unique(cols, return_inverse=True)
    size = max(len(row_names), len(col_names))
    cost = np.zeros((size, size))
    # The tiny bonus makes a pair exactly at the limit a match.
    cost[row_at, col_at] = least - similarity[rows, cols] - 1e-9
    _, matched, _ = lap.lapjv(cost)
    chosen_rows = np.arange(len(row_names))
    chosen_cols = np.asarray(matched, np.int64)[: len(row_names)]
    real = cost[chosen_rows, chosen_cols] < 0
    return row_names[chosen_rows[real]], col_names[chosen_cols[real]]
