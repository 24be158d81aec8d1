"""How late the event loop is."""

import asyncio

_EVERY_S = 0.01
_KEPT = 0.8


class Lag:
    """While requests are under way a timer measures how late it is called.

    What arrives while the loop is busy waits about as long before anybody looks at it; a request's
    clock has to start when it came, not when it was noticed.
    """

    def __init__(self) -> None:
        self._under_way = 0
        self._due: float | None = None
        self._late_s = 0.0

    def seconds(self) -> float:
        """About how long something that is noticed now has waited."""
        if self._due is None:
            return 0.0
        return max(self._late_s, asyncio.get_running_loop().time() - self._due)

    def __enter__(self) -> None:
        """A request is under way."""
        self._under_way += 1
        if self._due is None:
            self._late_s = 0.0
            self._wind()

    def __exit__(self, *_: object) -> None:
        """It is answered."""
        self._under_way -= 1

    def _wind(self) -> None:
        loop = asyncio.get_running_loop()
        self._due = loop.time() + _EVERY_S
        loop.call_at(self._due, self._ring, loop)

    def _ring(self, loop: asyncio.AbstractEventLoop) -> None:
        late = loop.time() - (self._due or 0.0)
        self._late_s = max(late, self._late_s * _KEPT)
        if self._under_way:
            self._wind()
        else:
            self._due = None
