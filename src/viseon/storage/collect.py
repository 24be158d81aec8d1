"""Mark and sweep: what nothing names and nobody stored or asked for lately goes."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import islice
from typing import Protocol

from viseon.ports import Catalog, CountedBlobs, Records, Report, Stored
from viseon.ports.blobs import RENEWED_S
from viseon.schema import (
    Clock,
    Collected,
    Conflict,
    Deleted,
    Digest,
    Job,
    JobState,
    Stream,
)
from viseon.schema.recipe import StageResult
from viseon.storage.marks import Marks, marks

BATCH = 200
"""Blobs deleted under one lock."""
_EXAMPLES = 20
_THREADS = 8


class Shelf(Protocol):
    """What a collection has to know of datasets."""

    def learned(self, records: Records, dataset: str) -> tuple[str, ...]:
        """Models and runs that learned from any version of it."""
        ...

    def purge(self, records: Records, dataset: str) -> None:
        """Forget a dataset for good."""
        ...


@dataclass(slots=True)
class Tally:
    """What was counted so far."""

    removed: int = 0
    removed_bytes: int = 0
    kept: int = 0
    kept_bytes: int = 0
    reasons: dict[str, int] = field(default_factory=dict)
    examples: list[Digest] = field(default_factory=list)

    def keep(self, blob: Stored, why: str) -> None:
        """It stays."""
        self.kept += 1
        self.kept_bytes += blob.size
        self.reasons[why] = self.reasons.get(why, 0) + 1

    def remove(self, blob: Stored) -> None:
        """It goes."""
        self.removed += 1
        self.removed_bytes += blob.size
        if len(self.examples) < _EXAMPLES:
            self.examples.append(blob.digest)


@dataclass(frozen=True, slots=True)
class Collector:
    """One collection of one workspace.

    Every deletion happens under the lock that also guards the writing of rows and nouns, after
    looking again whether somebody names the blob: whoever checks within a transaction that a blob
    is there and then names it can rely on it. Killed at any moment it leaves nothing half done.
    """

    catalog: Catalog
    blobs: CountedBlobs
    shelf: Shelf
    now: Clock
    grace_s: float
    dry_run: bool
    report: Report

    def run(self) -> Collected:
        """Deleted datasets first, then what only they named."""
        started = self.now().timestamp()
        self._quiet()
        expired, guarded = self._expired()
        if not self.dry_run:
            expired = {name for name in expired if self._purge(name)}
        without = expired if self.dry_run else set[str]()
        self.report.progress(0.1, "looking who names what")
        with self.catalog.read() as records:
            seen = marks(records, without=without)
        labels, looks, results = self._rows(seen, without)
        tally = self._sweep(seen, started - self.grace_s, without)
        temporary = 0 if self.dry_run else self.blobs.sweep()
        self.report.progress(1.0, "done")
        return Collected(
            dry_run=self.dry_run,
            grace_s=self.grace_s,
            removed=tally.removed,
            removed_bytes=tally.removed_bytes,
            kept=tally.kept,
            kept_bytes=tally.kept_bytes,
            reasons=dict(sorted(tally.reasons.items())),
            examples=tuple(tally.examples),
            datasets=tuple(sorted(expired)),
            guarded=guarded,
            labels=labels,
            looks=looks,
            results=results,
            temporary=temporary,
        )

    def _quiet(self) -> None:
        """Work in progress has stored bytes that it will name only later."""
        if self.grace_s >= RENEWED_S or self.dry_run:
            return
        with self.catalog.read() as records:
            jobs = records.find(Job, where={"state": JobState.RUNNING.value})
            busy = [f"job {job.id} ({job.operation})" for job in jobs if job.id != self.report.job]
            busy += [f"stream {s.name}" for s in records.find(Stream) if not s.state.ended]
        if busy:
            raise Conflict(
                f"a grace of {self.grace_s:g} s could take bytes from {', '.join(busy[:3])}",
                fix=f"wait until it has ended, or leave a grace of {RENEWED_S} s",
            )

    def _expired(self) -> tuple[set[str], dict[str, tuple[str, ...]]]:
        """Deleted datasets whose grace is over; and those that models keep alive."""
        until = self.now() - timedelta(seconds=self.grace_s)
        expired: set[str] = set()
        guarded: dict[str, tuple[str, ...]] = {}
        with self.catalog.read() as records:
            for deleted in records.find(Deleted):
                name = deleted.dataset.name
                dependents = () if deleted.forced else self.shelf.learned(records, name)
                if dependents:
                    guarded[name] = dependents
                elif deleted.at <= until:
                    expired.add(name)
        return expired, guarded

    def _purge(self, name: str) -> bool:
        with self.catalog.transaction() as records:
            deleted = records.seek(Deleted, name)
            if deleted is None or not (deleted.forced or not self.shelf.learned(records, name)):
                return False
            self.shelf.purge(records, name)
        return True

    def _rows(self, seen: Marks, without: set[str]) -> tuple[int, int, int]:
        """Labels, looks and remembered results that nothing needs."""
        with self.catalog.read() if self.dry_run else self.catalog.transaction() as records:
            seen = seen if self.dry_run else seen.now(records)
            for key in () if self.dry_run else seen.dead:
                records.remove(StageResult, key)
            labels = records.remains.drop_labels(
                but=seen.named.keys(), without=without, dry_run=self.dry_run
            )
            looks = records.remains.drop_looks(without=without, dry_run=self.dry_run)
        return labels, looks, len(seen.dead)

    def _sweep(self, seen: Marks, until: float, without: set[str]) -> Tally:
        """Blobs that nothing names and that are as old as `until`."""
        tally = Tally()
        waiting: list[Stored] = []
        blobs = self.blobs.stored()
        while batch := list(islice(blobs, BATCH)):
            waiting += self._idle(batch, until, seen, without, tally)
        for done, candidates in enumerate(_batches(waiting)):
            if self.report.cancelled:
                raise Conflict("cancelled", fix="start it again: what was removed is gone")
            self.report.progress(0.3 + 0.6 * done * BATCH / len(waiting), "removing")
            if self.dry_run:
                for blob in candidates:
                    tally.remove(blob)
            else:
                seen = self._delete(candidates, until, seen, tally)
        return tally

    def _idle(
        self, batch: list[Stored], until: float, seen: Marks, without: set[str], tally: Tally
    ) -> Iterator[Stored]:
        """Those that may go, as far as can be seen without a lock."""
        with self.catalog.read() as records:
            used = records.remains.used((b.digest for b in batch), without=without)
            erased = records.remains.erased()
        for blob in batch:
            if why := _reason(blob, used, seen):
                tally.keep(blob, why)
            elif blob.at > until and blob.digest not in erased:
                tally.keep(blob, "grace")
            else:
                yield blob

    def _delete(self, batch: list[Stored], until: float, seen: Marks, tally: Tally) -> Marks:
        with self.catalog.transaction() as records:
            seen = seen.now(records)
            used = records.remains.used(b.digest for b in batch)
            erased = records.remains.erased()
            going = []
            for blob in batch:
                if why := _reason(blob, used, seen):
                    tally.keep(blob, why)
                else:
                    going.append(blob)

            def delete(blob: Stored) -> bool:
                at = self.blobs.stored_at(blob.digest)
                if at is not None and at > until and blob.digest not in erased:
                    return False
                self.blobs.delete(blob.digest)
                return True

            with ThreadPoolExecutor(_THREADS) as pool:
                for blob, gone in zip(going, pool.map(delete, going), strict=True):
                    if gone:
                        tally.remove(blob)
                    else:
                        tally.keep(blob, "grace")
        return seen


def _reason(blob: Stored, used: set[Digest], seen: Marks) -> str:
    return "samples" if blob.digest in used else seen.named.get(blob.digest, "")


def _batches(blobs: list[Stored]) -> Iterator[list[Stored]]:
    for start in range(0, len(blobs), BATCH):
        yield blobs[start : start + BATCH]
