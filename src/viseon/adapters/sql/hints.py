"""Where to look for rare samples: which values occur in which batch of filenames, as bitmaps.

A bitmap index over batches of rows (O'Neil, Quass, "Improved Query Performance with Variant
Indexes", 1997). A hint may say too much, because rows change and hints stay; it never says too
little. So whoever follows one still tests each row.
"""

import json
import zlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, and_, delete, func, insert, select

from viseon.adapters.sql.facts import Facts, facts_of
from viseon.adapters.sql.labels import SqlLabels
from viseon.adapters.sql.tables import batch, hint, sample
from viseon.schema import Sample

MOST_VALUES = 64
"""Values of one key that have a bitmap of their own in a batch; more are put into buckets."""
BUCKETS = 16
LONGEST = 64
"""Characters of a bound."""
FULL = 1000
"""Names in a batch, about."""
SMALL = FULL // 2
MOST_SMALL = 32
LAST = "\U0010ffff"
WIDE = "\x01"
"""Before the key of a hint whose bounds differ: those are few, and looked through."""
LACK = "\x02"
"""Before a key: the rows that do not have it. Where a batch says nothing of a key, none has it."""
LISTED, EMPTY = "[", "[]"
"""Values of a key, besides its entries, that stand for a list and for one without entries."""

Bound = tuple[str, str]
NO_BOUND: Bound = ("", "")
Bits = dict[str, dict[Bound, int]]
"""By key and (low, high): bit i is set when the batch's i-th name has such a value."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Sorted filenames and what is said of them."""

    names: Sequence[str]
    bits: Bits


def batch_of(rows: Mapping[str, Facts], classes: Mapping[str, Iterable[str]]) -> Batch:
    """From the facts, and the classes that the annotation says, by filename."""
    names = sorted(rows)
    places: dict[str, dict[str, list[int]]] = defaultdict(lambda: defaultdict(list))
    for at, name in enumerate(names):
        for key, codes in rows[name].items():
            if isinstance(codes, str):
                places[key][codes].append(at)
                continue
            for code in _stated(codes):
                places[key][code].append(at)
        if name in classes:
            places["@labelled"]["b1"].append(at)
            for class_name in classes[name]:
                places["@class"][f"t{class_name}"].append(at)
    bits = {key: _bits(of, len(names)) for key, of in places.items()}
    full = (1 << len(names)) - 1
    lacks = {LACK + key: {NO_BOUND: full & ~_any(of)} for key, of in bits.items()}
    return Batch(names, {key: _bucketed(of) for key, of in bits.items()} | lacks)


