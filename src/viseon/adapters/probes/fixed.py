"""Probe that answers what it was told."""

from viseon.schema import Resources


class FixedProbe:
    """A machine of a given size with nothing running on it."""

    def __init__(self, size: Resources) -> None:
        self._size = size

    def total(self) -> Resources:
        return self._size

    def free(self) -> Resources:
        return self._size
