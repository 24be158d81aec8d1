"""Models that finish the job inside the graph: boxes, scores and classes come out as lists."""

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
    corners,
    one_output,
)

Layout = Literal["xyxy", "yxyx", "cxcywh"]


def postprocessed(
    outputs: Sequence[Array],
    ask: Ask,
    /,
    *,
    layout: Layout = "xyxy",
    fractions: bool = False,
    first_class: int = 0,
) -> list[Found]:
    """Boxes (batch, n, 4), scores (batch, n), classes (batch, n), and perhaps how many are real.

    The batch axis may be missing for one picture, as torchvision exports it. Classes count from
    `first_class`; lower ones are dropped as background.
    """
    if len(outputs) not in (3, 4):
        raise BadOutputs(f"{len(outputs)} outputs, but boxes, scores and classes are needed")
    boxes, scores, classes = (as_float(output) for output in outputs[:3])
    if boxes.ndim == 2:
        boxes, scores, classes = boxes[None], scores[None], classes[None]
    if (
        boxes.ndim != 3
        or boxes.shape[2] != 4
        or not (boxes.shape[:2] == scores.shape == classes.shape)
    ):
        shapes = ", ".join(str(a.shape) for a in (boxes, scores, classes))
        raise BadOutputs(f"shapes {shapes}, expected (batch, n, 4), (batch, n), (batch, n)")
    if fractions:
        boxes = boxes * _sizes(layout, ask)
    counts = np.asarray(outputs[3]).ravel() if len(outputs) == 4 else [boxes.shape[1]] * len(boxes)
    found = []
    for box, score, labels, count in zip(boxes, scores, classes, counts, strict=True):
        class_id = labels[: int(count)].astype(np.int64) - first_class
        usable = np.where(class_id >= 0, score[: int(count)], np.float32(-1))
        rows = best_first(usable, ask)
        found.append(Found(_xyxy(box[rows], layout), score[rows], class_id[rows]))
    return found


def detection_output(outputs: Sequence[Array], ask: Ask, /, *, first_class: int = 1) -> list[Found]:
    """Rows of image number, class, score, x1, y1, x2, y2 in fractions: (1, 1, n, 7).

    What Caffe's and OpenVINO's DetectionOutput layers give for one picture.
    """
    rows = one_output(outputs, "(1, 1, n, 7)")
    if rows.shape[-1] != 7:
        raise BadOutputs(f"shape {rows.shape}, expected (1, 1, n, 7)")
    flat = rows.reshape(-1, 7)
    flat = flat[(flat[:, 0] == 0) & (flat[:, 1] >= first_class)]
    chosen = flat[best_first(flat[:, 2], ask)]
    xyxy = chosen[:, 3:] * _sizes("xyxy", ask)
    return [Found(xyxy, chosen[:, 2], chosen[:, 1].astype(np.int64) - first_class)]


def _sizes(layout: Layout, ask: Ask) -> Floats:
    pair = [ask.height, ask.width] if layout == "yxyx" else [ask.width, ask.height]
    return np.array(pair * 2, np.float32)


def _xyxy(boxes: Floats, layout: Layout) -> Floats:
    if layout == "cxcywh":
        return corners(boxes)
    return boxes[:, [1, 0, 3, 2]] if layout == "yxyx" else boxes
