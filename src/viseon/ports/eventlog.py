"""Where events live."""

from collections.abc import Sequence
from typing import Literal, Protocol

from viseon.schema import Event, Page, Rollup, Time


class EventLog(Protocol):
    """Durable events of one workspace."""

    def append(self, events: Sequence[Event]) -> int:
        """Store them; an id that is already there is left as it is. Returns how many were new."""
        ...

    def get(self, id: str) -> Event:
        """Raises NotFound."""
        ...

    def query(
        self, *, stream: str = "", kind: str = "", since: Time | None = None,
        until: Time | None = None, cursor: str = "", limit: int = 100,
    ) -> Page[Event]:  # fmt: skip
        """Newest first."""
        ...

    def tail(self, *, after: int | None = None, limit: int = 100) -> tuple[list[Event], int]:
        """Events in the order they arrived, beyond position `after`, and the position reached.

        None starts at the end: no events, and where the next one will follow.
        """
        ...

    def rollup(self, *, stream: str = "", by: Literal["hour", "day"] = "hour") -> list[Rollup]:
        """Counts per line or zone, computed from the events themselves."""
        ...
