"""The job process: runs one long operation's body and always says how it ended."""

import os
import threading
import time
from collections.abc import Callable
from typing import Any

from viseon.jobs.dispatch import Heart
from viseon.jobs.records import LEASE, change, ended, say
from viseon.ports import Catalog
from viseon.schema import Clock, Job, JobState, ViseonError

Body = Callable[["JobReport"], Any]
"""Runs the operation with a report; gives its result as JSON values."""


class JobReport:
    """What a body uses to talk; writes reach the catalog at most a few times a second."""

    def __init__(
        self, catalog: Catalog, now: Clock, id: str, stop: threading.Event | None = None
    ) -> None:
        self._catalog, self._now, self._id = catalog, now, id
        self._stop = stop or threading.Event()
        self._lock = threading.Lock()
        self._said: list[dict[str, Any]] = []
        self._done, self._stage = 0.0, ""
        self._written = 0.0
        self._started = time.monotonic()

    @property
    def job(self) -> str:
        """The job it reports for."""
        return self._id

    @property
    def cancelled(self) -> bool:
        """Somebody asked it to stop."""
        return self._stop.is_set()

    def progress(self, done: float, stage: str = "") -> None:
        """How much is done, from 0 to 1."""
        with self._lock:
            self._done, self._stage = min(1.0, max(0.0, done)), stage or self._stage
        self._flush()

    def metric(self, name: str, value: float, *, step: int) -> None:
        """One value at one epoch."""
        self._add({"kind": "metric", "name": name, "value": float(value), "step": step})

    def log(self, message: str) -> None:
        """A line for people."""
        self._add({"kind": "log", "message": message})

    def checkpoint(self, data: bytes) -> None:
        """Bodies that can resume keep their own checkpoints; see `runs`."""

    def flush(self) -> None:
        """Write what has not been written."""
        with self._lock:
            said, self._said = self._said, []
            done, stage = self._done, self._stage
            self._written = time.monotonic()
        if said:
            say(self._catalog, self._now, self._id, said)
        elapsed = time.monotonic() - self._started
        eta = elapsed / done * (1 - done) if done > 0.01 else None  # noqa: PLR2004 (too early to tell)
        update = {"progress": done, "stage": stage, "eta_s": eta}

        def alter(job: Job) -> Job | None:
            if job.state.ended:
                return None
            return job.model_copy(update=update | {"lease_until": self._now() + LEASE})

        change(self._catalog, self._id, alter)

    def _add(self, entry: dict[str, Any]) -> None:
        with self._lock:
            self._said.append(entry)
        self._flush()

    def _flush(self) -> None:
        if time.monotonic() - self._written > 0.5:  # noqa: PLR2004 (people read no faster)
            self.flush()


def work(catalog: Catalog, now: Clock, id: str, body: Body, *, report: JobReport) -> Job:
    """Run `body` for the job and record how it ended. The place where any failure is caught."""
    change(catalog, id, lambda j: j.model_copy(update={"pid": os.getpid()}))
    heart = Heart(report.flush, every_s=LEASE.total_seconds() / 8)
    heart.start()
    try:
        result = body(report)
    except ViseonError as error:
        outcome = _failure(report, str(error))
    except MemoryError:
        outcome = _failure(report, "out of memory")
    except Exception as error:  # noqa: BLE001 (the job worker: every failure becomes a reason)
        outcome = _failure(report, f"{type(error).__name__}: {error}")
        _trace(report)
    else:
        outcome = {"state": JobState.DONE, "result": result, "progress": 1.0, "eta_s": 0.0}
        if report.cancelled:
            outcome = {"state": JobState.CANCELLED, "reason": "cancelled"}
    finally:
        heart.stop()
    report.flush()
    job, _ = ended(catalog, now, id, outcome.pop("state"), **outcome)
    return job


def _failure(report: JobReport, reason: str) -> dict[str, Any]:
    state = JobState.CANCELLED if report.cancelled else JobState.FAILED
    return {"state": state, "reason": "cancelled" if report.cancelled else reason}


def _trace(report: JobReport) -> None:
    import traceback

    report.log(traceback.format_exc())
