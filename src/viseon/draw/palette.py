"""Colours and sizes that stay readable on any picture."""

import colorsys

import numpy as np
from numpy.typing import NDArray

Colour = tuple[int, int, int]
Image = NDArray[np.uint8]

WHITE: Colour = (255, 255, 255)
BLACK: Colour = (16, 16, 16)


def colour(number: int) -> Colour:
    """The BGR colour of a class or track: neighbours differ strongly (golden-ratio hues)."""
    hue = (0.58 + number * 0.61803398875) % 1.0
    value = (1.0, 0.82, 0.92)[number % 3]
    red, green, blue = colorsys.hsv_to_rgb(hue, (0.75, 0.9)[number % 2], value)
    return int(blue * 255), int(green * 255), int(red * 255)


def ink(background: Colour) -> Colour:
    """Black or white, whichever reads better on it (Rec. 601 luma)."""
    blue, green, red = background
    return BLACK if 0.114 * blue + 0.587 * green + 0.299 * red > 140 else WHITE


def stroke(image: Image) -> int:
    """Line width in pixels: 1 at 320 px, 2 at 720p, 6 at 4K."""
    return max(1, round(_short_side(image) / 360))


def text_scale(image: Image) -> float:
    """OpenCV font scale: legible from 320 px to 4K."""
    return max(0.36, _short_side(image) / 1200)


def _short_side(image: Image) -> int:
    return int(min(image.shape[:2]))
