"""Turning bytes into pixels and back."""

from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray


class Images(Protocol):
    """Encoded pictures. Adapters: OpenCV, and raw arrays for tests."""

    def size(self, data: bytes) -> tuple[int, int]:
        """(width, height) from the header, without decoding. Raises Invalid."""
        ...

    def decode(self, data: bytes) -> NDArray[np.uint8]:
        """BGR, height x width x 3, upright (EXIF applied). Raises Invalid for anything else."""
        ...

    def encode(
        self,
        pixels: NDArray[np.uint8],
        *,
        kind: Literal["jpeg", "png"] = "jpeg",
        quality: int = 85,
    ) -> bytes:
        """The picture as a file."""
        ...

    def resize(self, pixels: NDArray[np.uint8], width: int, height: int) -> NDArray[np.uint8]:
        """Bilinear."""
        ...

    def warp(
        self,
        pixels: NDArray[np.uint8],
        matrix: NDArray[np.float64],
        width: int,
        height: int,
        *,
        fill: tuple[int, int, int] = (114, 114, 114),
    ) -> NDArray[np.uint8]:
        """Bilinear; `matrix` (see `viseon.vision.affine`) maps old places to new ones."""
        ...
