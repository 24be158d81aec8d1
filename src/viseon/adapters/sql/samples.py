"""Samples on SQL: rows with a validity interval, so that a commit writes only what changed."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import groupby, islice
from typing import Any, TypeVar

from sqlalchemy import (
    ColumnElement,
    Connection,
    and_,
    bindparam,
    delete,
    func,
    insert,
    select,
    update,
)

from viseon.adapters.sql.bulk import insert_many
from viseon.adapters.sql.changes import change_of, changed_rows
from viseon.adapters.sql.engine import restate
from viseon.adapters.sql.facts import facts_of
from viseon.adapters.sql.hints import SqlHints, batch_of
from viseon.adapters.sql.history import SqlAdditions
from viseon.adapters.sql.labels import SqlLabels
from viseon.adapters.sql.question import Question
from viseon.adapters.sql.rows import columns, labels, merged, same
from viseon.adapters.sql.tables import FOREVER, batch, collection, hint, sample
from viseon.ports.where import Where
from viseon.schema import (
    Added,
    Annotation,
    Change,
    Digest,
    NotFound,
    Sample,
    Split,
    canonical_json,
)

T = TypeVar("T")

CHUNK = 1000
"""Filenames or digests in one statement."""

COUNTED = frozenset({4, 16, 64, 256, 1024})
"""After so many chunks of one addition the database counts the rows again."""

STREAM = {"yield_per": 5000}


class SqlSamples:
    """The rows one transaction sees of one workspace."""

    def __init__(
        self,
        connection: Connection,
        workspace: str,
        *,
        writing: Callable[[], None],
        additions: SqlAdditions | None,
    ) -> None:
        self._db = connection
        self._workspace = workspace
        self._writing = writing
        self._additions = additions
        self._labels = SqlLabels(connection, workspace)
        self._hints = SqlHints(connection)

    def add(self, dataset: str, samples: Iterable[Sample]) -> Added:
        self._writing()
        id, head = self._collection(dataset, create=True)
        total = Added()
        for number, chunk in enumerate(_chunks(samples), 1):
            wanted = {s.filename: s for s in chunk}
            known = self._any(id, min(wanted), max(wanted))
            open_rows = self._open_rows(id, list(wanted)) if known else {}
            new = {n: merged(s, open_rows.get(n)) for n, s in wanted.items()}
            kept = [n for n, s in new.items() if n in open_rows and same(s, open_rows[n][0])]
            for name in kept:
                del new[name]
            replaced = [n for n in new if n in open_rows]
            same_labels = [n for n in replaced if labels(new[n]) == labels(open_rows[n][0])]
            brought = self._brought(id, same_labels)
            self._close(id, head + 1, replaced)
            self._open(id, head + 1, new.values(), brought, known=known)
            total = Added(
                added=total.added + len(new) - len(replaced),
                replaced=total.replaced + len(replaced),
                unchanged=total.unchanged + len(kept),
            )
            if number in COUNTED:
                restate(self._db, sample, batch, hint)
        return total

    def relabel(self, dataset: str, annotations: Mapping[str, Digest | None]) -> None:
        self._alter(dataset, {n: {"annotation": digest} for n, digest in annotations.items()})

    def describe(self, dataset: str, metadata: Mapping[str, Mapping[str, Any]]) -> None:
        self._alter(dataset, {n: {"metadata": dict(said)} for n, said in metadata.items()})

    def remove(self, dataset: str, filenames: Iterable[str]) -> int:
        self._writing()
        id, head = self._collection(dataset)
        gone = 0
        for chunk in _chunks(filenames):
            there = list(self._open_rows(id, chunk))
            self._close(id, head + 1, there)
            gone += len(there)
        return gone

    def get(self, dataset: str, filename: str, *, version: int | None = None) -> Sample:
        id, _ = self._collection(dataset)
        line = self._db.scalar(
            select(sample.c.line).where(_alive(id, version), sample.c.filename == filename)
        )
        if line is None:
            raise NotFound(f"no sample {filename!r} in dataset {dataset!r}")
        return Sample.model_validate_json(line)

    def some(
        self, dataset: str, filenames: Iterable[str], *, version: int | None = None
    ) -> list[Sample]:
        id, _ = self._collection(dataset)
        lines: list[str] = []
        for chunk in _chunks(sorted(set(filenames))):
            query = select(sample.c.line).where(_alive(id, version), sample.c.filename.in_(chunk))
            lines += self._db.scalars(query.order_by(sample.c.filename))
        return [Sample.model_validate_json(line) for line in lines]

    def page(
        self,
        dataset: str,
        *,
        version: int | None = None,
        after: str = "",
        limit: int = 100,
        where: Where | None = None,
    ) -> list[Sample]:
        id, _ = self._collection(dataset)
        if where is None:
            here = [_alive(id, version), sample.c.filename > after]
            query = select(sample.c.line).where(*here).order_by(sample.c.filename).limit(limit)
            lines: Iterable[str] = self._db.scalars(query)
        else:
            found = Question(self._db, self._workspace, id, where)
            lines = found.lines(_alive(id, version), after, limit)
        return [Sample.model_validate_json(line) for line in lines]

    def rows(self, dataset: str, *, version: int | None = None) -> Iterator[Sample]:
        for chunk in self._lines(dataset, version):
            yield from map(Sample.model_validate_json, chunk)

    def lines(self, dataset: str, *, version: int | None = None) -> Iterator[bytes]:
        for chunk in self._lines(dataset, version):
            yield ("\n".join(chunk) + "\n").encode()

    def count(
        self, dataset: str, *, version: int | None = None, where: Where | None = None
    ) -> dict[str, int]:
        id, _ = self._collection(dataset)
        if where is not None:
            return Question(self._db, self._workspace, id, where).counts(_alive(id, version))
        query = select(sample.c.split, func.count()).where(_alive(id, version))
        rows = self._db.execute(query.group_by(sample.c.split)).all()
        return {split: n for split, n in sorted((r[0], r[1]) for r in rows)}

    def keys(self, dataset: str) -> list[str]:
        id, _ = self._collection(dataset)
        return self._hints.keys(id)

    def pending(self, dataset: str) -> Iterator[Sample]:
        id, head = self._collection(dataset)
        query = (
            select(sample.c.line)
            .where(sample.c.dataset == id, sample.c.since == head + 1)
            .order_by(sample.c.filename)
        )
        with self._db.execute(query, execution_options=STREAM) as found:
            yield from map(Sample.model_validate_json, found.scalars())

    def assign(self, dataset: str, splits: Mapping[str, Split]) -> None:
        self._writing()
        id, head = self._collection(dataset)
        here = and_(
            sample.c.dataset == id,
            sample.c.filename == bindparam("name"),
            sample.c.since == head + 1,
        )
        new: dict[str, Any] = {"split": bindparam("chosen"), "line": bindparam("text")}
        for chunk in _chunks(splits):
            query = select(sample.c.filename, sample.c.line).where(
                sample.c.dataset == id,
                sample.c.filename.in_(chunk),
                sample.c.since == head + 1,
                sample.c.until == FOREVER,
            )
            rows = []
            for name, line in self._db.execute(query):
                row = json.loads(line)  # not a Sample: a first commit does this a million times
                if row.get("split") != splits[name]:
                    text = canonical_json(row | {"split": splits[name]}).decode()
                    rows.append({"name": name, "chosen": splits[name], "text": text})
            if rows:
                self._db.execute(update(sample).where(here).values(new), rows)

    def hold(self, dataset: str, filenames: Iterable[str]) -> None:
        self._writing()
        id, head = self._collection(dataset)
        here = and_(sample.c.dataset == id, sample.c.filename == bindparam("name"))
        names = [{"name": n} for n in filenames]
        if names:
            old = update(sample).where(here, sample.c.until == head + 1)
            self._db.execute(old.values(until=head + 2), names)
            new = update(sample).where(here, sample.c.since == head + 1)
            self._db.execute(new.values(since=head + 2), names)

    def homes(self, dataset: str, digests: Iterable[Digest]) -> dict[Digest, Split]:
        id, head = self._collection(dataset)
        found: dict[Digest, Split] = {}
        for chunk in _chunks(digests):
            query = select(sample.c.digest, sample.c.split).where(
                sample.c.dataset == id,
                sample.c.digest.in_([bytes.fromhex(d) for d in chunk]),
                sample.c.split != "",
                sample.c.since <= head,
            )
            for digest, split in self._db.execute(query.order_by(sample.c.since)):
                found[bytes(digest).hex()] = split
        return found

    def freeze(self, dataset: str, version: int) -> None:
        self._writing()
        id, head = self._collection(dataset, create=True)
        if version != head + 1:
            raise RuntimeError(f"version {version} does not follow {head}")
        self._db.execute(update(collection).where(collection.c.id == id).values(head=version))

    def changes(
        self, dataset: str, old: int, new: int | None, *, after: str = "", limit: int | None = None
    ) -> Iterator[Change]:
        id, head = self._collection(dataset)
        right = head + 1 if new is None else new
        query = changed_rows(id, old, right, after)
        with self._db.execute(query, execution_options=STREAM) as rows:
            found = (change_of(list(group)) for _, group in groupby(rows, key=lambda r: r.filename))
            yield from islice((c for c in found if c is not None), limit)

    def annotate(self, annotations: Iterable[Annotation]) -> None:
        self._writing()
        for chunk in _chunks(annotations):
            self._labels.put(chunk)

    def annotations(self, digests: Iterable[Digest]) -> dict[Digest, Annotation]:
        found: dict[Digest, Annotation] = {}
        for chunk in _chunks(digests):
            found |= self._labels.get(chunk)
        return found

    def _alter(self, dataset: str, updates: Mapping[str, Mapping[str, Any]]) -> None:
        """Replace fields of rows of the working area; who brought them stays."""
        self._writing()
        id, head = self._collection(dataset)
        for chunk in _chunks(updates):
            rows = self._open_rows(id, chunk)
            missing = [n for n in chunk if n not in rows]
            if missing:
                raise NotFound(f"no sample {missing[0]!r} in dataset {dataset!r}")
            new = [rows[n][0].model_copy(update=updates[n]) for n in rows]
            brought = self._brought(id, chunk)
            changed = [s for s in new if not same(s, rows[s.filename][0])]
            self._close(id, head + 1, [s.filename for s in changed])
            self._open(id, head + 1, changed, brought)

    def _collection(self, dataset: str, *, create: bool = False) -> tuple[int, int]:
        here = and_(collection.c.workspace == self._workspace, collection.c.name == dataset)
        row = self._db.execute(select(collection.c.id, collection.c.head).where(here)).first()
        if row is not None:
            return row.id, row.head
        if not create:
            return 0, 0
        values = {"workspace": self._workspace, "name": dataset, "head": 0}
        made = self._db.execute(insert(collection).values(values)).inserted_primary_key
        return (made[0] if made else 0), 0

    def _lines(self, dataset: str, version: int | None) -> Iterator[list[str]]:
        id, _ = self._collection(dataset)
        query = select(sample.c.line).where(_alive(id, version)).order_by(sample.c.filename)
        with self._db.execute(query, execution_options=STREAM) as found:
            for chunk in found.scalars().partitions():
                yield list(chunk)

    def _any(self, id: int, first: str, last: str) -> bool:
        """Whether there was ever a row between two names: far cheaper than asking for many."""
        name = sample.c.filename
        between = and_(sample.c.dataset == id, name >= first, name <= last)
        return self._db.scalar(select(sample.c.dataset).where(between).limit(1)) is not None

    def _open_rows(self, id: int, filenames: list[str]) -> dict[str, tuple[Sample, int]]:
        query = select(sample.c.filename, sample.c.line, sample.c.since).where(
            sample.c.dataset == id,
            sample.c.filename.in_(filenames),
            sample.c.until == FOREVER,
        )
        rows = self._db.execute(query)
        return {r.filename: (Sample.model_validate_json(r.line), r.since) for r in rows}

    def _close(self, id: int, working: int, filenames: list[str]) -> None:
        """End open rows before the working version; rows born in it leave no trace."""
        if not filenames:
            return
        mine = and_(
            sample.c.dataset == id, sample.c.filename.in_(filenames), sample.c.until == FOREVER
        )
        self._db.execute(delete(sample).where(mine, sample.c.since >= working))
        self._db.execute(update(sample).where(mine).values(until=working))

    def _brought(self, id: int, filenames: list[str]) -> dict[str, int | None]:
        """By which addition open rows came."""
        if not filenames:
            return {}
        query = select(sample.c.filename, sample.c.addition).where(
            sample.c.dataset == id, sample.c.filename.in_(filenames), sample.c.until == FOREVER
        )
        return {r.filename: r.addition for r in self._db.execute(query)}

    def _open(
        self,
        id: int,
        working: int,
        samples: Iterable[Sample],
        brought: Mapping[str, int | None],
        *,
        known: bool = True,
    ) -> None:
        """Begin rows; one that equals the row the working version had ended goes on instead."""
        fresh = {s.filename: s for s in samples}
        if fresh and known:
            self._resume(id, working, fresh)
        if not fresh:
            return
        facts = {name: facts_of(s) for name, s in fresh.items()}
        bulk = self._additions and any(name not in brought for name in fresh)
        now = self._additions.current(id) if self._additions and bulk else None
        rows = [
            {
                "dataset": id,
                "since": working,
                "until": FOREVER,
                "addition": brought.get(s.filename, now),
                **columns(s, facts[s.filename]),
            }
            for s in fresh.values()
        ]
        insert_many(self._db, sample, rows)
        classes = self._labels.classes({n: s.annotation for n, s in fresh.items() if s.annotation})
        self._hints.add(id, batch_of(facts, classes))

    def _resume(self, id: int, working: int, fresh: dict[str, Sample]) -> None:
        """Rows that the working version had ended go on; they are taken out of `fresh`."""
        ended = select(sample.c.filename, sample.c.line).where(
            sample.c.dataset == id,
            sample.c.filename.in_(list(fresh)),
            sample.c.until == working,
        )
        back = []
        for name, line in self._db.execute(ended):
            before = Sample.model_validate_json(line)
            after = fresh[name]
            if after.split is None:
                after = after.model_copy(update={"split": before.split})
            if same(after, before):
                back.append(name)
                del fresh[name]
        if back:
            again = and_(
                sample.c.dataset == id, sample.c.filename.in_(back), sample.c.until == working
            )
            self._db.execute(update(sample).where(again).values(until=FOREVER))


def _alive(id: int, version: int | None) -> ColumnElement[bool]:
    if version is None:
        return and_(sample.c.dataset == id, sample.c.until == FOREVER)
    return and_(sample.c.dataset == id, sample.c.since <= version, sample.c.until > version)


def _chunks(values: Iterable[T]) -> Iterator[list[T]]:
    rest = iter(values)
    while chunk := list(islice(rest, CHUNK)):
        yield chunk
