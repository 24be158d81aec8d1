"""Events: find them, look at one, ask why."""

from typing import Literal

from viseon.events.trace import trace
from viseon.operation import Limit, operation
from viseon.ports import Catalog, EventLog
from viseon.schema import Event, EventKind, Invalid, Page, Role, Rollup, Time, Trace


class Events:
    """What streams noticed, each with its evidence."""

    def __init__(self, catalog: Catalog, log: EventLog) -> None:
        self._catalog, self._log = catalog, log

    @operation("GET", "/events", needs=Role.VIEWER)
    def find(
        self,
        *,
        stream: str = "",
        kind: EventKind | None = None,
        since: Time | None = None,
        until: Time | None = None,
        cursor: str = "",
        limit: Limit = 50,
    ) -> Page[Event]:
        """Events, newest first; of one stream, of one kind, from `since` to before `until`."""
        return self._log.query(
            stream=stream, kind=kind or "", since=since, until=until, cursor=cursor, limit=limit
        )

    @operation("GET", "/events/rollup", needs=Role.VIEWER)
    def rollup(
        self,
        *,
        stream: str = "",
        by: Literal["hour", "day"] = "hour",
        cursor: str = "",
        limit: Limit = 200,
    ) -> Page[Rollup]:
        """Counts and dwell per line or zone and hour or day, computed from the events."""
        if cursor and not cursor.isdecimal():
            raise Invalid(f"cursor: {cursor!r} is not from a page before", fix="leave it out")
        first = int(cursor or 0)
        rollups = self._log.rollup(stream=stream, by=by)
        more = str(first + limit) if len(rollups) > first + limit else None
        return Page[Rollup](items=tuple(rollups[first : first + limit]), next=more)

    @operation("GET", "/events/{id}", needs=Role.VIEWER)
    def get(self, id: str) -> Event:
        """One event with its evidence: the samples around it, the path, the box, the snapshot."""
        return self._log.get(id)

    @operation("GET", "/events/{id}/trace", needs=Role.VIEWER)
    def trace(self, id: str) -> Trace:
        """Where it comes from: configuration, model, run, dataset version, training images."""
        event = self._log.get(id)
        with self._catalog.read() as records:
            return trace(records, event)
