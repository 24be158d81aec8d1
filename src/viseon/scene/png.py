"""PNG files whose bytes never change: stored, not compressed, so no zlib version has a say."""

import struct
import zlib

import numpy as np
from numpy.typing import NDArray

_BLOCK = 65_535


def png(pixels: NDArray[np.uint8]) -> bytes:
    """A PNG of BGR pixels (h, w, 3) in stored deflate blocks (PNG 3rd edition; RFC 1951, 3.2.4)."""
    if pixels.ndim != 3 or pixels.shape[2] != 3 or pixels.dtype != np.uint8:
        raise ValueError(f"pixels: {pixels.dtype} {pixels.shape}, expected uint8 (h, w, 3)")
    h, w = pixels.shape[:2]
    rows = np.zeros((h, 1 + 3 * w), np.uint8)
    rows[:, 1:] = pixels[:, :, ::-1].reshape(h, 3 * w)
    header = struct.pack(">IIBBBBB", w, h, 8, 2, 0, 0, 0)
    return b"".join(
        (
            b"\x89PNG\r\n\x1a\n",
            _chunk(b"IHDR", header),
            _chunk(b"IDAT", _stored(rows.tobytes())),
            _chunk(b"IEND", b""),
        )
    )


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _stored(data: bytes) -> bytes:
    parts = [b"\x78\x01"]
    for at in range(0, len(data), _BLOCK):
        block = data[at : at + _BLOCK]
        last = at + _BLOCK >= len(data)
        parts.append(struct.pack("<BHH", last, len(block), len(block) ^ 0xFFFF) + block)
    parts.append(struct.pack(">I", zlib.adler32(data)))
    return b"".join(parts)
