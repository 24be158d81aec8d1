"""Text on a picture, placed so that labels do not cover each other."""

from collections.abc import Sequence

import cv2
import numpy as np

from viseon.draw.palette import BLACK, WHITE, Colour, Image, ink, stroke, text_scale

_FONT = cv2.FONT_HERSHEY_SIMPLEX
Rect = tuple[int, int, int, int]


def labels(
    image: Image,
    texts: Sequence[str],
    at: Sequence[tuple[float, float]],
    *,
    colours: Sequence[Colour],
    taken: Sequence[Rect] = (),
) -> list[Rect]:
    """Write each text above its point (the top left corner of a box), moving it off earlier ones.

    Returns where the labels lie (x1, y1, x2, y2), which may be given as `taken` to the next call.
    """
    placed: list[Rect] = list(taken)
    for text, point, background in zip(texts, at, colours, strict=True):
        if text:
            rect = _place(image, text, point, placed)
            placed.append(rect)
            _write(image, text, rect, background)
    return placed[len(taken) :]


def caption(
    image: Image, text: str, at: tuple[float, float], *, background: Colour = BLACK
) -> Rect:
    """One text centred on a point, kept within the picture."""
    width, height = _size(image, text)
    corner = at[0] - width / 2, at[1] + height / 2
    return labels(image, [text], [corner], colours=[background])[0]


def _place(image: Image, text: str, point: tuple[float, float], placed: list[Rect]) -> Rect:
    """The free spot nearest to the point: above it, below, then further away."""
    width, height = _size(image, text)
    bottom, right = image.shape[:2]
    x = int(np.clip(point[0], 0, max(0, right - width)))
    first = point[1] - height
    spots = sorted((step * height for step in range(-6, 8)), key=abs)
    for move in spots:
        y = int(np.clip(first + move, 0, max(0, bottom - height)))
        rect = (x, y, x + width, y + height)
        if not any(_meet(rect, other) for other in placed):
            return rect
    y = int(np.clip(first, 0, max(0, bottom - height)))
    return (x, y, x + width, y + height)


def _write(image: Image, text: str, rect: Rect, background: Colour) -> None:
    pad = _pad(image)
    cv2.rectangle(image, rect[:2], (rect[2] - 1, rect[3] - 1), background, cv2.FILLED)
    (_, height), _ = _text_size(image, text)
    origin = rect[0] + pad, rect[1] + pad + height
    front = ink(background) if background != BLACK else WHITE
    cv2.putText(
        image,
        text,
        origin,
        _FONT,
        text_scale(image),
        front,
        max(1, stroke(image) // 2),
        cv2.LINE_AA,
    )


def _size(image: Image, text: str) -> tuple[int, int]:
    (width, height), below = _text_size(image, text)
    pad = _pad(image)
    return width + 2 * pad, height + below // 2 + 2 * pad


def _text_size(image: Image, text: str) -> tuple[tuple[int, int], int]:
    size, below = cv2.getTextSize(text, _FONT, text_scale(image), max(1, stroke(image) // 2))
    return (int(size[0]), int(size[1])), int(below)


def _pad(image: Image) -> int:
    return 1 + stroke(image)


def _meet(a: Rect, b: Rect) -> bool:
    return a[0] < b[2] and b[0] < a[2] and a[1] < b[3] and b[1] < a[3]
