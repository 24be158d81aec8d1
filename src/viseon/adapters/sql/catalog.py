"""Catalog on SQL: nouns as canonical JSON, one writer per workspace, every write audited."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from difflib import get_close_matches
from typing import Any, TypeVar

from sqlalchemy import JSON as Json
from sqlalchemy import ColumnElement, Connection, Engine, Table, Text, and_, cast, func, select

from viseon.adapters.sql import audit
from viseon.adapters.sql.engine import reading, scrub, upserting, writing
from viseon.adapters.sql.history import SqlAdditions, SqlLabelHistory
from viseon.adapters.sql.kinship import SqlKinship
from viseon.adapters.sql.remains import SqlRemains
from viseon.adapters.sql.samples import SqlSamples
from viseon.adapters.sql.tables import audit as audit_table
from viseon.adapters.sql.tables import noun as noun_table
from viseon.operation import BOOKKEEPING, Call
from viseon.ports import Kinship, LabelHistory, Records, Remains, Samples
from viseon.schema import (
    AuditRecord,
    Clock,
    Dataset,
    Deleted,
    Deployment,
    Invalid,
    NotFound,
    Noun,
    Scope,
    Stream,
)

N = TypeVar("N", bound=Noun)

LAST = "\U0010ffff"
_NAMED: tuple[type[Noun], ...] = (Dataset, Deployment, Stream)
"""Nouns whose keys people choose and remember."""


class SqlCatalog:
    """Bound to one scope; making one costs nothing."""

    def __init__(
        self, engine: Engine, scope: Scope, now: Clock, call: Callable[[], Call | None]
    ) -> None:
        self._engine = engine
        self._scope = scope
        self._now = now
        self._call = call

    @contextmanager
    def transaction(self) -> Iterator[Records]:
        with writing(self._engine, f"catalog:{self._scope.workspace}") as connection:
            additions = SqlAdditions(connection, self._scope.principal.name, self._now, self._call)
            records = SqlRecords(connection, self._scope, additions)
            yield records
            call = self._call()
            if records.wrote and call is not BOOKKEEPING:
                audit.append(connection, self._scope, call, self._now())

    @contextmanager
    def read(self) -> Iterator[Records]:
        with reading(self._engine) as connection:
            yield SqlRecords(connection, self._scope, None)

    def scrub(self) -> bool:
        return scrub(self._engine)


class SqlRecords:
    """What one transaction sees of one workspace."""

    def __init__(
        self, connection: Connection, scope: Scope, additions: SqlAdditions | None
    ) -> None:
        self._db = connection
        self._workspace = scope.workspace
        self._writable = additions is not None
        self._samples = SqlSamples(
            connection, scope.workspace, writing=self._writing, additions=additions
        )
        self._labels = SqlLabelHistory(connection, scope.workspace, writing=self._writing)
        self._remains = SqlRemains(connection, scope.workspace, writing=self._writing)
        self._kinship = SqlKinship(connection, scope.workspace, writing=self._writing)
        self.by = scope.principal.name
        self.wrote = False

    @property
    def kinship(self) -> Kinship:
        return self._kinship

    @property
    def remains(self) -> Remains:
        return self._remains

    @property
    def labels(self) -> LabelHistory:
        return self._labels

    @property
    def samples(self) -> Samples:
        return self._samples

    def get(self, kind: type[N], key: str) -> N:
        found = self.seek(kind, key)
        if found is None:
            raise self._absent(kind, key)
        return found

    def seek(self, kind: type[N], key: str) -> N | None:
        table, here = self._place(kind)
        body = self._db.scalar(select(table.c.body).where(here, table.c.key == key))
        return None if body is None else kind.model_validate_json(body)

    def find(
        self,
        kind: type[N],
        *,
        prefix: str = "",
        where: Mapping[str, str] | None = None,
        after: str = "",
        limit: int | None = None,
        newest_first: bool = False,
    ) -> list[N]:
        table, here = self._place(kind)
        query = select(table.c.body).where(here)
        if prefix:
            query = query.where(table.c.key >= prefix, table.c.key < prefix + LAST)
        if after:
            query = query.where(table.c.key < after if newest_first else table.c.key > after)
        for field, value in (where or {}).items():
            query = query.where(self._field(table, field) == str(value))
        query = query.order_by(table.c.key.desc() if newest_first else table.c.key).limit(limit)
        return [kind.model_validate_json(body) for body in self._db.scalars(query)]

    def put(self, key: str, noun: Noun) -> None:
        self._writing()
        body = noun.model_dump_json()
        if isinstance(noun, AuditRecord):
            raise RuntimeError("audit records are written by the transaction itself")
        if "\\u0000" in body:
            raise Invalid(f"{type(noun).__name__.lower()} {key!r} holds a NUL character")
        row = {"workspace": self._workspace, "kind": type(noun).__name__, "key": key, "body": body}
        statement = upserting(self._db)(noun_table).values(row)
        replace = statement.on_conflict_do_update(
            index_elements=noun_table.primary_key.columns, set_={"body": statement.excluded.body}
        )
        self._db.execute(replace)

    def remove(self, kind: type[Noun], key: str) -> None:
        self._writing()
        _, here = self._place(kind)
        if kind is AuditRecord:
            raise RuntimeError("audit records are never removed")
        self._db.execute(noun_table.delete().where(here, noun_table.c.key == key))

    def _absent(self, kind: type[Noun], key: str) -> NotFound:
        deleted = self.seek(Deleted, key) if kind is Dataset else None
        if deleted is None:
            return NotFound(f"no {kind.__name__.lower()} named {key!r}", fix=self._known(kind, key))
        return NotFound(
            f"dataset {key!r} was deleted by {deleted.by} on {deleted.at:%Y-%m-%d}",
            fix=f"viseon restore {key}",
        )

    def _known(self, kind: type[Noun], key: str) -> str:
        """The nearest name there is, or all; only of what people name themselves."""
        if kind not in _NAMED:
            return ""
        _, here = self._place(kind)
        names = list(self._db.scalars(select(noun_table.c.key).where(here).limit(200)))
        if near := get_close_matches(key, names, n=1):
            return f"did you mean {near[0]!r}?"
        return f"there are: {', '.join(sorted(names)[:20])}" if names else "there is none yet"

    def _writing(self) -> None:
        if not self._writable:
            raise RuntimeError("this is a read(): use transaction() to write")
        self.wrote = True

    def _place(self, kind: type[Noun]) -> tuple[Table, ColumnElement[bool]]:
        if kind is AuditRecord:
            return audit_table, audit_table.c.workspace == self._workspace
        table = noun_table
        return table, and_(table.c.workspace == self._workspace, table.c.kind == kind.__name__)

    def _field(self, table: Table, field: str) -> ColumnElement[Any]:
        if self._db.dialect.name == "sqlite":
            return func.json_extract(table.c.body, f'$."{field}"')
        return cast(cast(table.c.body, Json)[field].as_string(), Text)
