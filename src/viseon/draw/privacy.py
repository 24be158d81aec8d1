"""Making people unrecognisable."""

from collections.abc import Iterator

import cv2
import numpy as np
from numpy.typing import NDArray

from viseon.draw.palette import Image


def pixelate(image: Image, xyxy: NDArray[np.floating], *, blocks: int = 8) -> Image:
    """Replace each box by at most `blocks` x `blocks` cells of one colour. Changes `image`.

    The cells are averages, so nothing finer than a cell survives, whatever the size of the box.
    """
    for part in _parts(image, xyxy):
        height, width = part.shape[:2]
        cells = min(blocks, width), min(blocks, height)
        coarse = cv2.resize(part, cells, interpolation=cv2.INTER_AREA)
        part[:] = cv2.resize(coarse, (width, height), interpolation=cv2.INTER_NEAREST)
    return image


def blur(image: Image, xyxy: NDArray[np.floating], *, strength: float = 0.25) -> Image:
    """Blur each box with a kernel of `strength` times its shorter side. Changes `image`."""
    for part in _parts(image, xyxy):
        size = max(3, int(min(part.shape[:2]) * strength) | 1)
        part[:] = cv2.GaussianBlur(part, (size, size), 0)
    return image


def _parts(image: Image, xyxy: NDArray[np.floating]) -> Iterator[Image]:
    """The parts of the picture in the boxes, rounded outwards so that no edge stays visible."""
    height, width = image.shape[:2]
    low = np.floor(xyxy[:, :2]).astype(int).clip(0, (width, height)).tolist()
    high = np.ceil(xyxy[:, 2:]).astype(int).clip(0, (width, height)).tolist()
    for (x1, y1), (x2, y2) in zip(low, high, strict=True):
        if x2 > x1 and y2 > y1:
            yield image[y1:y2, x1:x2]
