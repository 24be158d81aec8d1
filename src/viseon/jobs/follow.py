"""Following a job to its end, near or far: it only asks, so it works on any platform."""

import sys
import time
from typing import TYPE_CHECKING

from viseon.schema import Failed, Job, JobEvent, JobState

if TYPE_CHECKING:
    from viseon.jobs.service import Jobs

WIDTH = 30


def follow(jobs: "Jobs", id: str, *, progress: bool = False, timeout_s: float | None = None) -> Job:
    """The ended job. Raises Failed with its reason, or TimeoutError while it still runs."""
    deadline = None if timeout_s is None else time.monotonic() + timeout_s
    pause_s, told = 0.05, _Telling(jobs, id) if progress else None
    while True:
        job = jobs.get(id)
        if told is not None:
            told.show(job)
        if job.state.ended:
            break
        if deadline is not None and time.monotonic() > deadline:
            raise TimeoutError(f"job {id} is still {job.state.value} after {timeout_s} s")
        time.sleep(pause_s)
        pause_s = min(pause_s * 1.5, 0.5)
    if job.state is not JobState.DONE:
        reason = f"{job.operation} {job.state.value}: {job.reason}"
        raise Failed(reason, fix=f"viseon jobs log {id}")
    return job


class _Telling:
    """On a terminal a bar, and above it what the job says; elsewhere only what it says."""

    def __init__(self, jobs: "Jobs", id: str) -> None:
        self._jobs, self._id = jobs, id
        self._seen = 0
        self._bar = sys.stderr.isatty()
        self._step: int | None = None
        self._metrics: dict[str, float] = {}

    def show(self, job: Job) -> None:
        while True:
            said = self._jobs.log(self._id, after=self._seen)
            for event in said.items:
                self._seen = event.number
                self._hear(event)
            if said.next is None:
                break
        if job.state.ended:
            self._tell_step()
        if self._bar:
            sys.stderr.write("\r\x1b[K" + ("" if job.state.ended else _bar(job)))
            sys.stderr.flush()

    def _hear(self, event: JobEvent) -> None:
        if event.kind == "metric" and event.value is not None:
            if event.step != self._step:
                self._tell_step()
                self._step = event.step
            self._metrics[event.name] = event.value
        elif event.kind == "log":
            self._line(event.message)

    def _tell_step(self) -> None:
        if self._metrics:
            values = "  ".join(f"{name} {value:.4g}" for name, value in self._metrics.items())
            self._line(f"{self._step:>4}  {values}")
            self._metrics = {}

    def _line(self, text: str) -> None:
        sys.stderr.write(("\r\x1b[K" if self._bar else "") + text + "\n")


def _bar(job: Job) -> str:
    full = round(job.progress * WIDTH)
    left = f"  {job.eta_s:.0f} s left" if job.eta_s else ""
    place = f"  place {job.position} in the queue: {job.reason}" if job.position else ""
    line = "━" * full + "╌" * (WIDTH - full)
    return f"{line} {job.progress:4.0%}  {job.stage}{left}{place}"
