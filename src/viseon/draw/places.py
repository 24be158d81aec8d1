"""Lines and zones with their counts."""

from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from viseon.draw.labels import caption
from viseon.draw.palette import Colour, Image, stroke
from viseon.draw.shapes import fill


class Counted(Protocol):
    """A line as it is drawn: `viseon.vision.Line`, or anything that knows as much."""

    @property
    def start(self) -> tuple[float, float]:
        """Where the arrow begins, pixels."""
        ...

    @property
    def end(self) -> tuple[float, float]:
        """Where it points, pixels."""
        ...

    @property
    def count_in(self) -> int:
        """Crossings to its "in" side."""
        ...

    @property
    def count_out(self) -> int:
        """Crossings back."""
        ...


class Watched(Protocol):
    """A zone as it is drawn: `viseon.vision.Zone`, or anything that knows as much."""

    @property
    def corners(self) -> NDArray[np.float64]:
        """The outer ring (k, 2), pixels."""
        ...

    @property
    def holes(self) -> tuple[NDArray[np.float64], ...]:
        """The rings cut out of it."""
        ...

    @property
    def count(self) -> int:
        """How many are inside."""
        ...


_LINE: Colour = (60, 220, 255)
_ZONE: Colour = (255, 170, 60)


def line(image: Image, counted: Counted, *, name: str = "", tint: Colour = _LINE) -> Image:
    """Draw a line, an arrow to its "in" side and both counts. Changes `image`."""
    start, end = np.asarray(counted.start), np.asarray(counted.end)
    width = stroke(image)
    cv2.line(image, _pixel(start), _pixel(end), tint, width + 1, cv2.LINE_AA)
    for point in (start, end):
        cv2.circle(image, _pixel(point), 2 * width + 1, tint, cv2.FILLED, cv2.LINE_AA)
    along = (end - start) / np.hypot(*(end - start))
    inward = np.array([-along[1], along[0]])
    middle = (start + end) / 2
    tip = middle + inward * 12 * width
    cv2.arrowedLine(image, _pixel(middle), _pixel(tip), tint, width, cv2.LINE_AA, tipLength=0.4)
    text = f"{name} in {counted.count_in} out {counted.count_out}".strip()
    x, y = middle - inward * 10 * width
    caption(image, text, (float(x), float(y)))
    return image


def zone(
    image: Image, watched: Watched, *, name: str = "", tint: Colour = _ZONE, opacity: float = 0.25
) -> Image:
    """Draw a zone's polygon, its holes left clear, and how many are inside. Changes `image`."""
    rings = [np.round(r).astype(np.int32) for r in (watched.corners, *watched.holes)]
    fill(image, rings, tint, opacity)
    cv2.polylines(image, rings, True, tint, stroke(image), cv2.LINE_AA)
    text = f"{name} {watched.count}".strip()
    middle = rings[0].mean(axis=0)
    caption(image, text, (float(middle[0]), float(middle[1])))
    return image


def _pixel(point: NDArray[np.float64]) -> tuple[int, int]:
    return round(float(point[0])), round(float(point[1]))
