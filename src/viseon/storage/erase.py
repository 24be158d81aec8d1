"""Erasing: first it is written down what must go and nothing shows it any more; then it goes."""

import json
from collections.abc import Iterator, Set
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from viseon.inference import model_key
from viseon.ports import Affected, BlobStore, Catalog, Records
from viseon.schema import (
    Conflict,
    Digest,
    Erasure,
    Job,
    Model,
    NotFound,
    Replay,
    Run,
    Tombstone,
    Version,
)
from viseon.schema.recipe import StageResult
from viseon.storage.marks import DIGESTS, OWN


class Books(Protocol):
    """What an erasure has to know of versions."""

    def copies(self, records: Records, dataset: str, number: int) -> Iterator[Digest]:
        """Blobs that repeat what a version says."""
        ...

    def restate(self, records: Records, dataset: str, number: int, erased: int) -> Version:
        """Write down that so many more of its samples are tombstones now."""
        ...


@dataclass(frozen=True, slots=True)
class Asked:
    """What to erase, and why."""

    id: str
    digests: tuple[Digest, ...]
    reason: str
    at: datetime


Copies = dict[tuple[str, int], tuple[Digest, ...]]
"""By dataset and number, the blobs that repeat what a version says."""


def survey(records: Records, books: Books, digests: tuple[Digest, ...]) -> Copies:
    """Where copies lie: slow for large versions, so it is done before anybody has to wait."""
    held = records.remains.holders({*digests, *_derived(records, digests)})
    return {(a.dataset, a.number): tuple(books.copies(records, *a[:2])) for a in held}


def decide(records: Records, books: Books, asked: Asked, surveyed: Copies) -> Erasure:
    """Put tombstones where the files were, in one transaction; their blobs are named to go.

    What recipes made of them goes with them. Raises Conflict for bytes of a model.
    """
    derived = _derived(records, asked.digests)
    gone = {*asked.digests, *derived}
    _spare_models(records, gone)
    held = records.remains.holders(gone)
    copies = _forget_answers(records, gone)
    for dataset, number, _ in held:  # not surveyed: committed since
        copies.update(surveyed.get((dataset, number)) or books.copies(records, dataset, number))
    _forget_results(records, gone)
    records.remains.erase(gone)
    versions = [books.restate(records, a.dataset, a.number, a.rows) for a in held]
    models, runs = _flag(records, versions, held)
    needed = records.remains.used(copies) | {v.manifest for v in versions}
    erasure = Erasure(
        id=asked.id,
        reason=asked.reason,
        at=asked.at,
        by=records.by,
        digests=asked.digests,
        derived=tuple(sorted(derived)),
        copies=tuple(sorted(copies - gone - needed)),
        versions=tuple(v.ref for v in versions),
        models=models,
        runs=runs,
    )
    for digest in sorted(gone):
        if records.seek(Tombstone, digest) is None:
            records.put(digest, _tombstone(erasure, digest, derived.get(digest)))
    records.put(erasure.id, erasure)
    return erasure


def finish(catalog: Catalog, blobs: BlobStore, uploads: Path, erasure: Erasure) -> Erasure:
    """Delete the blobs an erasure names and overwrite what the database held; safe to repeat."""
    for digest in (*erasure.digests, *erasure.derived, *erasure.copies):
        blobs.delete(digest)
        (uploads / digest).unlink(missing_ok=True)
    scrubbed = catalog.scrub()
    with catalog.transaction() as records:
        current = records.get(Erasure, erasure.id)
        done = current.model_copy(update={"done": True, "scrubbed": scrubbed})
        records.put(done.id, done)
    return done


def note_scrubbed(catalog: Catalog) -> None:
    """The database's files hold nothing any more of what was erased before."""
    with catalog.read() as records:
        left = [e for e in records.find(Erasure) if e.done and not e.scrubbed]
    if left:
        with catalog.transaction() as records:
            for erasure in left:
                records.put(erasure.id, erasure.model_copy(update={"scrubbed": True}))


