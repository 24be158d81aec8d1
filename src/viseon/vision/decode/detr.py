"""Set predictors: DETR (Carion et al., arXiv 2005.12872) and those after it.

RT-DETR, D-FINE, RF-DETR and Deformable DETR score every class with a sigmoid; DETR has a softmax
with a last class for "nothing". None needs suppression.
"""

from collections.abc import Sequence
from typing import Literal

import numpy as np

from viseon.vision.decode.contract import (
    Array,
    Ask,
    BadOutputs,
    Floats,
    Found,
    as_float,
    best_class,
    best_first,
    corners,
)

_WANTS = (
    "boxes (batch, n, 4) and scores (batch, n, classes), or both in one (batch, n, 4 + classes)"
)


def detr(
    outputs: Sequence[Array],
    ask: Ask,
    /,
    *,
    activation: Literal["none", "sigmoid", "softmax"] = "sigmoid",
    fractions: bool = True,
) -> list[Found]:
    """Boxes as centre and size, `fractions` of the input, and a score or logit for each class.

    With `softmax` the last class means "nothing" and each query has one class; otherwise a query
    may stand for several.
    """
    boxes, scores = _pair(outputs)
    if fractions:
        boxes = boxes * np.array([ask.width, ask.height] * 2, np.float32)
    return [_read(b, s, activation, ask) for b, s in zip(boxes, scores, strict=True)]


def _pair(outputs: Sequence[Array]) -> tuple[Floats, Floats]:
    arrays = [as_float(output) for output in outputs]
    if len(arrays) == 1 and arrays[0].ndim == 3 and arrays[0].shape[2] > 4:
        return arrays[0][:, :, :4], arrays[0][:, :, 4:]
    if len(arrays) != 2 or any(a.ndim != 3 for a in arrays) or arrays[0].shape[2] != 4:
        shapes = ", ".join(str(a.shape) for a in arrays)
        raise BadOutputs(f"shapes {shapes}, but this decoder reads {_WANTS}")
    return arrays[0], arrays[1]


def _read(boxes: Floats, scores: Floats, activation: str, ask: Ask) -> Found:
    if activation == "softmax":
        score, class_id = best_class(softmax(scores)[:, :-1])
        rows = best_first(score, ask)
        return Found(corners(boxes[rows]), score[rows], class_id[rows])
    if activation == "sigmoid":
        scores = sigmoid(scores)
    flat = scores.ravel()
    chosen = best_first(flat, ask)
    rows, class_id = np.divmod(chosen, scores.shape[1])
    return Found(corners(boxes[rows]), flat[chosen], class_id.astype(np.int64))


def sigmoid(logits: Floats) -> Floats:
    """1 / (1 + e^-x) without overflow."""
    squashed: Floats = np.float32(0.5) * (np.tanh(np.float32(0.5) * logits) + np.float32(1))
    return squashed


def softmax(logits: Floats, axis: int = -1) -> Floats:
    """e^x over their sum, without overflow."""
    powers = np.exp(logits - logits.max(axis=axis, keepdims=True))
    shares: Floats = powers / powers.sum(axis=axis, keepdims=True)
    return shares
