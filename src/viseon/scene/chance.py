"""Chance that is the same on every platform and with every NumPy."""

from collections.abc import Sequence
from typing import TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray

T = TypeVar("T")
_MASK = (1 << 64) - 1


class Chance:
    """Integers fixed by a key: SplitMix64 (Steele et al., OOPSLA 2014)."""

    def __init__(self, *key: int) -> None:
        self._state = 0x2545F4914F6CDD1D
        for part in key:
            self._state ^= part & _MASK
            self._state = self._next()

    def below(self, n: int) -> int:
        """A whole number in [0, n)."""
        return (self._next() >> 16) % n

    def between(self, low: int, high: int) -> int:
        """A whole number in [low, high]."""
        return low + self.below(high - low + 1)

    def percent(self, p: int) -> bool:
        """True in `p` of a hundred cases."""
        return self.below(100) < p

    def pick(self, options: Sequence[T]) -> T:
        """One of them."""
        return options[self.below(len(options))]

    def _next(self) -> int:
        self._state = (self._state + 0x9E3779B97F4A7C15) & _MASK
        z = self._state
        z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9 & _MASK
        z = (z ^ z >> 27) * 0x94D049BB133111EB & _MASK
        return z ^ z >> 31


def grain(x: ArrayLike, y: ArrayLike, salt: int) -> NDArray[np.int32]:
    """A value in [0, 255] for each grid point, by an integer hash; arrays broadcast."""
    with np.errstate(over="ignore"):
        h = np.asarray(x).astype(np.uint32) * np.uint32(0x9E3779B1)
        h = h ^ np.asarray(y).astype(np.uint32) * np.uint32(0x85EBCA77)
        h = h ^ np.uint32(salt & 0xFFFFFFFF)
        h = (h ^ h >> np.uint32(15)) * np.uint32(0x2C1B3C6D)
        h = (h ^ h >> np.uint32(12)) * np.uint32(0x297A2D39)
        h = h ^ h >> np.uint32(15)
    return (h & np.uint32(255)).astype(np.int32)
