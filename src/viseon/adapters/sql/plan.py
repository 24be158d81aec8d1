"""Which rows are worth testing: hints for rare matches, a range of filenames for the rest."""

import json
import re
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import reduce
from heapq import heappop, heappush
from typing import Literal

from sqlalchemy import ColumnElement, Connection, and_, func, not_, or_, select, true, union_all

from viseon.adapters.sql.facts import code_of, key_of
from viseon.adapters.sql.hints import LACK, LAST, LISTED, LONGEST, WIDE, bound_of, names_of
from viseon.adapters.sql.tables import batch, hint, sample
from viseon.adapters.sql.where import pattern
from viseon.ports.where import (
    All,
    Among,
    Compare,
    Count,
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

SHORT = 3
"""Characters that a text inside a filename needs, so that looking for it is worth it."""
MANY = 5000
"""Names that hold a text, after which it is found soon by testing the rows in turn."""

Parts = tuple[str | Literal[1] | None, ...]
Places = dict[int, int]
"""Bits by batch: the rows that may match."""


_OPPOSITE: dict[Operator, Operator] = {
    "==": "!=", "!=": "==", "<": ">=", "<=": ">", ">": "<=", ">=": "<",
}  # fmt: skip


def span(where: Where) -> list[ColumnElement[bool]]:
    """What a conjunction says about filenames and bytes, so that an index can use it."""
    match where:
        case All():
            return [found for part in where.of for found in span(part)]
        case Matches(term="filename", parts=(str(start), *_)):
            return [sample.c.filename >= start, sample.c.filename <= start + LAST * 8]
        case Compare(term="filename"):
            return _named_between(where)
        case Compare(term="digest", operator="=="):
            return [sample.c.digest == _bytes(str(where.value))]
        case Among(term="digest", inverted=False):
            return [sample.c.digest.in_([_bytes(str(value)) for value in where.values])]
    return []


def _named_between(where: Compare) -> list[ColumnElement[bool]]:
    found = []
    if where.operator in ("==", ">", ">="):
        found.append(sample.c.filename >= str(where.value))
    if where.operator in ("==", "<", "<="):
        found.append(sample.c.filename <= str(where.value))
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

    def _possible(self, where: Where, *, no: bool = False) -> Places | None:
        """Rows where it may hold, or with `no` where it may not; None: any row."""
        match where:
            case Not():
                return self._possible(where.of, no=not no)
            case All() | Some():
                parts = [self._possible(part, no=no) for part in where.of]
                return _every(parts) if isinstance(where, All) != no else _some(parts)
            case Missing():
                return self._missing(where, no=no)
            case Labelled():
                if no:
                    return None if where.reviewed else self._lacking("@labelled")
                return self._equal("@labelled", "b1")
            case Count():
                operator = _OPPOSITE[where.operator] if no else where.operator
                return self._counted(where.class_name, operator, where.value)
            case Member():
                return self._member(where, no=no)
        return self._valued(where, no=no)

    def _missing(self, where: Missing, *, no: bool) -> Places | None:
        if isinstance(where.term, str):
            return None
        key = key_of(where.term)
        return self._found(key, true(), true()) if no else self._lacking(key)

    def _counted(self, class_name: str | None, operator: Operator, value: float) -> Places | None:
        if not _holds(0, operator, value):
            if class_name is None:
                return self._found("@class", true(), true())
            return self._equal("@class", f"t{class_name}")
        if class_name is None and not _holds(1, operator, value) and operator != "!=":
            return None if operator in (">", ">=") else self._lacking("@class")
        return None

    def _member(self, where: Member, *, no: bool) -> Places | None:
        key, code = key_of(where.term), code_of(where.value)
        if not no:
            return self._equal(key, code)
        others = self._found(key, hint.c.low.not_in([code, LISTED]), true())
        return _either(others, self._lacking(key))

    def _valued(self, where: Compare | Among | Matches, *, no: bool) -> Places | None:
        if isinstance(where.term, str):
            return None if no or not isinstance(where, Matches) else self._named(where)
        key = key_of(where.term)
        if isinstance(where, Matches):
            return self._matching(key, ("t", *where.parts), no=no)
        if isinstance(where, Among):
            codes = [code_of(v) for v in where.values]
            if where.inverted == no:
                found = self._among(key, codes)
            else:
                kept = [hint.c.low >= codes[0][0], hint.c.low < _after(codes[0])]
                wide = and_(hint.c.low < _after(codes[0]), hint.c.high >= codes[0][0])
                found = self._found(key, and_(*kept, hint.c.low.not_in(codes)), wide)
            return self._or_else(key, codes[0], found) if no else found
        code = code_of(where.value)
        operator = _OPPOSITE[where.operator] if no else where.operator
        found = self._related(key, operator, code)
        return self._or_else(key, code, found) if no else found

    def _related(self, key: str, operator: Operator, code: str) -> Places:
        """Rows with a value of the code's type that stands in this relation to it."""
        low, high = hint.c.low, hint.c.high
        begin, end = code[0], _after(code)
        match operator:
            case "==":
                return self._equal(key, code)
            case "<" | "<=":
                exact = and_(low >= begin, low < code if operator == "<" else low <= code)
                return self._found(key, exact, and_(low <= code, high >= begin))
            case ">" | ">=":
                exact = and_(low < end, low > code if operator == ">" else low >= code)
                return self._found(key, exact, and_(low < end, high >= code[:LONGEST]))
        typed = and_(low >= begin, low < end, low != code)
        return self._found(key, typed, and_(low < end, high >= begin))

    def _or_else(self, key: str, code: str, found: Places) -> Places:
        """And rows with a value of another type, or with none."""
        begin, end = code[0], _after(code)
        low, high = hint.c.low, hint.c.high
        others = self._found(key, or_(low < begin, low >= end), or_(low < begin, high >= end))
        return _either(_either(found, others), self._lacking(key))

    def _matching(self, key: str, parts: Parts, *, no: bool) -> Places:
        alike = pattern(hint.c.low, parts, sqlite=self.db.dialect.name == "sqlite")
        if no:
            return _either(self._found(key, not_(alike), true()), self._lacking(key))
        start = f"t{parts[1]}" if len(parts) > 1 and isinstance(parts[1], str) else "t"
        low, high = start[:LONGEST], (start + LAST * LONGEST)[:LONGEST]
        wide = and_(hint.c.low <= high, hint.c.high >= low)
        return self._found(key, and_(alike, hint.c.low >= low, hint.c.low <= high), wide)

    def _among(self, key: str, codes: Sequence[str]) -> Places:
        bounds = [bound_of(code) for code in codes]
        first, last = min(low for low, _ in bounds), max(high for _, high in bounds)
        wide = and_(hint.c.low <= last, hint.c.high >= first)
        return self._found(key, hint.c.low.in_(codes), wide)

    def _equal(self, key: str, code: str) -> Places:
        return self._among(key, [code])

    def _lacking(self, key: str) -> Places:
        """Rows without the key."""
        sizes = select(batch.c.number, batch.c.size).where(batch.c.dataset == self.dataset)
        found = {number: (1 << size) - 1 for number, size in self.db.execute(sizes)}
        said = select(hint.c.number, hint.c.bits).where(
            hint.c.dataset == self.dataset, hint.c.key == LACK + key
        )
        for number, bits in self.db.execute(said):
            found[number] = int.from_bytes(bits, "little")
        return found

    def _found(self, key: str, exact: ColumnElement[bool], wide: ColumnElement[bool]) -> Places:
        """Rows by their value where the hint knows it, and by its bounds where it does not."""
        what = select(hint.c.number, hint.c.bits).where(hint.c.dataset == self.dataset)
        known = what.where(hint.c.key == key, exact)
        bound = what.where(hint.c.key == WIDE + key, wide)
        found: Places = {}
        for number, bits in self.db.execute(union_all(known, bound)):
            found[number] = found.get(number, 0) | int.from_bytes(bits, "little")
        return found

    def _named(self, where: Matches) -> Places | None:
        """Rows whose names hold the longest text of a pattern; None where many do."""
        texts = [part for part in where.parts if isinstance(part, str)]
        longest = max(texts, key=len, default="")
        if where.term != "filename" or len(longest) < SHORT or where.parts[0] == longest:
            return None
        written = json.dumps(longest)[1:-1].encode()
        query = select(batch.c.number, batch.c.names).where(batch.c.dataset == self.dataset)
        found: Places = {}
        seen = matching = 0
        for number, packed in self.db.execute(query.order_by(batch.c.number)):
            data = zlib.decompress(packed)
            if written in data:
                names: list[str] = json.loads(data)
                found[number] = sum(1 << at for at, name in enumerate(names) if longest in name)
                matching += found[number].bit_count()
                seen += len(names)
                if matching >= MANY:
                    return None
        return found


def _both(one: Places, other: Places) -> Places:
    return {n: bits for n in one.keys() & other.keys() if (bits := one[n] & other[n])}


def _every(parts: list[Places | None]) -> Places | None:
    known = [part for part in parts if part is not None]
    return reduce(_both, known) if known else None


def _some(parts: list[Places | None]) -> Places | None:
    known = [part for part in parts if part is not None]
    return reduce(_either, known) if len(known) == len(parts) else None


def _either(one: Places, other: Places) -> Places:
    return {n: one.get(n, 0) | other.get(n, 0) for n in one.keys() | other.keys()}


def _bytes(digest: str) -> bytes:
    """None of any sample where the text is no digest."""
    return bytes.fromhex(digest) if re.fullmatch("(?:[0-9a-f]{2})*", digest) else b""


def _after(code: str) -> str:
    """What follows every code of this one's type."""
    return chr(ord(code[0]) + 1)


def _holds(left: float, operator: Operator, right: float) -> bool:
    return {
        "==": left == right, "!=": left != right, "<": left < right,
        "<=": left <= right, ">": left > right, ">=": left >= right,
    }[operator]  # fmt: skip
