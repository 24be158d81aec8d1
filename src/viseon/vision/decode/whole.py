"""Models about the whole picture: classifiers, and semantic segmentation."""

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
    best_first,
    one_output,
)
from viseon.vision.decode.detr import sigmoid, softmax


def classify(
    outputs: Sequence[Array],
    ask: Ask,
    /,
    *,
    activation: Literal["none", "softmax", "sigmoid"] = "none",
    top: int = 5,
) -> list[Found]:
    """Scores or logits (batch, classes): the best `top` classes, boxed by the whole input."""
    scores = one_output(outputs, "(batch, classes)")
    scores = scores.reshape(len(scores), -1)
    if scores.shape[1] < 1:
        raise BadOutputs(f"shape {scores.shape}, expected (batch, classes)")
    if activation != "none":
        scores = softmax(scores) if activation == "softmax" else sigmoid(scores)
    found = []
    for row in scores:
        class_id = best_first(row, ask)[:top]
        box = np.array([[0, 0, ask.width, ask.height]], np.float32)
        found.append(Found(np.repeat(box, len(class_id), axis=0), row[class_id], class_id))
    return found


def semantic(
    outputs: Sequence[Array], ask: Ask, /, *, background: int | None = None
) -> list[Found]:
    """Logits or scores (batch, classes, h, w), or class numbers (batch, h, w): one mask per class.

    Its box is the mask's extent; its score the mean softmax share of its pixels, 1 for class
    numbers. `background` is the class that is not reported.
    """
    if len(outputs) != 1:
        raise BadOutputs(f"{len(outputs)} outputs, expected one: (batch, classes, h, w)")
    array = outputs[0]
    if array.ndim == 4 and array.shape[1] > 1:
        return [_classes(as_float(picture), background, ask) for picture in array]
    if array.ndim == 4:
        if np.issubdtype(array.dtype, np.floating):
            pairs = np.concatenate([-as_float(array), as_float(array)], axis=1)
            return [_foreground(pair, ask) for pair in pairs]
        array = array[:, 0]
    if array.ndim != 3:
        raise BadOutputs(f"shape {array.shape}, expected (batch, classes, h, w) or (batch, h, w)")
    return [_labels(picture.astype(np.int64), background, ask) for picture in array]


def _classes(logits: Floats, background: int | None, ask: Ask) -> Found:
    order = np.partition(logits, -2, axis=0)
    best, second = order[-1], order[-2]
    winner = logits.argmax(axis=0)
    share = logits if _are_shares(logits) else softmax(logits, axis=0)
    masks, scores, ids = [], [], []
    for number in np.unique(winner).tolist():
        inside = winner == number
        score = float(share[number][inside].mean())
        if number != background and score >= ask.min_score:
            rival = np.where(inside, second, best)
            masks.append(logits[number] - rival + np.where(inside, np.float32(1e-6), 0))
            scores.append(score)
            ids.append(number)
    return _found(masks, scores, ids, ask)


def _foreground(pair: Floats, ask: Ask) -> Found:
    """One channel of logits: everything above 0 is class 0."""
    inside = pair[1] > 0
    if not inside.any():
        return _found([], [], [], ask)
    score = float(sigmoid(pair[1][inside]).mean())
    return (
        _found([pair[1]], [score], [0], ask) if score >= ask.min_score else _found([], [], [], ask)
    )


def _labels(labels: np.ndarray, background: int | None, ask: Ask) -> Found:
    ids = [int(n) for n in np.unique(labels) if n != background and n >= 0]
    masks = [np.where(labels == n, np.float32(1), np.float32(-1)) for n in ids]
    return _found(masks, [1.0] * len(ids), ids, ask)


def _found(masks: list[Floats], scores: list[float], ids: list[int], ask: Ask) -> Found:
    if not masks:
        return Found(
            np.empty((0, 4), np.float32), np.empty(0, np.float32), np.empty(0, np.int64),
            np.empty((0, 1, 1), np.float32),
        )  # fmt: skip
    mask = np.stack(masks).astype(np.float32)
    order = np.argsort(-np.array(scores), kind="stable")[: ask.max_found]
    xyxy = np.stack([_extent(mask[i] > 0, ask) for i in order])
    return Found(
        xyxy, np.array(scores, np.float32)[order], np.array(ids, np.int64)[order], mask[order]
    )


def _extent(inside: np.ndarray, ask: Ask) -> Floats:
    rows, columns = np.flatnonzero(inside.any(axis=1)), np.flatnonzero(inside.any(axis=0))
    across, down = ask.width / inside.shape[1], ask.height / inside.shape[0]
    edges = [columns[0] * across, rows[0] * down, (columns[-1] + 1) * across, (rows[-1] + 1) * down]
    return np.array(edges, np.float32)


def _are_shares(scores: Floats) -> bool:
    return bool(scores.min() >= 0 and np.allclose(scores.sum(axis=0), 1, atol=1e-3))
