"""Where a frame lies on a model's input, and the way back, exact below the pixel."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from viseon.schema import InputSpec

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Placement:
    """A frame, resized to `width` x `height`, with its corner at `left`, `top` of the input.

    Coordinates are continuous: pixel i covers [i, i + 1), so the map of edges has no half-pixel
    terms. Each axis is scaled by the size the picture really got, which rounding makes differ a
    little from the ideal; with a `ratio` both are scaled by that.
    """

    frame_width: int
    frame_height: int
    width: int
    height: int
    left: int = 0
    top: int = 0
    ratio: float | None = None

    @property
    def scale(self) -> tuple[float, float]:
        """Input pixels per frame pixel, across and down."""
        if self.ratio is not None:
            return self.ratio, self.ratio
        return self.width / self.frame_width, self.height / self.frame_height

    def to_frame(self, points: Floats) -> Floats:
        """Points (n, 2) or boxes (n, 4) of the input, in pixels of the frame."""
        offset, scale = self._map(points.shape[-1])
        moved: Floats = ((points - offset) / scale).astype(np.float32)
        return moved

    def to_input(self, points: Floats) -> Floats:
        """Points (n, 2) or boxes (n, 4) of the frame, in pixels of the input."""
        offset, scale = self._map(points.shape[-1])
        moved: Floats = (points * scale + offset).astype(np.float32)
        return moved

    def _map(self, columns: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        twice = columns // 2
        return np.array((self.left, self.top) * twice, float), np.array(self.scale * twice)


def place(frame_width: int, frame_height: int, spec: InputSpec) -> Placement:
    """Where a frame of that size lies on the input."""
    if spec.resize == "stretch":
        return Placement(frame_width, frame_height, spec.width, spec.height)
    ratios = (spec.width / frame_width, spec.height / frame_height)
    if spec.resize == "letterbox-topleft":
        # As the YOLOX reference does it, to the letter: the size is cut off, not rounded, and one
        # ratio leads back. At the far edge that is up to one input pixel off, for it as for us.
        ratio = min(ratios)
        width, height = max(int(frame_width * ratio), 1), max(int(frame_height * ratio), 1)
        return Placement(frame_width, frame_height, width, height, ratio=ratio)
    ratio = max(ratios) if spec.resize == "crop" else min(ratios)
    width, height = max(round(frame_width * ratio), 1), max(round(frame_height * ratio), 1)
    left, top = (spec.width - width) // 2, (spec.height - height) // 2
    return Placement(frame_width, frame_height, width, height, left, top)
