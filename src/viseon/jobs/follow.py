"""Following a job to its end, near or far: it only asks, so it works on any platform."""

import sys
import time
from typing import TYPE_CHECKING

from viseon.schema import Failed, Job, JobState

if TYPE_CHECKING:
    from viseon.jobs.service import Jobs


def follow(jobs: "Jobs", id: str, *, progress: bool = False, timeout_s: float | None = None) -> Job:
    """The ended job. Raises Failed with its reason, or TimeoutError while it still runs."""
    deadline = None if timeout_s is None else time.monotonic() + timeout_s
    pause_s, seen = 0.05, 0
    while True:
        job = jobs.get(id)
        if progress:
            seen = _draw(jobs, job, seen)
        if job.state.ended:
            break
        if deadline is not None and time.monotonic() > deadline:
            raise TimeoutError(f"job {id} is still {job.state.value} after {timeout_s} s")
        time.sleep(pause_s)
        pause_s = min(pause_s * 1.5, 0.5)
    if progress:
        sys.stderr.write("\n")
    if job.state is not JobState.DONE:
        raise Failed(
            f"{job.operation} {job.state.value}: {job.reason}", fix=f"viseon jobs log {id}"
        )
    return job


def _draw(jobs: "Jobs", job: Job, seen: int) -> int:
    """A bar, and above it each line the job has said since."""
    for event in jobs.log(job.id, after=seen).items:
        seen = event.number
        if event.kind == "log" and event.message:
            sys.stderr.write(f"\r\x1b[K{event.message}\n")
    width = 30
    full = round(job.progress * width)
    left = f" {job.eta_s:.0f} s left" if job.eta_s else ""
    place = f" (place {job.position} in the queue: {job.reason})" if job.position else ""
    text = f"{'━' * full}{'╌' * (width - full)} {job.progress:4.0%} {job.stage}{left}{place}"
    sys.stderr.write(f"\r\x1b[K{text}")
    sys.stderr.flush()
    return seen
