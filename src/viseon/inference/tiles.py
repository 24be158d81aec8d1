"""Looking at a large picture in pieces, so that small objects are large enough to be found.

Slicing Aided Hyper Inference (Akyon et al., arXiv 2202.06934), with the whole picture as one more.
"""

from collections.abc import Sequence

import numpy as np

from viseon.inference.preprocess import Pixels
from viseon.vision import Detections
from viseon.vision.boxes import nms


def tiles(
    width: int, height: int, side: int, *, overlap: float = 0.2
) -> list[tuple[int, int, int, int]]:
    """Windows x1, y1, x2, y2 of at most `side` that cover the picture and share `overlap`.

    Raises ValueError where a side is not positive or the overlap not in [0, 0.9].
    """
    if side < 1 or not 0 <= overlap <= 0.9:
        raise ValueError(f"tile side {side}, overlap {overlap}: give a side ≥ 1, overlap 0..0.9")
    across, down = _starts(width, side, overlap), _starts(height, side, overlap)
    return [(x, y, min(x + side, width), min(y + side, height)) for y in down for x in across]


def crops(frame: Pixels, windows: Sequence[tuple[int, int, int, int]]) -> list[Pixels]:
    """The pixels of each window."""
    return [np.ascontiguousarray(frame[y1:y2, x1:x2]) for x1, y1, x2, y2 in windows]


def merged(
    parts: Sequence[Detections],
    windows: Sequence[tuple[int, int, int, int]],
    *,
    min_overlap: float = 0.5,
) -> Detections:
    """What was seen in the windows, in pixels of the picture, with duplicates at the seams gone.

    A box goes if a better one of its class covers more than `min_overlap` of the smaller of both:
    half an object in one window lies inside the whole one in the next.
    """
    moved = [part.moved(x1, y1) for part, (x1, y1, _, _) in zip(parts, windows, strict=True)]
    every = Detections.concat(moved)
    keep = nms(every.xyxy, every.score, min_iou=min_overlap, class_id=every.class_id, metric="ios")
    return every.where(keep)


def _starts(length: int, side: int, overlap: float) -> list[int]:
    if length <= side:
        return [0]
    step = max(int(side * (1 - overlap)), 1)
    starts = list(range(0, length - side, step))
    return [*starts, length - side]
