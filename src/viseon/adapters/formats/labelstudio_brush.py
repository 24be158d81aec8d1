"""Label Studio's brush strokes: the picture's RGBA bytes, run-length encoded bit by bit.

32 bits: how many values; 5 bits: bits of a value, less one; four times 4 bits: bits of a length,
less one. Then runs: one bit (1: a value repeated, 0: as many values), two bits (which of the four
lengths), the length less one, the value or values. (thi.ng/rle-pack.)
"""

import numpy as np
from numpy.typing import NDArray

Bools = NDArray[np.bool_]

_HEAD = 32
_LENGTHS = (3, 4, 8, 16)
_CHANNELS = 4
_ALPHA = 3


def unpacked(rle: list[int], size: tuple[int, int]) -> Bools:
    """The painted pixels (H, W) of a picture of `size` (width, height).

    Raises ValueError when the bytes are not those of such a picture.
    """
    width, height = size
    whole = width * height * _CHANNELS
    data = np.array(rle, np.int64)
    if data.ndim != 1 or not len(data) or data.min() < 0 or data.max() > 255:
        raise ValueError("its rle is not a list of bytes")
    bits = _Bits(data.astype(np.uint8))
    count = bits.number(_HEAD)
    if count != whole:
        raise ValueError(f"its rle has {count} values, {width}x{height} pixels have {whole}")
    wide = bits.number(5) + 1
    lengths = [bits.number(4) + 1 for _ in range(4)]
    values = np.zeros(whole, np.uint8)
    at = 0
    while at < whole:
        repeated = bits.number(1)
        run = bits.number(lengths[bits.number(2)]) + 1
        if at + run > whole:
            raise ValueError("its rle goes on after the last pixel")
        if repeated:
            values[at : at + run] = min(bits.number(wide), 255)
        else:
            values[at : at + run] = bits.numbers(run, wide)
        at += run
    painted: Bools = values.reshape(height, width, _CHANNELS)[..., _ALPHA] > 0
    return painted


def packed(pixels: Bools) -> list[int]:
    """The bytes of a mask (H, W); all four channels are 255 where it is set."""
    values = np.repeat(pixels.reshape(-1), _CHANNELS)
    edges = np.flatnonzero(values[1:] != values[:-1]) + 1
    bounds = np.concatenate([[0], edges, [len(values)]]).tolist()
    bits = [f"{len(values):032b}", f"{7:05b}", *(f"{n - 1:04b}" for n in _LENGTHS)]
    most = 1 << _LENGTHS[-1]
    for start, end in zip(bounds, bounds[1:], strict=False):
        value = 255 if values[start] else 0
        for at in range(start, end, most):
            run = min(most, end - at)
            which = next(i for i, n in enumerate(_LENGTHS) if run <= 1 << n)
            bits.append(f"1{which:02b}{run - 1:0{_LENGTHS[which]}b}{value:08b}")
    text = "".join(bits)
    text += "0" * (-len(text) % 8)
    return [int(text[at : at + 8], 2) for at in range(0, len(text), 8)]


class _Bits:
    """Numbers of so many bits, highest first."""

    def __init__(self, data: NDArray[np.uint8]) -> None:
        self._bits = np.unpackbits(data)
        self._at = 0

    def number(self, bits: int) -> int:
        part = self._take(bits)
        return int("".join(map(str, part.tolist())), 2)

    def numbers(self, count: int, bits: int) -> NDArray[np.int64]:
        part = self._take(count * bits).reshape(count, bits).astype(np.int64)
        found: NDArray[np.int64] = part @ (1 << np.arange(bits - 1, -1, -1))
        return np.minimum(found, 255)

    def _take(self, count: int) -> NDArray[np.uint8]:
        part = self._bits[self._at : self._at + count]
        if len(part) < count:
            raise ValueError("its rle is cut short")
        self._at += count
        return part
