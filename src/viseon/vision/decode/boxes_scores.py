"""Heads that give boxes and class scores as two tensors, as most exporters do."""

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
    corners,
    survivors,
)

Layout = Literal["xyxy", "cxcywh"]


def boxes_scores(
    outputs: Sequence[Array],
    ask: Ask,
    /,
    *,
    layout: Layout = "xyxy",
    fractions: bool = False,
    background: int | None = None,
) -> list[Found]:
    """Boxes (batch, n, 4) in input pixels or `fractions` of it; scores (batch, n, classes) in 0..1.

    `background` is the column of the scores that means "nothing" and is not a class.
    """
    if len(outputs) != 2:
        raise BadOutputs(f"{len(outputs)} outputs, but two are needed: boxes, then scores")
    boxes, scores = (as_float(output) for output in outputs)
    if boxes.ndim != 3 or boxes.shape[2] != 4 or boxes.shape[:2] != scores.shape[:2]:
        raise BadOutputs(
            f"shapes {boxes.shape} and {scores.shape}, but boxes are (batch, n, 4) and scores "
            "(batch, n, classes)"
        )
    if background is not None:
        scores = np.delete(scores, background, axis=2)
    if fractions:
        boxes = boxes * np.array([ask.width, ask.height] * 2, np.float32)
    return [_pick(b, s, layout, ask) for b, s in zip(boxes, scores, strict=True)]


def _pick(boxes: Floats, scores: Floats, layout: Layout, ask: Ask) -> Found:
    score, class_id = best_class(scores)
    good = score >= ask.min_score
    xyxy = corners(boxes[good]) if layout == "cxcywh" else boxes[good]
    keep = survivors(xyxy, score[good], class_id[good], ask)
    return Found(xyxy[keep], score[good][keep], class_id[good][keep])
