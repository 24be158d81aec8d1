"""Which rows are worth testing: hints for rare matches, a range of filenames for the rest."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import reduce
from heapq import heappop, heappush

from sqlalchemy import ColumnElement, Connection, and_, func, select, union_all

from viseon.adapters.sql.facts import code_of, key_of
from viseon.adapters.sql.hints import LAST, LONGEST, WIDE, bound_of, names_of
from viseon.adapters.sql.tables import batch, hint, sample
from viseon.ports.where import (
    All,
    Among,
    Compare,
    Count,
    Fact,
    Labelled,
    Matches,
    Member,
    Missing,
    Not,
    Operator,
    Some,
    Where,
)

THIN = 0.2
"""Follow hints when at most this share of the rows may match; else rows are tested in turn."""

Places = dict[int, int]
"""Bits by batch: the rows that may match."""


def span(where: Where) -> list[ColumnElement[bool]]:
    """What a conjunction says about filenames, so that an index can use it."""
    parts = where.of if isinstance(where, All) else (where,)
    name, found = sample.c.filename, []
    for part in parts:
        if isinstance(part, All):
            found += span(part)
        elif isinstance(part, Matches) and part.term == "filename" and part.parts:
            if isinstance(start := part.parts[0], str):
                found += [name >= start, name <= start + LAST * 8]
        elif isinstance(part, Compare) and part.term == "filename":
            if part.operator in ("==", ">", ">="):
                found.append(name >= str(part.value))
            if part.operator in ("==", "<", "<="):
                found.append(name <= str(part.value))
    return found


@dataclass(slots=True)
class Plan:
    """Where one question may find matches in one dataset."""

    db: Connection
    dataset: int
    where: Where
    _places: Places | None = field(init=False)

    def __post_init__(self) -> None:
        self._places = self._possible(self.where)

    @property
    def thin(self) -> bool:
        """Whether following `names` is worth it."""
        if self._places is None:
            return False
        size = select(func.sum(batch.c.size)).where(batch.c.dataset == self.dataset)
        total = self.db.scalar(size) or 0
        return sum(map(int.bit_count, self._places.values())) <= THIN * total

    def names(self, after: str = "") -> Iterator[str]:
        """Filenames after `after` that may match, in order; each once."""
        places = self._places or {}
        here = and_(batch.c.dataset == self.dataset, batch.c.last > after)
        rows = self.db.execute(
            select(batch.c.number, batch.c.first).where(here).order_by(batch.c.first)
        ).all()
        waiting = [(r.first, r.number) for r in rows if places.get(r.number)][::-1]
        heap: list[tuple[str, int, list[str]]] = []
        last = after
        while waiting or heap:
            while waiting and (not heap or waiting[-1][0] <= heap[0][0]):
                self._open(heap, waiting.pop()[1], last)
            if heap:
                name, number, rest = heappop(heap)
                if rest:
                    heappush(heap, (rest.pop(), number, rest))
                if name > last:
                    last = name
                    yield name

    def _open(self, heap: list[tuple[str, int, list[str]]], number: int, after: str) -> None:
        here = and_(batch.c.dataset == self.dataset, batch.c.number == number)
        names = names_of(self.db.scalar(select(batch.c.names).where(here)) or b"")
        bits = (self._places or {})[number]
        rest = [n for i, n in enumerate(names) if bits >> i & 1 and n > after][::-1]
        if rest:
            heappush(heap, (rest.pop(), number, rest))

    def _possible(self, where: Where) -> Places | None:
        """None: any row."""
        match where:
            case All():
                known = [p for p in map(self._possible, where.of) if p is not None]
                return reduce(_both, known) if known else None
            case Some():
                either = [p for p in map(self._possible, where.of) if p is not None]
                return reduce(_either, either) if len(either) == len(where.of) else None
            case Not(of=Missing(term=Fact() as fact)):
                return self._between(key_of(fact), "", LAST)
            case Not() | Missing():
                return None
            case Labelled():
                return self._between("@labelled", "b1", "b1")
            case Count():
                return self._counted(where)
            case Member():
                return self._equal(key_of(where.term), code_of(where.value))
        return self._valued(where)

    def _counted(self, where: Count) -> Places | None:
        if _holds(0, where.operator, where.value):
            return None
        if where.class_name is None:
            return self._between("@class", "t", "u")
        return self._equal("@class", f"t{where.class_name}")

    def _valued(self, where: Compare | Among | Matches) -> Places | None:
        if isinstance(where.term, str):
            return None
        key = key_of(where.term)
        if isinstance(where, Matches):
            start = where.parts[0] if where.parts else ""
            prefix = f"t{start}" if isinstance(start, str) else "t"
            return self._between(key, prefix[:LONGEST], (prefix + LAST * LONGEST)[:LONGEST])
        if isinstance(where, Among):
            codes = [code_of(v) for v in where.values]
            if where.inverted:
                return self._between(key, codes[0][0], _after(codes[0]))
            return reduce(_either, (self._equal(key, code) for code in codes))
        code = code_of(where.value)
        match where.operator:
            case "==":
                return self._equal(key, code)
            case "<" | "<=":
                return self._between(key, code[0], bound_of(code)[1])
            case ">" | ">=":
                return self._between(key, bound_of(code)[0], _after(code))
        return self._between(key, code[0], _after(code))

    def _equal(self, key: str, code: str) -> Places:
        return self._between(key, *bound_of(code))

    def _between(self, key: str, low: str, high: str) -> Places:
        """Rows whose bounds overlap these."""
        what = select(hint.c.number, hint.c.bits).where(hint.c.dataset == self.dataset)
        exact = what.where(hint.c.key == key, hint.c.low >= low, hint.c.low <= high)
        wide = what.where(hint.c.key == WIDE + key, hint.c.low <= high, hint.c.high >= low)
        found: Places = {}
        for number, bits in self.db.execute(union_all(exact, wide)):
            found[number] = found.get(number, 0) | int.from_bytes(bits, "little")
        return found


def _both(one: Places, other: Places) -> Places:
    return {n: bits for n in one.keys() & other.keys() if (bits := one[n] & other[n])}


def _either(one: Places, other: Places) -> Places:
    return {n: one.get(n, 0) | other.get(n, 0) for n in one.keys() | other.keys()}


def _after(code: str) -> str:
    """What follows every code of this one's type."""
    return chr(ord(code[0]) + 1)


def _holds(left: float, operator: Operator, right: float) -> bool:
    return {
        "==": left == right, "!=": left != right, "<": left < right,
        "<=": left <= right, ">": left > right, ">=": left >= right,
    }[operator]  # fmt: skip
