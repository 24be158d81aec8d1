"""Labelled pictures to learn from: this street and others, in other light."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from viseon.scene.chance import Chance, grain
from viseon.scene.paint import Pixels
from viseon.scene.png import png
from viseon.scene.street import HEIGHT, WIDTH, Style, varied
from viseon.scene.world import World

SIZE = (256, 160)
"""Width and height of a training picture."""
_STREETS = 12
_SCALES = (40, 45, 50, 50, 50, 56, 64)
_SEEN = 0.25
"""A person is labelled when at least this share of it shows."""


@dataclass(frozen=True, slots=True, eq=False)
class Labelled:
    """One training picture: `pixels` BGR; `xyxy` (n, 4) float32 pixels of the people in it."""

    filename: str
    pixels: Pixels
    xyxy: NDArray[np.float32]
    split: Literal["train", "val"]

    def png(self) -> bytes:
        """The picture as a file, the same bytes on every machine."""
        return png(self.pixels)


def training_images(count: int = 300, seed: int = 1) -> Iterator[Labelled]:
    """`count` pictures of people before shops; every fifth is for validation."""
    for number in range(count):
        chance = Chance(seed, number, 77)
        street, scale = _street(seed, chance.below(2 * _STREETS))
        size = (WIDTH * scale // 100, HEIGHT * scale // 100)
        world = World(chance.below(1 << 30), size=size, people=chance.between(5, 13), style=street)
        index = chance.between(50, 1500)
        left, top = chance.below(size[0] - SIZE[0] + 1), _top(chance, size[1])
        boxes = _cropped(world, index, left, top)
        pixels = _padded(world.frame(index), left, top)
        split: Literal["train", "val"] = "val" if number % 5 == 4 else "train"
        yield Labelled(f"street-{number:04d}.png", _lit(pixels, chance), boxes, split)


@lru_cache(maxsize=64)
def _street(seed: int, number: int) -> tuple[Style, int]:
    """One of the streets and how large it is drawn; half of all are the default one."""
    chance = Chance(seed, number, 78)
    scale = _SCALES[number % len(_SCALES)]
    return (varied(chance) if number < _STREETS else Style()), scale


def _top(chance: Chance, height: int) -> int:
    return chance.below(height - SIZE[1] + 1) if height > SIZE[1] else 0


def _padded(frame: Pixels, left: int, top: int) -> Pixels:
    """The crop; rows that a small street does not have are grey."""
    part = frame[top : top + SIZE[1], left : left + SIZE[0]]
    missing = SIZE[1] - part.shape[0]
    return np.pad(part, ((0, missing), (0, 0), (0, 0)), constant_values=114)


def _cropped(world: World, index: int, left: int, top: int) -> NDArray[np.float32]:
    truth = world.truth(index)
    offset = np.array([left, top, left, top], np.float32)
    inside = np.clip(truth.xyxy - offset, 0, np.array([*SIZE, *SIZE], np.float32))
    whole, shown = _area(truth.xyxy), _area(inside)
    keep = (truth.visible * shown >= _SEEN * whole) & (shown >= 24)
    kept: NDArray[np.float32] = inside[keep]
    return kept


def _area(xyxy: NDArray[np.float32]) -> NDArray[np.float32]:
    sides: NDArray[np.float32] = xyxy[:, 2:] - xyxy[:, :2]
    area: NDArray[np.float32] = sides[:, 0] * sides[:, 1]
    return area


def _lit(pixels: Pixels, chance: Chance) -> Pixels:
    """The picture in another light, with a camera's noise."""
    bright = chance.between(62, 122)
    gains = np.array([bright + chance.between(-9, 9) for _ in range(3)], np.int32)
    lift = chance.between(-8, 14)
    h, w = pixels.shape[:2]
    noise = grain(np.arange(w)[None], np.arange(h)[:, None], chance.below(1 << 30)) - 128
    shift = noise * chance.between(0, 9) // 128 + lift
    lit: Pixels = np.clip(pixels.astype(np.int32) * gains // 100 + shift[..., None], 0, 255).astype(
        np.uint8
    )
    return lit
