"""Remains on SQL: every table is either looked through here, or known to name no bytes."""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Set
from itertools import islice
from typing import Any, TypeVar

from sqlalchemy import ColumnElement, Connection, Table, and_, delete, except_, func, insert, select

from viseon.adapters.sql.hints import SqlHints, batch_of
from viseon.adapters.sql.history import SqlLabelHistory
from viseon.adapters.sql.tables import (
    addition,
    annotation,
    audit,
    batch,
    collection,
    event,
    hint,
    home,
    label_change,
    look,
    noun,
    sample,
    tally,
)
from viseon.ports import Affected
from viseon.schema import Digest, Sample, Tombstone

T = TypeVar("T")
CHUNK = 500
STREAM = {"yield_per": 2000}

LOOKED_THROUGH = {noun, event, sample, annotation, tally, look, label_change}
"""Tables that name bytes, or hold what goes when no row names it."""
NAME_NOTHING = {audit, collection, home, addition, batch, hint}
"""Tables that keep nothing alive: deeds, datasets' numbers, sessions' splits, what helps to search.
"""


class SqlRemains:
    """What one transaction knows of one workspace."""

    def __init__(
        self, connection: Connection, workspace: str, *, writing: Callable[[], None]
    ) -> None:
        self._db = connection
        self._workspace = workspace
        self._writing = writing
        self._labels = SqlLabelHistory(connection, workspace, writing=writing)

    def deeds(self) -> int:
        last = select(func.max(audit.c.key)).where(audit.c.workspace == self._workspace)
        return int(self._db.scalar(last) or 0)

    def nouns(self) -> Iterator[tuple[str, str, str]]:
        query = select(noun.c.kind, noun.c.key, noun.c.body).where(
            noun.c.workspace == self._workspace
        )
        with self._db.execute(query, execution_options=STREAM) as rows:
            for row in rows:
                yield row[0], row[1], row[2]

    def events(self) -> Iterator[str]:
        query = select(event.c.body).where(event.c.workspace == self._workspace)
        with self._db.execute(query, execution_options=STREAM) as rows:
            yield from rows.scalars()

    def used(self, digests: Iterable[Digest], *, without: Set[str] = frozenset()) -> set[Digest]:
        ids = [id for name, id in self._collections().items() if name not in without]
        found: set[Digest] = set()
        for chunk in _chunks(digests) if ids else ():
            query = select(sample.c.digest).where(
                sample.c.dataset.in_(ids), sample.c.digest.in_(_raw(chunk))
            )
            found |= {bytes(d).hex() for d in self._db.scalars(query.distinct())}
        return found - self.erased() if found else found

    def contents(self, dataset: str, filename: str) -> set[Digest]:
        query = select(sample.c.digest).where(
            sample.c.dataset == self._collections().get(dataset, 0), sample.c.filename == filename
        )
        return {bytes(d).hex() for d in self._db.scalars(query)}

    def made(self) -> Iterator[tuple[Digest, Set[Digest]]]:
        query = select(sample.c.digest, sample.c.line).where(
            self._mine(), sample.c.line.like('%"source":["%')
        )
        with self._db.execute(query, execution_options=STREAM) as rows:
            for digest, line in rows:
                sources = json.loads(line).get("metadata", {}).get("source")
                if isinstance(sources, list):
                    yield bytes(digest).hex(), _words(sources)

    def holders(self, digests: Iterable[Digest]) -> list[Affected]:
        names = {id: name for name, id in self._collections().items()}
        heads = self._heads()
        held: Counter[tuple[str, int]] = Counter()
        for row in self._rows(digests):
            last = min(row.until - 1, heads[row.dataset])
            held.update((names[row.dataset], n) for n in range(row.since, last + 1))
        return [Affected(name, number, rows) for (name, number), rows in sorted(held.items())]

    def erased(self) -> set[Digest]:
        query = select(noun.c.key).where(
            noun.c.workspace == self._workspace, noun.c.kind == Tombstone.__name__
        )
        return set(self._db.scalars(query))

    def erase(self, digests: Iterable[Digest]) -> None:
        self._writing()
        digests = set(digests)
        heads = self._heads()
        rows = list(self._rows(digests))
        names = _aliases(row for row in rows if row.since <= heads[row.dataset])
        left: dict[int, set[str]] = {}
        for row in rows:
            key = and_(
                sample.c.dataset == row.dataset,
                sample.c.filename == row.filename,
                sample.c.since == row.since,
            )
            self._db.execute(delete(sample).where(key))
            head = heads[row.dataset]
            if row.since <= head:
                alias = names[row.dataset, row.filename, bytes(row.digest)]
                self._db.execute(insert(sample).values(_tombstone(row, alias, head)))
                left.setdefault(row.dataset, set()).add(alias)
        for dataset, aliases in left.items():
            SqlHints(self._db).add(dataset, batch_of({alias: {} for alias in aliases}, {}))
        self._delete((look,), [bytes.fromhex(d) for d in digests])
        self._forget_hints({(row.dataset, row.filename) for row in rows})
        labels = {bytes(row.annotation) for row in rows if row.annotation is not None}
        labels |= self._spoken_of(label_change.c.file.in_(_raw(digests)))
        self._labels.forget(files=sorted(digests))
        labels -= self._spoken_of()
        for chunk in _chunks(sorted(labels)):
            shared = select(sample.c.annotation).where(self._mine(), sample.c.annotation.in_(chunk))
            labels -= {bytes(d) for d in self._db.scalars(shared.distinct())}
        self._delete((annotation, tally), list(labels))

    def _forget_hints(self, names: Set[tuple[int, str]]) -> None:
        hints = SqlHints(self._db)
        for dataset in {dataset for dataset, _ in names}:
            gone = {name for of, name in names if of == dataset}
            for chunk in _chunks(sorted(gone)):
                query = select(sample.c.filename).where(
                    sample.c.dataset == dataset, sample.c.filename.in_(chunk)
                )
                hints.forget(dataset, set(chunk) - set(self._db.scalars(query)), self._workspace)

    def drop_rows(self, dataset: str) -> None:
        self._writing()
        id = self._collections().get(dataset, 0)
        for table in (sample, home, hint, batch, label_change, addition):
            self._db.execute(delete(table).where(table.c.dataset == id))
        self._db.execute(delete(collection).where(collection.c.id == id))

    def drop_labels(
        self,
        *,
        but: Set[Digest] = frozenset(),
        without: Set[str] = frozenset(),
        dry_run: bool = False,
    ) -> int:
        there = sample.c.annotation.is_not(None)
        named = select(sample.c.annotation).where(self._mine(without), there)
        left = [id for name, id in self._collections().items() if name not in without]
        back = {d.hex() for d in self._spoken_of(label_change.c.dataset.in_(left))}
        return self._drop((annotation, tally), named, but | back, dry_run=dry_run)

    def _spoken_of(self, *of: ColumnElement[bool]) -> set[bytes]:
        """Annotations that edits began or ended with: the way back."""
        found: set[bytes] = set()
        for column in (label_change.c.before, label_change.c.after):
            query = select(column).where(
                label_change.c.workspace == self._workspace, column.is_not(None), *of
            )
            found |= {bytes(d) for d in self._db.scalars(query.distinct())}
        return found

    def drop_looks(self, *, without: Set[str] = frozenset(), dry_run: bool = False) -> int:
        named = select(sample.c.digest).where(self._mine(without))
        return self._drop((look,), named, frozenset(), dry_run=dry_run)

    def _drop(
        self, tables: tuple[Table, ...], named: Any, but: Set[Digest], *, dry_run: bool
    ) -> int:
        first = tables[0]
        there = select(first.c.digest).where(first.c.workspace == self._workspace)
        left = [bytes(d) for d in self._db.scalars(except_(there, named))]
        left = [d for d in left if d.hex() not in but]
        if left and not dry_run:
            self._writing()
            self._delete(tables, left)
        return len(left)

    def _delete(self, tables: tuple[Table, ...], digests: list[bytes]) -> None:
        for chunk in _chunks(digests):
            for table in tables:
                mine = and_(table.c.workspace == self._workspace, table.c.digest.in_(chunk))
                self._db.execute(delete(table).where(mine))

    def _rows(self, digests: Iterable[Digest]) -> Iterator[Any]:
        """Rows of any version or working area that hold these files, tombstones left out."""
        ids = list(self._collections().values())
        for chunk in _chunks(digests) if ids else ():
            query = select(sample).where(
                sample.c.dataset.in_(ids), sample.c.digest.in_(_raw(chunk))
            )
            for row in self._db.execute(query.order_by(sample.c.filename, sample.c.since)):
                if not json.loads(row.line).get("erased"):
                    yield row

    def _collections(self) -> dict[str, int]:
        here = collection.c.workspace == self._workspace
        query = select(collection.c.name, collection.c.id).where(here)
        return {row.name: row.id for row in self._db.execute(query)}

    def _heads(self) -> dict[int, int]:
        here = collection.c.workspace == self._workspace
        query = select(collection.c.id, collection.c.head).where(here)
        return {row.id: row.head for row in self._db.execute(query)}

    def _mine(self, without: Set[str] = frozenset()) -> ColumnElement[bool]:
        ids = [id for name, id in self._collections().items() if name not in without]
        return sample.c.dataset.in_(ids)