def _bits(places: Mapping[str, Sequence[int]], size: int) -> dict[Bound, int]:
    """By bound: bit i is set when i is among the places of such a code."""
    found: dict[Bound, int] = {}
    for code, ats in places.items():
        said = bytearray(size // 8 + 1)
        for at in ats:
            said[at >> 3] |= 1 << (at & 7)
        bound = bound_of(code)
        found[bound] = found.get(bound, 0) | int.from_bytes(said, "little")
    return found


def bound_of(code: str) -> Bound:
    """The narrowest bound that a code fits into."""
    return (code, code) if len(code) <= LONGEST else (code[:LONGEST], code[:LONGEST] + LAST)


class SqlHints:
    """The hints of one transaction."""

    def __init__(self, connection: Connection) -> None:
        self._db = connection

    def add(self, dataset: int, new: Batch) -> None:
        """Keep a batch; many small ones become one."""
        if len(new.names) < SMALL:
            small = self._db.scalars(
                select(batch.c.number)
                .where(batch.c.dataset == dataset, batch.c.size < SMALL)
                .order_by(batch.c.number)
            ).all()
            if len(small) >= MOST_SMALL:
                new = _joined([*self._taken(dataset, small), new])
        for part in _parts(new):
            self._keep(dataset, part)

    def forget(self, dataset: int, filenames: Set[str], workspace: str) -> None:
        """Leave no trace of names that no row has any more, nor of what was said of them."""
        query = select(batch.c.number, batch.c.names).where(
            batch.c.dataset == dataset,
            batch.c.first <= max(filenames, default=""),
            batch.c.last >= min(filenames, default=LAST),
        )
        for number, packed in self._db.execute(query).all():
            names = names_of(packed)
            if filenames.isdisjoint(names):
                continue
            for table in (hint, batch):
                here = and_(table.c.dataset == dataset, table.c.number == number)
                self._db.execute(delete(table).where(here))
            self._restate(dataset, [n for n in names if n not in filenames], workspace)

    def rebuild(self, dataset: int, workspace: str) -> None:
        """Say everything again from the rows."""
        for table in (hint, batch):
            self._db.execute(delete(table).where(table.c.dataset == dataset))
        name, after = sample.c.filename, ""
        query = select(name).where(sample.c.dataset == dataset).distinct().order_by(name)
        while names := list(self._db.scalars(query.where(name > after).limit(FULL))):
            after = names[-1]
            self._restate(dataset, names, workspace)

    def _restate(self, dataset: int, names: list[str], workspace: str) -> None:
        layers = list(self._layers(dataset, names))
        if not layers:
            return
        labels = SqlLabels(self._db, workspace)
        said = [labels.classes({n: s.annotation for n, s in layer.items() if s.annotation})
                for layer in layers]  # fmt: skip
        facts = [{n: facts_of(s) for n, s in layer.items()} for layer in layers]
        self.add(dataset, _joined(map(batch_of, facts, said)))

    def _layers(self, dataset: int, names: list[str]) -> Iterator[dict[str, Sample]]:
        """What rows say of these names, in as many dictionaries as one name has rows."""
        rows: dict[str, list[Sample]] = {}
        for start in range(0, len(names), FULL):
            query = select(sample.c.filename, sample.c.line).where(
                sample.c.dataset == dataset, sample.c.filename.in_(names[start : start + FULL])
            )
            for name, line in self._db.execute(query):
                rows.setdefault(name, []).append(Sample.model_validate_json(line))
        for depth in range(max(map(len, rows.values()), default=0)):
            yield {name: said[depth] for name, said in rows.items() if depth < len(said)}

    def keys(self, dataset: int) -> list[str]:
        """Every key that was ever said of a sample."""
        found: set[str] = set()
        last: str | None = ""
        while last is not None:  # from key to key: never over all rows of one
            query = select(func.min(hint.c.key)).where(hint.c.dataset == dataset)
            last = self._db.scalar(query.where(hint.c.key > last))
            if last is not None and last.startswith(LACK):
                last = chr(ord(LACK) + 1)
                continue
            found.add((last or "").removeprefix(WIDE))
        return sorted(key for key in found if key and not key.startswith("@"))

    def _keep(self, dataset: int, new: Batch) -> None:
        newest = select(func.coalesce(func.max(batch.c.number), 0))
        number = (self._db.scalar(newest.where(batch.c.dataset == dataset)) or 0) + 1
        here = {"dataset": dataset, "number": number}
        names = zlib.compress(json.dumps(new.names).encode(), 1)
        row = {"first": new.names[0], "last": new.names[-1], "size": len(new.names)}
        self._db.execute(insert(batch).values(**here, **row, names=names))
        rows = [
            {**here, "key": _stored(key, bound), "low": bound[0], "high": bound[1],
             "bits": bits.to_bytes((bits.bit_length() + 7) // 8, "little")}
            for key, of in new.bits.items()
            for bound, bits in of.items()
        ]  # fmt: skip
        if rows:
            self._db.execute(insert(hint), rows)

    def _taken(self, dataset: int, numbers: Sequence[int]) -> Iterator[Batch]:
        """Read batches and forget them."""
        for table in (hint, batch):
            here = and_(table.c.dataset == dataset, table.c.number.in_(numbers))
            if table is hint:
                rows = self._db.execute(select(hint).where(here)).all()
            else:
                named = self._db.execute(select(batch.c.number, batch.c.names).where(here)).all()
            self._db.execute(delete(table).where(here))
        for number, names in named:
            bits: Bits = {}
            for r in rows:
                if r.number == number:
                    of_key = bits.setdefault(r.key.removeprefix(WIDE), {})
                    of_key[r.low, r.high] = int.from_bytes(r.bits, "little")
            yield Batch(names_of(names), bits)


def names_of(packed: bytes) -> list[str]:
    """The filenames of a batch."""
    found: list[str] = json.loads(zlib.decompress(packed))
    return found


def _stored(key: str, bound: Bound) -> str:
    return key if bound[0] == bound[1] else WIDE + key


def _bucketed(of_key: dict[Bound, int]) -> dict[Bound, int]:
    """At most so many bounds: neighbours are joined."""
    if len(of_key) <= MOST_VALUES:
        return of_key
    ordered = sorted(of_key)
    step = -(-len(ordered) // BUCKETS)
    found: dict[Bound, int] = {}
    for start in range(0, len(ordered), step):
        group = ordered[start : start + step]
        bits = 0
        for bound in group:
            bits |= of_key[bound]
        found[group[0][0], max(high for _, high in group)] = bits
    return found


def _stated(codes: list[str]) -> list[str]:
    return [*codes, LISTED] if codes else [EMPTY]


def _any(of_key: dict[Bound, int]) -> int:
    found = 0
    for bits in of_key.values():
        found |= bits
    return found


def _complete(part: Batch, keys: Set[str]) -> Batch:
    """The batch with its silence about some keys written down."""
    full = (1 << len(part.names)) - 1
    silent: Bits = {key: {NO_BOUND: full} for key in keys if key not in part.bits}
    return Batch(part.names, {**part.bits, **silent})


def _joined(batches: Iterable[Batch]) -> Batch:
    parts = list(batches)
    keys = {LACK + key.removeprefix(LACK) for part in parts for key in part.bits}
    parts = [_complete(part, keys) for part in parts]
    names = sorted({name for part in parts for name in part.names})
    place = {name: at for at, name in enumerate(names)}
    bits: Bits = {}
    for part in parts:
        for key, of in part.bits.items():
            of_key = bits.setdefault(key, {})
            for bound, old in of.items():
                of_key[bound] = of_key.get(bound, 0) | _moved(old, part.names, place)
    return Batch(names, {key: _bucketed(of) for key, of in bits.items()})


def _moved(bits: int, names: Sequence[str], place: Mapping[str, int]) -> int:
    found = 0
    while bits:
        low = bits & -bits
        found |= 1 << place[names[low.bit_length() - 1]]
        bits ^= low
    return found


def _parts(whole: Batch) -> Iterator[Batch]:
    """Batches that are not too long."""
    if len(whole.names) <= 2 * FULL:
        yield whole
        return
    for start in range(0, len(whole.names), FULL):
        names = whole.names[start : start + FULL]
        mask = (1 << len(names)) - 1
        cut: dict[str, dict[Bound, Any]] = {
            key: {
                bound: here
                for bound, bits in of.items()
                if (here := (bits >> start) & mask) or bound == NO_BOUND
            }
            for key, of in whole.bits.items()
        }
        yield Batch(names, cut)
