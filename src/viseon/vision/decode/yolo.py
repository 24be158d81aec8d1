"""The YOLO line: with objectness (v5, v7), anchor-free (v8 to v13), and end-to-end (v10, v26).

Shapes and columns as their exporters write them. Instance masks are those of YOLACT (Bolya et al.,
arXiv 1904.02689): coefficients of each object times prototypes of the picture.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

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
    survivors,
)
from viseon.vision.decode.rotated import rotated_corners, rotated_survivors

_V5 = "(batch, n, 5 + classes + masks)"
_V8 = "(batch, 4 + classes + masks + keypoints + angle, n)"
_END = "(batch, n, 6 + masks + keypoints + angle)"


def yolov5(outputs: Sequence[Array], ask: Ask, /, *, masks: int = 0) -> list[Found]:
    """Rows of centre, size (input pixels), objectness, class scores, mask coefficients."""
    rows, protos = _split(outputs, masks, _V5)
    if rows.shape[2] < 6 + masks:
        raise BadOutputs(f"shape {rows.shape}, but this decoder reads {_V5}")
    found = []
    for index, picture in enumerate(rows):
        hopeful = picture[picture[:, 4] >= ask.min_score]
        columns = hopeful[:, 5 : hopeful.shape[1] - masks]
        score, class_id = best_class(columns * hopeful[:, 4:5])
        good = score >= ask.min_score
        hopeful, score, class_id = hopeful[good], score[good], class_id[good]
        xyxy = corners(hopeful[:, :4])
        keep = survivors(xyxy, score, class_id, ask)
        mask = _masks(hopeful[keep, hopeful.shape[1] - masks :], protos, index)
        found.append(Found(xyxy[keep], score[keep], class_id[keep], mask))
    return found


def yolov8(
    outputs: Sequence[Array],
    ask: Ask,
    /,
    *,
    masks: int = 0,
    keypoints: Sequence[int] = (),
    rotated: bool = False,
    transposed: bool = False,
) -> list[Found]:
    """Columns of centre, size (input pixels), class scores, then what the task adds.

    `masks` coefficients (prototypes are the second output), `keypoints` as (points, 2 or 3), or one
    angle in radians if `rotated`. `transposed` says that there is a row per box instead.
    """
    columns, protos = _split(outputs, masks, _V8)
    if transposed:
        columns = columns.swapaxes(1, 2)
    tail = masks + _count(keypoints) + rotated
    if columns.shape[1] < 5 + tail:
        raise BadOutputs(f"shape {columns.shape}, but this decoder reads {_V8}")
    found = []
    for index, picture in enumerate(columns):
        classes = picture[4 : len(picture) - tail]
        score = classes.max(axis=0)
        at = np.flatnonzero(score >= ask.min_score)
        rows, class_id = picture[:, at].T, classes[:, at].argmax(axis=0).astype(np.int64)
        extra = rows[:, rows.shape[1] - tail :]
        if rotated:
            found.append(_rotated(rows[:, :4], score[at], class_id, extra[:, -1], ask))
            continue
        xyxy = corners(rows[:, :4])
        keep = survivors(xyxy, score[at], class_id, ask)
        found.append(
            Found(
                xyxy[keep],
                score[at][keep],
                class_id[keep],
                _masks(extra[keep, :masks], protos, index),
                _points(extra[keep, masks:], keypoints),
            )
        )
    return found


def yolov10(
    outputs: Sequence[Array],
    ask: Ask,
    /,
    *,
    masks: int = 0,
    keypoints: Sequence[int] = (),
    rotated: bool = False,
) -> list[Found]:
    """Rows of x1, y1, x2, y2 (input pixels), score, class, then as `yolov8`; already suppressed.

    A `rotated` row is centre, size, score, class, angle.
    """
    rows, protos = _split(outputs, masks, _END)
    if rows.shape[2] != 6 + masks + _count(keypoints) + rotated:
        raise BadOutputs(f"shape {rows.shape}, but this decoder reads {_END}")
    found = []
    for index, picture in enumerate(rows):
        kept = picture[best_first(picture[:, 4], ask)]
        score, class_id, extra = kept[:, 4], kept[:, 5].astype(np.int64), kept[:, 6:]
        if rotated:
            found.append(_turned(kept[:, :4], score, class_id, extra[:, -1]))
            continue
        mask = _masks(extra[:, :masks], protos, index)
        points = _points(extra[:, masks:], keypoints)
        found.append(Found(kept[:, :4], score, class_id, mask, points))
    return found


def _split(outputs: Sequence[Array], masks: int, wants: str) -> tuple[Floats, Floats | None]:
    """The rows, and the prototypes (batch, masks, h, w) where there are masks."""
    needed = 2 if masks else 1
    if len(outputs) != needed:
        raise BadOutputs(f"{len(outputs)} outputs, but {needed} are needed: {wants}")
    rows = as_float(outputs[0])
    if rows.ndim != 3:
        raise BadOutputs(f"shape {rows.shape}, but this decoder reads {wants}")
    if not masks:
        return rows, None
    protos = as_float(outputs[1])
    if protos.ndim != 4 or protos.shape[1] != masks:
        raise BadOutputs(f"prototypes of shape {protos.shape}, expected (batch, {masks}, h, w)")
    return rows, protos


def _masks(coefficients: Floats, protos: Floats | None, index: int) -> Floats | None:
    if protos is None:
        return None
    _, height, width = protos[index].shape
    flat: Floats = coefficients @ protos[index].reshape(len(protos[index]), -1)
    return flat.reshape(len(coefficients), height, width)


def _points(columns: Floats, keypoints: Sequence[int]) -> Floats | None:
    if not keypoints:
        return None
    points = columns.reshape(len(columns), *keypoints)
    if keypoints[1] == 2:
        sure = np.ones((*points.shape[:2], 1), np.float32)
        points = np.concatenate([points, sure], axis=2)
    return points


def _count(keypoints: Sequence[int]) -> int:
    if len(keypoints) not in (0, 2) or (keypoints and keypoints[1] not in (2, 3)):
        raise BadOutputs(f"keypoints {list(keypoints)}: give how many, and 2 or 3 numbers for each")
    return keypoints[0] * keypoints[1] if keypoints else 0


def _rotated(
    cxcywh: Floats, score: Floats, class_id: NDArray[np.int64], angle: Floats, ask: Ask
) -> Found:
    keep = rotated_survivors(cxcywh, angle, score, class_id, ask)
    return _turned(cxcywh[keep], score[keep], class_id[keep], angle[keep])


def _turned(cxcywh: Floats, score: Floats, class_id: NDArray[np.int64], angle: Floats) -> Found:
    """The four corners as keypoints, the box around them as xyxy."""
    points = rotated_corners(cxcywh, angle)
    xyxy = np.concatenate([points.min(axis=1), points.max(axis=1)], axis=1)
    sure = np.broadcast_to(score[:, None, None], (*points.shape[:2], 1))
    return Found(xyxy, score, class_id, keypoints=np.concatenate([points, sure], axis=2))