def _tombstone(row: Any, alias: str, head: int) -> dict[str, Any]:
    left = Sample(
        filename=alias, digest=bytes(row.digest).hex(), split=row.split or None, erased=True
    )
    return {
        "dataset": row.dataset,
        "filename": alias,
        "since": row.since,
        "until": min(row.until, head + 1),
        "digest": row.digest,
        "annotation": None,
        "split": row.split,
        "line": left.line,
    }


def _aliases(rows: Iterable[Any]) -> dict[tuple[int, str, bytes], str]:
    """A name that says nothing for each file name; several of the same bytes are numbered."""
    found: dict[tuple[int, str, bytes], str] = {}
    taken: Counter[tuple[int, bytes]] = Counter()
    for row in sorted(rows, key=lambda r: (r.dataset, r.filename)):
        digest = bytes(row.digest)
        if (row.dataset, row.filename, digest) not in found:
            taken[row.dataset, digest] += 1
            number = taken[row.dataset, digest]
            ending = f"-{number}" if number > 1 else ""
            found[row.dataset, row.filename, digest] = f"erased/{digest.hex()[:32]}{ending}"
    return found


def _words(values: list[Any]) -> set[str]:
    return {v for v in values if isinstance(v, str)}


def _raw(digests: Iterable[Digest]) -> list[bytes]:
    return [bytes.fromhex(d) for d in digests]


def _chunks(values: Iterable[T]) -> Iterator[list[T]]:
    rest = iter(values)
    while chunk := list(islice(rest, CHUNK)):
        yield chunk