def unfinished(records: Records) -> list[Erasure]:
    """Erasures whose process died before every blob was gone."""
    return [e for e in records.find(Erasure) if not e.done]


def _derived(records: Records, digests: tuple[Digest, ...]) -> dict[Digest, Digest]:
    """Everything recipes made from these, from that, and so on; each with what it was made from.

    What was also made from other files alone shows nothing of these: a black tile stays.
    """
    found: dict[Digest, Digest] = {}
    while True:
        gone = {*digests, *found}
        fresh = {
            digest: min(gone & sources)
            for digest, sources in _made(records)
            if digest not in gone and not gone.isdisjoint(sources)
        }
        if not fresh:
            return found
        for digest, sources in _made(records):
            if sources and gone.isdisjoint(sources):
                fresh.pop(digest, None)
        if not fresh:
            return found
        found.update(fresh)


def _made(records: Records) -> Iterator[tuple[Digest, Set[Digest]]]:
    """Everything that recipes made, final or on the way, and from which files."""
    yield from records.remains.made()
    for result in records.find(StageResult):
        for made in result.made:
            yield made.digest, set(result.inputs)


def _forget_results(records: Records, gone: set[Digest]) -> None:
    for result in records.find(StageResult):
        if gone.intersection((*result.inputs, *(m.digest for m in result.made))):
            records.remove(StageResult, result.key)


def _spare_models(records: Records, gone: set[Digest]) -> None:
    for model in records.find(Model):
        if gone.intersection((model.onnx, *model.artefacts.values())):
            raise Conflict(
                f"these are bytes of model {model.ref}, not of a sample",
                fix="an erasure is for pictures and recordings",
            )


def _forget_answers(records: Records, gone: set[Digest]) -> set[Digest]:
    """Answers that jobs and retries keep, where they speak of these; the pages among them."""
    pages: set[Digest] = set()
    for job in records.find(Job):
        if job.result is None or job.operation.startswith(OWN):
            continue
        if _speaks(job.result, gone):
            if isinstance(job.result, dict) and isinstance(page := job.result.get("page"), str):
                pages.add(page)
            said = {"result": None, "reason": "its result spoke of something that was erased"}
            records.put(job.id, job.model_copy(update=said))
    for replay in records.find(Replay):
        if not replay.operation.startswith(OWN) and _speaks(replay.answer, gone):
            records.remove(Replay, replay.key)
    return pages


def _speaks(answer: Any, gone: set[Digest]) -> bool:
    return not gone.isdisjoint(DIGESTS.findall(json.dumps(answer)))


def _flag(
    records: Records, versions: list[Version], held: list[Affected]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Note on every model that learned from these versions how much of them is gone."""
    rows = {v.fingerprint: a.rows for v, a in zip(versions, held, strict=True)}
    models = []
    for model in records.find(Model):
        if model.version in rows:
            models.append(model.ref)
            flagged = model.model_copy(update={"erased": model.erased + rows[model.version]})
            records.put(model_key(model.name, model.number), flagged)
    runs = [run.id for run in records.find(Run) if run.version in rows]
    return tuple(models), tuple(runs)


def _tombstone(erasure: Erasure, digest: Digest, source: Digest | None) -> Tombstone:
    return Tombstone(
        digest=digest,
        erasure=erasure.id,
        source=source,
        reason=erasure.reason,
        at=erasure.at,
        by=erasure.by,
    )


def contents(records: Records, dataset: str, filename: str) -> set[Digest]:
    """Everything the dataset ever kept under a name. Raises NotFound."""
    found = records.remains.contents(dataset, filename)
    if not found:
        raise NotFound(
            f"dataset {dataset!r} never had a file {filename!r}",
            fix="check the name; or it is erased already: viseon storage erasures",
        )
    return found
