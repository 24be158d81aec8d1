"""One question to the rows of a dataset, answered the cheaper way."""

from collections import Counter
from collections.abc import Iterator
from itertools import islice
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, func, select

from viseon.adapters.sql.plan import Plan, span
from viseon.adapters.sql.tables import sample
from viseon.adapters.sql.where import Translator
from viseon.ports.where import Where

CHUNK = 500
"""Rows tested at once when hints are followed."""


class Question:
    """Follows hints where few rows may match; tests the rows one after the other where many may."""

    def __init__(self, connection: Connection, workspace: str, dataset: int, where: Where) -> None:
        self._db = connection
        self._plan = Plan(connection, dataset, where)
        test = Translator(workspace, connection.dialect.name).test(where)
        self._tests = [*span(where), test]

    def lines(self, alive: ColumnElement[bool], after: str, limit: int) -> list[str]:
        """The first manifest lines after a filename."""
        query = select(sample.c.line).where(alive, *self._tests).order_by(sample.c.filename)
        found: list[str] = []
        for part in self._parts(query, after):
            found += self._db.scalars(part.limit(limit - len(found)))
            if len(found) >= limit:
                break
        return found

    def counts(self, alive: ColumnElement[bool]) -> dict[str, int]:
        """How many in each split."""
        query = select(sample.c.split, func.count()).where(alive, *self._tests)
        found: Counter[str] = Counter()
        for part in self._parts(query.group_by(sample.c.split), ""):
            for split, n in self._db.execute(part):
                found[split] += n
        return dict(sorted(found.items()))

    def _parts(self, query: Select[Any], after: str) -> Iterator[Select[Any]]:
        """The query over all rows after a filename, or over the few worth it, some at a time."""
        if not self._plan.thin:
            yield query.where(sample.c.filename > after)
            return
        names = self._plan.names(after)
        while chunk := list(islice(names, CHUNK)):
            yield query.where(sample.c.filename.in_(chunk))
