"""EventLog on SQL: an event's id decides whether it is new, so sending twice is harmless."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from sqlalchemy import Engine, and_, func, insert, or_, select

from viseon.adapters.sql.engine import reading, writing
from viseon.adapters.sql.tables import event
from viseon.schema import Event, Invalid, NotFound, Page, Rollup, Time

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
HOUR_US = 3_600_000_000

CHUNK = 1000
"""Ids in one statement."""


class SqlEventLog:
    """The events of one workspace."""

    def __init__(self, engine: Engine, workspace: str) -> None:
        self._engine = engine
        self._workspace = workspace

    def append(self, events: Sequence[Event]) -> int:
        if not events:
            return 0
        with writing(self._engine, f"events:{self._workspace}") as db:
            last = db.scalar(
                select(func.max(event.c.number)).where(event.c.workspace == self._workspace)
            )
            fresh = {e.id: e for e in reversed(events)}
            for start in range(0, len(events), CHUNK):
                ids = [e.id for e in events[start : start + CHUNK]]
                known = select(event.c.id).where(
                    event.c.workspace == self._workspace, event.c.id.in_(ids)
                )
                for id in db.scalars(known):
                    fresh.pop(id, None)
            arrived = reversed(fresh.values())
            rows = [self._row(e, n) for n, e in enumerate(arrived, (last or 0) + 1)]
            if rows:
                db.execute(insert(event), rows)
        return len(rows)

    def get(self, id: str) -> Event:
        with reading(self._engine) as db:
            body = db.scalar(
                select(event.c.body).where(event.c.workspace == self._workspace, event.c.id == id)
            )
        if body is None:
            raise NotFound(f"no event {id!r}")
        return Event.model_validate_json(body)

    def query(
        self, *, stream: str = "", kind: str = "", since: Time | None = None,
        until: Time | None = None, cursor: str = "", limit: int = 100,
    ) -> Page[Event]:  # fmt: skip
        query = select(event.c.body, event.c.at_us, event.c.id).where(
            event.c.workspace == self._workspace
        )
        if stream:
            query = query.where(event.c.stream == stream)
        if kind:
            query = query.where(event.c.kind == kind)
        if since:
            query = query.where(event.c.at_us >= _us(since))
        if until:
            query = query.where(event.c.at_us < _us(until))
        if cursor:
            at, id = _cursor(cursor)
            query = query.where(or_(event.c.at_us < at, and_(event.c.at_us == at, event.c.id < id)))
        query = query.order_by(event.c.at_us.desc(), event.c.id.desc()).limit(limit + 1)
        with reading(self._engine) as db:
            rows = db.execute(query).all()
        more = f"{rows[limit - 1].at_us}.{rows[limit - 1].id}" if len(rows) > limit else None
        return Page(items=tuple(Event.model_validate_json(r.body) for r in rows[:limit]), next=more)

    def tail(self, *, after: int | None = None, limit: int = 100) -> tuple[list[Event], int]:
        with reading(self._engine) as db:
            mine = event.c.workspace == self._workspace
            if after is None:
                return [], db.scalar(select(func.max(event.c.number)).where(mine)) or 0
            rows = db.execute(
                select(event.c.body, event.c.number)
                .where(mine, event.c.number > after)
                .order_by(event.c.number)
                .limit(limit)
            ).all()
        found = [Event.model_validate_json(r.body) for r in rows]
        return found, rows[-1].number if rows else after

    def rollup(self, *, stream: str = "", by: Literal["hour", "day"] = "hour") -> list[Rollup]:
        slot = HOUR_US * (24 if by == "day" else 1)
        start = ((event.c.at_us // slot) * slot).label("start")
        key = [event.c.stream, event.c.kind, event.c.place, event.c.direction, event.c.class_name]
        query = select(*key, start, func.count().label("n"), func.sum(event.c.dwell_s).label("s"))
        query = query.where(event.c.workspace == self._workspace)
        if stream:
            query = query.where(event.c.stream == stream)
        with reading(self._engine) as db:
            rows = db.execute(query.group_by(*key, start).order_by(start, *key)).all()
        return [
            Rollup(
                stream=r.stream, kind=r.kind, where=r.place, direction=r.direction,
                class_name=r.class_name, start=EPOCH + timedelta(microseconds=int(r.start)),
                count=r.n, dwell_s=r.s,
            )
            for r in rows
        ]  # fmt: skip

    def _row(self, e: Event, number: int) -> dict[str, Any]:
        return {
            "workspace": self._workspace,
            "id": e.id,
            "number": number,
            "stream": e.stream,
            "kind": e.kind,
            "place": e.where,
            "direction": e.direction or "",
            "class_name": e.class_name,
            "at_us": _us(e.at),
            "dwell_s": e.dwell_s or 0.0,
            "body": e.model_dump_json(),
        }


def _us(at: datetime) -> int:
    return (at - EPOCH) // timedelta(microseconds=1)


def _cursor(cursor: str) -> tuple[int, str]:
    at, _, id = cursor.partition(".")
    try:
        return int(at), id
    except ValueError:
        raise Invalid(f"cursor: {cursor!r} did not come from a page", fix="use `next`") from None
