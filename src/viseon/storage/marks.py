"""Which blobs are named by anything at all."""

import json
import re
from collections.abc import Iterator, Set
from dataclasses import dataclass, replace

from viseon.ports import Records, Remains
from viseon.schema import Certificate, Deleted, Digest, Erasure, Job, Replay, Version, View
from viseon.schema.recipe import Derivation, StageResult

DIGESTS = re.compile(r"[0-9a-f]{64}")
"""Finds what may be a digest in any text."""

OWN = "storage."
"""How the operations of this service begin; what their jobs answered names what went."""

_OF_DATASETS = {kind.__name__ for kind in (Version, Certificate, Derivation, Deleted)}
"""Nouns that go with their dataset; their keys begin with its name."""


@dataclass(frozen=True, slots=True)
class Marks:
    """Who names what, as it was at some moment."""

    deeds: int
    """How many deeds were on record then."""
    named: dict[Digest, str]
    """Every digest that is named, and by what: the kind of noun, or `events`."""
    dead: frozenset[Digest]
    """Keys of remembered stage results that are of no more use."""

    def now(self, records: Records) -> "Marks":
        """As it is now: nouns are read again if anybody wrote meanwhile.

        Events are not: whoever appends one has just stored what it names, so that is young.
        """
        if records.remains.deeds() == self.deeds:
            return self
        fresh = _marks(records, {}, frozenset())
        return replace(fresh, named={**self.named, **fresh.named})


def marks(records: Records, *, without: Set[str] = frozenset()) -> Marks:
    """What nouns and events name.

    Any 64 hexadecimal digits in any noun count, so that no kind of noun can be forgotten.
    `without` are datasets that are as good as gone. A remembered stage result keeps its pictures
    only as long as something else keeps what they were made from.
    """
    found: dict[Digest, str] = {}
    for body in records.remains.events():
        _note(found, body, "events")
    return _marks(records, found, without)


def _marks(records: Records, found: dict[Digest, str], without: Set[str]) -> Marks:
    results: list[StageResult] = []
    gone = records.remains.erased()
    for kind, key, body in records.remains.nouns():
        if kind == StageResult.__name__:
            results.append(StageResult.model_validate_json(body))
        elif kind == Erasure.__name__:
            gone.update(Erasure.model_validate_json(body).copies)
        elif not _silent(kind, key, body, without):
            _note(found, body, kind)
    dead = _cached(results, found, records.remains, without)
    for digest in gone:
        found.pop(digest, None)
    return Marks(records.remains.deeds(), found, frozenset(dead))


def _silent(kind: str, key: str, body: str, without: Set[str]) -> bool:
    """Whether a noun keeps nothing alive: a collection, a question, a dataset that goes."""
    if kind == View.__name__:
        return True
    if kind in (Job.__name__, Replay.__name__):
        return str(json.loads(body).get("operation")).startswith(OWN)
    return kind in _OF_DATASETS and key.split("@")[0] in without


def _note(found: dict[Digest, str], body: str, by: str) -> None:
    for digest in DIGESTS.findall(body):
        found.setdefault(digest, by)


def _cached(
    results: list[StageResult], found: dict[Digest, str], remains: Remains, without: Set[str]
) -> set[Digest]:
    """Mark what living stage results made, however long their chain; the keys of the others."""
    alive = set(found) | remains.used(
        {d for result in results for d in result.inputs}, without=without
    )
    waiting = results
    while True:
        left = [r for r in waiting if not (r.inputs and alive.issuperset(r.inputs))]
        for result in _without(waiting, left):
            for made in result.made:
                alive.add(made.digest)
                found.setdefault(made.digest, StageResult.__name__)
        if len(left) == len(waiting):
            return {r.key for r in left}
        waiting = left


def _without(all_of_them: list[StageResult], left: list[StageResult]) -> Iterator[StageResult]:
    keys = {r.key for r in left}
    return (r for r in all_of_them if r.key not in keys)
