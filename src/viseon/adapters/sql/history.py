"""The history of labels on SQL: an append-only table, and who brought which rows."""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any, TypeVar

from pydantic import TypeAdapter
from sqlalchemy import ColumnElement, Connection, and_, delete, func, insert, select

from viseon.adapters.sql.tables import FOREVER, addition, collection, label_change, sample
from viseon.operation import Call
from viseon.schema import Clock, Digest, Invalid, Time
from viseon.schema.label import LabelChange, LabelQuery, LabelState, spelled

T = TypeVar("T")
CHUNK = 1000
"""Rows or filenames in one statement."""
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class SqlLabelHistory:
    """What one transaction knows of one workspace."""

    def __init__(
        self, connection: Connection, workspace: str, *, writing: Callable[[], None]
    ) -> None:
        self._db = connection
        self._workspace = workspace
        self._writing = writing

    def append(self, changes: Iterable[LabelChange]) -> list[LabelChange]:
        self._writing()
        mine = label_change.c.workspace == self._workspace
        last = self._db.scalar(select(func.max(label_change.c.number)).where(mine)) or 0
        done = [c.model_copy(update={"number": n}) for n, c in enumerate(changes, last + 1)]
        ids = {name: self._id(name) for name in {c.dataset for c in done}}
        for chunk in _chunks(done):
            self._db.execute(insert(label_change), [self._row(c, ids[c.dataset]) for c in chunk])
        return done

    def find(
        self, dataset: str, query: LabelQuery, *, before: int | None = None, limit: int = 100
    ) -> list[LabelChange]:
        wanted = select(label_change).where(self._those(dataset, query))
        if before is not None:
            wanted = wanted.where(label_change.c.number < before)
        wanted = wanted.order_by(label_change.c.number.desc()).limit(limit)
        return [_change(dataset, row) for row in self._db.execute(wanted)]

    def trails(self, dataset: str, filenames: Iterable[str]) -> dict[str, list[LabelChange]]:
        found: dict[str, list[LabelChange]] = {}
        for chunk in _chunks(filenames):
            query = select(label_change).where(
                self._those(dataset, LabelQuery()), label_change.c.filename.in_(chunk)
            )
            for row in self._db.execute(query.order_by(label_change.c.number)):
                found.setdefault(row.filename, []).append(_change(dataset, row))
        return found

    def filenames(
        self, dataset: str, query: LabelQuery, *, after: str = "", limit: int = 1000
    ) -> list[str]:
        name = label_change.c.filename
        wanted = select(name).where(self._those(dataset, query), name > after).distinct()
        return list(self._db.scalars(wanted.order_by(name).limit(limit)))

    def states(self, dataset: str, filename: str) -> list[LabelState]:
        query = (
            select(sample, addition.c.by, addition.c.at_us, addition.c.operation)
            .join(addition, addition.c.id == sample.c.addition, isouter=True)
            .where(sample.c.dataset == self._id(dataset), sample.c.filename == filename)
            .order_by(sample.c.since)
        )
        return [
            LabelState(
                since=row.since,
                until=None if row.until == FOREVER else row.until,
                file=bytes(row.digest).hex(),
                annotation=_hex(row.annotation),
                by=row.by or "",
                at=None if row.at_us is None else _time(row.at_us),
                operation=row.operation or "",
            )
            for row in self._db.execute(query)
        ]

    def forget(
        self, *, files: Sequence[Digest] = (), dataset: str = "", filenames: Sequence[str] = ()
    ) -> int:
        self._writing()
        mine = label_change.c.workspace == self._workspace
        if dataset:
            mine = and_(mine, label_change.c.dataset == self._id(dataset))
        elif filenames:
            raise ValueError("filenames are names in a dataset: say which")
        elif not files:
            return 0
        gone = 0
        named = [
            *(label_change.c.file.in_(map(bytes.fromhex, chunk)) for chunk in _chunks(files)),
            *(label_change.c.filename.in_(chunk) for chunk in _chunks(filenames)),
        ]
        for among in named if files or filenames else [mine]:
            gone += self._db.execute(delete(label_change).where(mine, among)).rowcount
        return gone

    def _id(self, dataset: str) -> int:
        here = and_(collection.c.workspace == self._workspace, collection.c.name == dataset)
        return self._db.scalar(select(collection.c.id).where(here)) or 0

    def _those(self, dataset: str, query: LabelQuery) -> ColumnElement[bool]:
        of = label_change.c
        wanted = [of.workspace == self._workspace, of.dataset == self._id(dataset)]
        for column, value in (
            (of.filename, query.filename),
            (of.object, query.object),
            (of.by, query.by),
            (of.session, query.session),
            (of.model, query.model),
        ):
            if value:
                wanted.append(column == value)
        if query.since is not None:
            wanted.append(of.at_us >= _us(query.since))
        if query.until is not None:
            wanted.append(of.at_us < _us(query.until))
        return and_(*wanted)

    def _row(self, c: LabelChange, dataset: int) -> dict[str, Any]:
        old, new = spelled(c.old), spelled(c.new)
        if any(text and "\\u0000" in text for text in (old, new)) or "\0" in c.session:
            raise Invalid(f"{c.filename}: {c.part} {c.object!r} holds a NUL character")
        return {
            "workspace": self._workspace,
            "dataset": dataset,
            **c.model_dump(include=_PLAIN),
            "file": bytes.fromhex(c.file),
            "old": old,
            "new": new,
            "before": bytes.fromhex(c.before) if c.before else None,
            "after": bytes.fromhex(c.after) if c.after else None,
            "at_us": _us(c.at),
        }


class SqlAdditions:
    """Who brings rows in this transaction: one entry for each dataset, however many rows."""

    def __init__(
        self, connection: Connection, by: str, now: Clock, call: Callable[[], Call | None]
    ) -> None:
        self._db = connection
        self._by = by
        self._now = now
        self._call = call
        self._known: dict[int, int] = {}

    def current(self, dataset: int) -> int:
        """The number of this transaction's addition to a dataset."""
        if dataset not in self._known:
            call = self._call()
            row = {
                "dataset": dataset,
                "by": self._by,
                "at_us": _us(self._now()),
                "operation": call.name if call else "",
            }
            made = self._db.execute(insert(addition).values(row)).inserted_primary_key
            self._known[dataset] = made[0] if made else 0
        return self._known[dataset]


_PLAIN = {
    "number", "filename", "part", "object", "by", "session", "source", "model", "score", "undoes"
}  # fmt: skip
_CHANGE: TypeAdapter[LabelChange] = TypeAdapter(LabelChange)


def _change(dataset: str, row: Any) -> LabelChange:
    given = {name: getattr(row, name) for name in _PLAIN}
    return _CHANGE.validate_python(
        {
            **given,
            "dataset": dataset,
            "file": bytes(row.file).hex(),
            "old": None if row.old is None else json.loads(row.old),
            "new": None if row.new is None else json.loads(row.new),
            "before": _hex(row.before),
            "after": _hex(row.after),
            "at": _time(row.at_us),
        }
    )


def _hex(digest: bytes | None) -> Digest | None:
    return None if digest is None else bytes(digest).hex()


def _us(at: Time) -> int:
    return (at - EPOCH) // timedelta(microseconds=1)


def _time(us: int) -> datetime:
    return EPOCH + timedelta(microseconds=us)


def _chunks(values: Iterable[T]) -> Iterator[list[T]]:
    rest = iter(values)
    while chunk := list(islice(rest, CHUNK)):
        yield chunk
