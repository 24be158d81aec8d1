"""From mask logits on a model's input to masks on the frame."""

import numpy as np
from numpy.typing import NDArray

from viseon.inference.geometry import Placement
from viseon.vision.masks import RleMasks, encode

_DENSE_BYTES = 32_000_000


def on_frame(
    logits: NDArray[np.float32],
    xyxy: NDArray[np.float32],
    placement: Placement,
    input_size: tuple[int, int],
) -> NDArray[np.bool_] | RleMasks:
    """Masks (n, frame height, frame width): where the logits, sampled bilinearly at each pixel's
    centre, are above 0. A mask ends with its box (`xyxy`, frame pixels), as in YOLACT.

    Many masks of a large frame come run-length encoded, because they would not fit otherwise.
    """
    area = placement.frame_height * placement.frame_width
    if len(logits) * area <= _DENSE_BYTES:
        return _dense(logits, xyxy, placement, input_size)
    parts = [
        encode(_dense(logits[i : i + 1], xyxy[i : i + 1], placement, input_size))
        for i in range(len(logits))
    ]
    return parts[0].joined(parts[1:])


def _dense(
    logits: NDArray[np.float32],
    xyxy: NDArray[np.float32],
    placement: Placement,
    input_size: tuple[int, int],
) -> NDArray[np.bool_]:
    canvas = np.zeros((len(logits), placement.frame_height, placement.frame_width), np.bool_)
    rows_at = _samples(placement.frame_height, placement.scale[1], placement.top)
    cols_at = _samples(placement.frame_width, placement.scale[0], placement.left)
    rows_at = rows_at * (logits.shape[1] / input_size[1]) - 0.5
    cols_at = cols_at * (logits.shape[2] / input_size[0]) - 0.5
    for index, (x1, y1, x2, y2) in enumerate(xyxy):
        top, bottom = _span(y1, y2, placement.frame_height)
        left, right = _span(x1, x2, placement.frame_width)
        if bottom > top and right > left:
            patch = _bilinear(logits[index], rows_at[top:bottom], cols_at[left:right])
            canvas[index, top:bottom, left:right] = patch > 0
    return canvas


def _samples(frame: int, scale: float, offset: int) -> NDArray[np.float64]:
    """Where on the input the centre of each frame pixel lies."""
    at: NDArray[np.float64] = (np.arange(frame, dtype=np.float64) + 0.5) * scale + offset
    return at


def _span(low: float, high: float, size: int) -> tuple[int, int]:
    """Pixels whose centre lies between, within the frame."""
    first, last = np.ceil(low - 0.5), np.ceil(high - 0.5)
    return int(np.clip(first, 0, size)), int(np.clip(last, 0, size))


def _bilinear(
    image: NDArray[np.float32], rows: NDArray[np.float64], cols: NDArray[np.float64]
) -> NDArray[np.float32]:
    y, x = np.clip(rows, 0, image.shape[0] - 1), np.clip(cols, 0, image.shape[1] - 1)
    top, left = y.astype(np.int64), x.astype(np.int64)
    bottom = np.minimum(top + 1, image.shape[0] - 1)
    right = np.minimum(left + 1, image.shape[1] - 1)
    down, across = (y - top).astype(np.float32)[:, None], (x - left).astype(np.float32)
    above = image[top][:, left] * (1 - across) + image[top][:, right] * across
    below = image[bottom][:, left] * (1 - across) + image[bottom][:, right] * across
    blended: NDArray[np.float32] = above * (1 - down) + below * down
    return blended
