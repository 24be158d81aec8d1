"""YOLOX (Ge et al., arXiv 2107.08430): one row per grid cell, objectness times class score."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from viseon.vision.decode.contract import (
    Array,
    Ask,
    BadOutputs,
    Floats,
    Found,
    best_class,
    corners,
    one_output,
    survivors,
)

_WANTS = "(batch, cells, 5 + classes) with cells = the sum of width/stride x height/stride"


def yolox(
    outputs: Sequence[Array],
    ask: Ask,
    /,
    *,
    strides: Sequence[int] = (8, 16, 32),
    decoded: bool = False,
) -> list[Found]:
    """Rows of dx, dy, log w, log h, objectness, class scores (both already sigmoid).

    Raw rows become centre = (d + cell) * stride, size = exp(log) * stride; with `decoded` they are
    centres and sizes in input pixels already.
    """
    rows = one_output(outputs, _WANTS)
    if rows.ndim != 3 or rows.shape[2] < 6:
        raise BadOutputs(f"shape {rows.shape}, but YOLOX gives {_WANTS}")
    if decoded:
        return [_pick(picture, None, ask) for picture in rows]
    cells = grid(ask.width, ask.height, strides)
    if len(cells) != rows.shape[1]:
        raise BadOutputs(
            f"{rows.shape[1]} rows, but a {ask.width}x{ask.height} input with strides "
            f"{tuple(strides)} has {len(cells)} cells; pass the model's strides"
        )
    return [_pick(picture, cells, ask) for picture in rows]


def grid(width: int, height: int, strides: Sequence[int]) -> Floats:
    """Column, row and stride (n, 3) of every cell: strides in order, then rows, then columns."""
    parts = []
    for stride in strides:
        y, x = np.mgrid[: height // stride, : width // stride]
        parts.append(np.stack([x, y, np.full_like(x, stride)], axis=-1).reshape(-1, 3))
    return np.concatenate(parts).astype(np.float32)


def _pick(rows: Floats, cells: Floats | None, ask: Ask) -> Found:
    hopeful = np.flatnonzero(rows[:, 4] >= ask.min_score)  # a class score never exceeds 1
    score, class_id = best_class(rows[hopeful, 5:] * rows[hopeful, 4:5])
    good = score >= ask.min_score
    hopeful, score, class_id = hopeful[good], score[good], class_id[good]
    xyxy = corners(rows[hopeful, :4] if cells is None else _placed(rows[hopeful], cells[hopeful]))
    keep = survivors(xyxy, score, class_id, ask)
    return Found(xyxy[keep], score[keep], class_id[keep])


def _placed(rows: Floats, cells: Floats) -> NDArray[np.float32]:
    centre = (rows[:, :2] + cells[:, :2]) * cells[:, 2:]
    with np.errstate(over="ignore"):  # an endless box is dropped later
        size = np.exp(rows[:, 2:4]) * cells[:, 2:]
    return np.concatenate([centre, size], axis=1)
