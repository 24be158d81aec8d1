"""Keeping a run's record true while it runs, and however it ends."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from viseon.ports import BlobStore, Catalog, Report
from viseon.schema import Clock, Digest, Job, Metric, Run, RunState, ViseonError

_EVERY = timedelta(seconds=1)
LOST = "its process ended without a word: killed, out of memory, or a power cut"


class RunReport:
    """Passes on what a training says, and keeps its metrics and checkpoint with the run."""

    def __init__(
        self, run: Run, report: Report, catalog: Catalog, blobs: BlobStore, now: Clock
    ) -> None:
        self._id, self._report = run.id, report
        self._catalog, self._blobs, self._now = catalog, blobs, now
        self._history = list(run.history)
        self._written = now()

    @property
    def job(self) -> str | None:
        """The job it works for."""
        return self._report.job

    @property
    def cancelled(self) -> bool:
        """Somebody asked it to stop."""
        return self._report.cancelled

    @property
    def history(self) -> tuple[Metric, ...]:
        """Everything measured so far."""
        return tuple(self._history)

    def progress(self, done: float, stage: str = "") -> None:
        """How much is done, from 0 to 1."""
        self._report.progress(done, stage)

    def metric(self, name: str, value: float, *, step: int) -> None:
        """One value at one epoch."""
        self._report.metric(name, value, step=step)
        self._history.append(Metric(name=name, value=value, epoch=step))
        if self._now() - self._written >= _EVERY:
            self._write()

    def log(self, message: str) -> None:
        """A line for people."""
        self._report.log(message)

    def checkpoint(self, data: bytes) -> None:
        """Keep it as a blob; the one before goes."""
        self._write(checkpoint=self._blobs.put(data))

    def _write(self, *, checkpoint: Digest | None = None) -> None:
        self._written = self._now()
        old = None
        with self._catalog.transaction() as records:
            run = records.get(Run, self._id)
            update: dict[str, Any] = {"history": self.history}
            if checkpoint is not None:
                old = run.checkpoint
                update["checkpoint"] = checkpoint
            records.put(run.id, run.model_copy(update=update))
        if old is not None and old != checkpoint:
            self._blobs.delete(old)


@contextmanager
def recorded(
    run: Run, catalog: Catalog, blobs: BlobStore, report: Report, now: Clock
) -> Iterator[RunReport]:
    """Whatever ends the block before the run is done is written down as its reason."""
    said = RunReport(run, report, catalog, blobs, now)
    done = False
    try:
        yield said
        done = True
    finally:
        if not done:
            state = RunState.CANCELLED if report.cancelled else RunState.FAILED
            end(catalog, now, run.id, state, reason=_reason(sys.exception()), history=said.history)


def end(catalog: Catalog, now: Clock, id: str, state: RunState, **update: Any) -> Run:
    """Write down how a run ended; one that has ended stays as it is."""
    with catalog.transaction() as records:
        run = records.get(Run, id)
        if run.state is RunState.RUNNING:
            run = run.model_copy(update=update | {"state": state, "ended": now()})
            records.put(run.id, run)
    return run


def settled(run: Run, job: Job | None) -> Run:
    """The run as it stands: one whose job has ended is not running, whatever was written last."""
    if run.state is not RunState.RUNNING or job is None or not job.state.ended:
        return run
    cancelled = job.state == "cancelled"
    state = RunState.CANCELLED if cancelled else RunState.FAILED
    return run.model_copy(update={"state": state, "reason": job.reason or LOST, "ended": job.ended})


def _reason(error: BaseException | None) -> str:
    if isinstance(error, ViseonError):
        return str(error)
    return f"{type(error).__name__}: {error}" if error is not None else LOST
