"""Kinship on SQL."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import islice
from typing import TypeVar

from sqlalchemy import ColumnElement, Connection, and_, func, select

from viseon.adapters.sql.engine import upserting
from viseon.adapters.sql.tables import collection, home, look, sample, tally
from viseon.ports.kinship import Home
from viseon.schema import Digest, Split

T = TypeVar("T")
CHUNK = 1000


class SqlKinship:
    """What one transaction knows of one workspace."""

    def __init__(
        self, connection: Connection, workspace: str, *, writing: Callable[[], None]
    ) -> None:
        self._db = connection
        self._workspace = workspace
        self._writing = writing
        self._insert = upserting(connection)

    def unseen(self, digests: Iterable[Digest]) -> list[Digest]:
        found: list[Digest] = []
        for chunk in _chunks(dict.fromkeys(digests)):
            query = select(look.c.digest).where(self._among(chunk))
            known = {bytes(d).hex() for d in self._db.scalars(query)}
            found += [d for d in chunk if d not in known]
        return found

    def see(self, looks: Mapping[Digest, bytes]) -> None:
        if not looks:
            return
        self._writing()
        rows = [
            {"workspace": self._workspace, "digest": bytes.fromhex(d), "hash": h}
            for d, h in looks.items()
        ]
        self._db.execute(self._insert(look).on_conflict_do_nothing(), rows)

    def looks(self, digests: Iterable[Digest]) -> dict[Digest, bytes]:
        found: dict[Digest, bytes] = {}
        for chunk in _chunks(dict.fromkeys(digests)):
            query = select(look.c.digest, look.c.hash).where(self._among(chunk))
            found |= {bytes(d).hex(): bytes(h) for d, h in self._db.execute(query) if h}
        return found

    def looks_of(self, dataset: str, version: int) -> list[tuple[Digest, Split, bytes]]:
        query = (
            select(sample.c.digest, sample.c.split, look.c.hash)
            .join(look, and_(look.c.workspace == self._workspace, look.c.digest == sample.c.digest))
            .where(_alive(self._id(dataset), version), func.length(look.c.hash) > 0)
        )
        rows = self._db.execute(query).all()  # at once: one by one each costs four times as much
        found = {(bytes(d), split): bytes(h) for d, split, h in rows}
        return [(d.hex(), split, found[d, split]) for d, split in sorted(found)]

    def settle(self, dataset: str, homes: Mapping[Home, Split]) -> None:
        if not homes:
            return
        self._writing()
        id = self._id(dataset)
        rows = [
            {"dataset": id, "key": key, "at_us": at, "split": split}
            for (key, at), split in homes.items()
        ]
        self._db.execute(self._insert(home).on_conflict_do_nothing(), rows)

    def settled(self, dataset: str, key: str, since_us: int, until_us: int) -> dict[int, Split]:
        query = select(home.c.at_us, home.c.split).where(
            home.c.dataset == self._id(dataset),
            home.c.key == key,
            home.c.at_us.between(since_us, until_us),
        )
        return {at: split for at, split in self._db.execute(query)}

    def tallies(self, digests: Iterable[Digest]) -> dict[Digest, dict[str, int]]:
        found: dict[Digest, dict[str, int]] = {}
        for chunk in _chunks(dict.fromkeys(digests)):
            query = select(tally.c.digest, tally.c.class_name, tally.c.count).where(
                tally.c.workspace == self._workspace,
                tally.c.digest.in_([bytes.fromhex(d) for d in chunk]),
            )
            for digest, name, count in self._db.execute(query):
                found.setdefault(bytes(digest).hex(), {})[name] = count
        return found

    def balance(self, dataset: str, version: int) -> dict[str, dict[str, int]]:
        mine = and_(tally.c.workspace == self._workspace, tally.c.digest == sample.c.annotation)
        query = (
            select(tally.c.class_name, sample.c.split, func.sum(tally.c.count))
            .join(tally, mine)
            .where(_alive(self._id(dataset), version), sample.c.annotation.is_not(None))
            .group_by(tally.c.class_name, sample.c.split)
            .order_by(tally.c.class_name, sample.c.split)
        )
        found: dict[str, dict[str, int]] = {}
        for name, split, count in self._db.execute(query):
            found.setdefault(name, {})[split] = int(count)
        return found

    def _id(self, dataset: str) -> int:
        here = and_(collection.c.workspace == self._workspace, collection.c.name == dataset)
        return self._db.scalar(select(collection.c.id).where(here)) or 0

    def _among(self, chunk: list[Digest]) -> ColumnElement[bool]:
        digests = [bytes.fromhex(d) for d in chunk]
        return and_(look.c.workspace == self._workspace, look.c.digest.in_(digests))


def _alive(id: int, version: int) -> ColumnElement[bool]:
    return and_(sample.c.dataset == id, sample.c.since <= version, sample.c.until > version)


def _chunks(values: Iterable[T]) -> Iterator[list[T]]:
    rest = iter(values)
    while chunk := list(islice(rest, CHUNK)):
        yield chunk
