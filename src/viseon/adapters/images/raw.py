"""The `Images` port without a codec: pictures are NumPy's own files. For tests and pipes."""

from io import BytesIO
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from viseon.schema import Invalid
from viseon.vision.affine import inverse, moved

Pixels = NDArray[np.uint8]


class RawImages:
    """`.npy` bytes of height x width x 3; lossless, whatever kind is asked for."""

    def size(self, data: bytes) -> tuple[int, int]:
        height, width, _ = self.decode(data).shape
        return width, height

    def decode(self, data: bytes) -> Pixels:
        try:
            pixels = np.load(BytesIO(data), allow_pickle=False)
        except (ValueError, EOFError, OSError) as error:
            raise Invalid(f"not a NumPy file: {error}", fix="write it with encode()") from error
        if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] != 3:
            raise Invalid(
                f"a {pixels.dtype} array of shape {pixels.shape} is not a picture",
                fix="store uint8, height x width x 3",
            )
        return np.asarray(pixels, np.uint8)

    def encode(
        self,
        pixels: Pixels,
        *,
        kind: Literal["jpeg", "png"] = "png",  # noqa: ARG002  # the port's argument
        quality: int = 100,  # noqa: ARG002
    ) -> bytes:
        file = BytesIO()
        np.save(file, pixels, allow_pickle=False)
        return file.getvalue()

    def resize(self, pixels: Pixels, width: int, height: int) -> Pixels:
        rows, top = _weights(pixels.shape[0], height)
        cols, left = _weights(pixels.shape[1], width)
        lines = _blend(pixels.astype(np.float32), rows, top, 0)
        small = _blend(lines, cols, left, 1)
        return np.clip(np.rint(small), 0, 255).astype(np.uint8)

    def warp(
        self,
        pixels: Pixels,
        matrix: NDArray[np.float64],
        width: int,
        height: int,
        *,
        fill: tuple[int, int, int] = (114, 114, 114),
    ) -> Pixels:
        rows, columns = np.mgrid[0:height, 0:width] + 0.5
        places = moved(np.stack([columns.ravel(), rows.ravel()], axis=1), inverse(matrix)) - 0.5
        framed = np.pad(pixels.astype(np.float64), ((1, 1), (1, 1), (0, 0)))
        framed[[0, -1]] = fill
        framed[:, [0, -1]] = fill
        x = np.clip(np.round(places[:, 0], 9) + 1, 0, framed.shape[1] - 1)
        y = np.clip(np.round(places[:, 1], 9) + 1, 0, framed.shape[0] - 1)
        left = np.minimum(x.astype(int), framed.shape[1] - 2)
        top = np.minimum(y.astype(int), framed.shape[0] - 2)
        across, down = (x - left)[:, None], (y - top)[:, None]
        above = framed[top, left] * (1 - across) + framed[top, left + 1] * across
        below = framed[top + 1, left] * (1 - across) + framed[top + 1, left + 1] * across
        blended = np.rint(above * (1 - down) + below * down).reshape(height, width, 3)
        return np.asarray(blended, np.uint8)


def _weights(old: int, new: int) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    at = np.clip((np.arange(new) + 0.5) * (old / new) - 0.5, 0, old - 1)
    first = np.minimum(at.astype(np.int64), max(old - 2, 0))
    return first, (at - first).astype(np.float32)


def _blend(
    image: NDArray[np.float32], first: NDArray[np.int64], share: NDArray[np.float32], axis: int
) -> NDArray[np.float32]:
    second = np.minimum(first + 1, image.shape[axis] - 1)
    weight = share.reshape((-1, 1, 1) if axis == 0 else (1, -1, 1))
    blended: NDArray[np.float32] = np.take(image, first, axis) * (1 - weight)
    blended += np.take(image, second, axis) * weight
    return blended
