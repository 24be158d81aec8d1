"""How much memory the pictures of all requests may take together."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from viseon.schema import Busy


class Room:
    """Counts bytes. Empty, it takes anything: a picture of the largest allowed size always fits."""

    def __init__(self, limit_bytes: int) -> None:
        self.limit_bytes = limit_bytes
        self._taken = 0
        self._lock = threading.Lock()

    @property
    def taken_bytes(self) -> int:
        """Bytes that are held now."""
        return self._taken

    def take(self, count: int, *, mine: int = 0) -> None:
        """Hold `count` bytes more, besides the `mine` of the same request; `give` has to follow.

        Raises Busy.
        """
        with self._lock:
            others = self._taken - mine
            if others > 0 and self._taken + count > self.limit_bytes:
                raise Busy(
                    f"the pictures of other requests take {others / 1e6:.0f} MB and all together "
                    f"may take {self.limit_bytes / 1e6:.0f} MB",
                    fix="try again later, send smaller pictures, or raise VISEON_PICTURES_MB",
                )
            self._taken += count

    def give(self, count: int) -> None:
        """Hold them no more."""
        with self._lock:
            self._taken -= count

    @contextmanager
    def holding(self, count: int, *, mine: int = 0) -> Iterator[None]:
        """Hold them while the block runs. Raises Busy."""
        self.take(count, mine=mine)
        try:
            yield
        finally:
            self.give(count)
