"""The first question of a request: can it be answered in time? Asked before any work is done."""

import threading
from collections.abc import Callable

from viseon.schema import Busy

_SMOOTHING = 0.1
_LONGEST_S = 60.0


class Gate:
    """Counts the requests inside and how fast they come out.

    By Little's law one more would come out after (inside + 1) times the mean time between two of
    them. While nobody is inside everybody may enter: an estimate that nothing can correct any more
    would keep the door shut for ever.
    """

    def __init__(self, *, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._inside = 0
        self._pace_s = 0.0
        self._last_out = 0.0

    @property
    def inside(self) -> int:
        """Requests that have entered and not left."""
        return self._inside

    def expected_s(self) -> float:
        """When a request that enters now would leave."""
        return (self._inside + 1) * self._pace_s if self._inside else 0.0

    def enter(self, deadline: float) -> None:
        """Come in; `leave` has to follow. Raises Busy at once where the answer would be late."""
        with self._lock:
            now, expected = self._clock(), self.expected_s()
            if now + expected > deadline:
                raise Busy(
                    f"{self._inside} requests are being answered, one more would take about "
                    f"{expected * 1000:.0f} ms and has {max(deadline - now, 0) * 1000:.0f} ms",
                    fix="try again later, or raise timeout_ms",
                )
            if not self._inside:
                self._last_out = now
            self._inside += 1

    def leave(self, *, answered: bool) -> None:
        """Go out; only answers tell how fast answers are."""
        with self._lock:
            self._inside -= 1
            now = self._clock()
            if answered:
                took = min(now - self._last_out, _LONGEST_S)
                known = self._pace_s
                self._pace_s = took if known == 0 else known + _SMOOTHING * (took - known)
                self._last_out = now
