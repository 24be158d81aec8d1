"""The `Images` port on OpenCV."""

from io import BytesIO
from typing import Literal

import cv2
import imagesize
import numpy as np
from numpy.typing import NDArray

from viseon.schema import Invalid, TooLarge

Pixels = NDArray[np.uint8]

_FIX = "send a JPEG, PNG, WebP, GIF, BMP or TIFF file"
_LONGEST_RESIZE = 32766
"""OpenCV keeps coordinates in 16 bits while it resizes."""


class OpencvImages:
    """Decodes what OpenCV decodes, after a look at the header: a picture of more than `max_pixels`
    is refused before any memory is taken for it.
    """

    def __init__(self, *, max_pixels: int = 100_000_000) -> None:
        self._max_pixels = max_pixels
        cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)  # stderr is for people

    def size(self, data: bytes) -> tuple[int, int]:
        if not data:
            raise Invalid("the picture is empty: 0 bytes", fix=_FIX)
        width, height = imagesize.get(BytesIO(data))
        if width <= 0 or height <= 0:
            raise Invalid(
                f"these {len(data)} bytes are not a picture with a readable header", fix=_FIX
            )
        return int(width), int(height)

    def decode(self, data: bytes) -> Pixels:
        width, height = self.size(data)
        if width * height > self._max_pixels:
            raise TooLarge(
                f"the picture has {width}x{height} pixels, more than {self._max_pixels} in all",
                fix="scale it down, or send parts of it",
            )
        if _is_cut_short(data):
            raise Invalid(f"the picture is cut short after {len(data)} bytes", fix="send all of it")
        try:
            pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
        except cv2.error as error:
            raise Invalid(f"the picture cannot be decoded: {error.err}", fix=_FIX) from error
        if pixels is None:
            raise Invalid(f"the {width}x{height} picture is damaged or of a rare kind", fix=_FIX)
        return np.asarray(pixels, np.uint8)

    def encode(
        self, pixels: Pixels, *, kind: Literal["jpeg", "png"] = "jpeg", quality: int = 85
    ) -> bytes:
        options = [cv2.IMWRITE_JPEG_QUALITY, quality] if kind == "jpeg" else []
        _, data = cv2.imencode(".jpg" if kind == "jpeg" else ".png", pixels, options)
        return data.tobytes()

    def resize(self, pixels: Pixels, width: int, height: int) -> Pixels:
        if max(pixels.shape[:2]) > _LONGEST_RESIZE:
            step = -(-max(pixels.shape[:2]) // _LONGEST_RESIZE)
            pixels = np.ascontiguousarray(pixels[::step, ::step])
        smaller = cv2.resize(pixels, (width, height), interpolation=cv2.INTER_LINEAR)
        return np.asarray(smaller, np.uint8)

    def warp(
        self,
        pixels: Pixels,
        matrix: NDArray[np.float64],
        width: int,
        height: int,
        *,
        fill: tuple[int, int, int] = (114, 114, 114),
    ) -> Pixels:
        middles = matrix.copy()  # OpenCV counts from the middle of the first pixel
        middles[:, 2] += matrix[:, :2] @ (0.5, 0.5) - 0.5
        warped = cv2.warpAffine(pixels, middles, (width, height), borderValue=fill)
        return np.asarray(warped, np.uint8)


def _is_cut_short(data: bytes) -> bool:
    """Whether the end that its format demands is missing; the decoder would paint the rest grey."""
    if data.startswith(b"\xff\xd8"):
        start = _first_scan(data)
        return start < 0 or data.find(b"\xff\xd9", start) < 0
    if data.startswith(b"\x89PNG"):
        return data.find(b"IEND", 8) < 0
    if data.startswith(b"RIFF"):
        return len(data) < int.from_bytes(data[4:8], "little") + 8
    return False


def _first_scan(data: bytes) -> int:
    """Where the first scan of a JPEG begins (ITU-T T.81, B.1.1), or -1. Thumbnails are skipped."""
    at = 2
    while at + 4 <= len(data):
        if data[at] != 0xFF:
            return -1
        if data[at + 1] == 0xFF:  # fill byte
            at += 1
        elif data[at + 1] == 0xDA:
            return at
        else:
            at += 2 + int.from_bytes(data[at + 2 : at + 4], "big")
    return -1
