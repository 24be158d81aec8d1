"""Pictures looked at in squares, and what that may take."""

from collections.abc import Callable

import numpy as np

from viseon.deployments.engine import Spent
from viseon.inference.preprocess import Pixels
from viseon.schema import InputSpec, Invalid
from viseon.vision import Detections
from viseon.vision.tile import Tile, Tiler

Found = list[tuple[Detections, Spent]]


class Squares:
    """The picture in squares and once as a whole (Akyon et al., arXiv 2202.06934)."""

    def __init__(self, side: int, overlap: float) -> None:
        """`side` in pixels of the picture; `overlap` is what neighbours share, from 0 to 0.9."""
        self._side = side
        self._tiler = Tiler(size=(side, side), overlap=overlap)

    def count(self, width: int, height: int) -> int:
        """How many looks a picture of that size takes."""
        squares = self._tiler.count(width, height)
        return squares if squares == 1 and max(width, height) <= self._side else squares + 1

    def check(self, count: int, most: int) -> None:
        """Raises Invalid where more would wait than may: each is a tensor in memory."""
        if count > most:
            raise Invalid(
                f"tile: squares of {self._side} pixels would be {count} pictures for the model, "
                f"and {most} may wait",
                fix="take larger squares or less overlap, or raise the deployment's queue",
            )

    def look(self, ask: Callable[[list[Pixels]], Found], frame: Pixels) -> tuple[Detections, Spent]:
        """What is in the picture, and where the time went."""
        height, width = frame.shape[:2]
        tiles = self._tiler.tiles(width, height)
        whole = Tile(0, 0, width, height)
        if tiles != [whole]:
            tiles.append(whole)
        seen = ask([tile.of(frame) for tile in tiles])
        parts = [(tile, found) for tile, (found, _) in zip(tiles, seen, strict=True)]
        spent = [s for _, s in seen]
        return self._tiler.merge(parts, width=width, height=height), Spent(
            sum(s.pre_s for s in spent),
            max(s.queue_s for s in spent),
            max(s.model_s for s in spent),
            sum(s.post_s for s in spent),
            max(s.batch for s in spent),
        )


def tensor_bytes(spec: InputSpec) -> int:
    """What one picture takes, ready for the model."""
    return spec.width * spec.height * 3 * np.dtype(spec.dtype).itemsize
