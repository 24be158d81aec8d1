"""Jobs and what they need of the machine."""

from collections.abc import Callable
from enum import StrEnum
from typing import Any, Literal, Self

from pydantic import NonNegativeInt, PrivateAttr

from viseon.schema.base import Noun, Time


class Resources(Noun):
    """An amount of machine: what a job needs, what a host has, what is left."""

    cores: NonNegativeInt = 0
    ram_mb: NonNegativeInt = 0
    gpu_mb: NonNegativeInt = 0
    disk_mb: NonNegativeInt = 0

    def fits(self, room: Self) -> bool:
        """Whether this much can be taken out of `room`."""
        return not self.lacking(room)

    def lacking(self, room: Self) -> list[str]:
        """What `room` has too little of, in words."""
        return [
            f"{field}: needs {need}, free {have}"
            for field in type(self).model_fields
            if (need := getattr(self, field)) > (have := getattr(room, field))
        ]

    def minus(self, taken: Self) -> Self:
        """What is left; never below zero, even when a host is already overcommitted."""
        left = {f: max(0, getattr(self, f) - getattr(taken, f)) for f in type(self).model_fields}
        return type(self)(**left)


class JobState(StrEnum):
    """A job moves right, never left, except that a lost one may be queued again."""

    QUEUED = "queued"
    RUNNING = "running"
    WAITING = "waiting"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def ended(self) -> bool:
        """Whether nothing more will happen."""
        return self in (JobState.DONE, JobState.FAILED, JobState.CANCELLED)


class Job(Noun):
    """Work that outlives a request. `wait()` follows it to its end."""

    id: str
    operation: str
    """The operation whose body it runs, such as `runs.start`."""
    arguments: dict[str, Any] = {}
    needs: Resources = Resources()
    state: JobState = JobState.QUEUED
    reason: str = ""
    """Why it waits, failed or was cancelled; what is missing, while queued."""
    progress: float = 0.0
    """From 0 to 1."""
    stage: str = ""
    """What it is doing now."""
    position: int | None = None
    """Place in the queue, from 1; None once started."""
    eta_s: float | None = None
    result: Any = None
    """What the operation answered, once done."""
    attempt: int = 0
    created: Time
    created_by: str = ""
    started: Time | None = None
    ended: Time | None = None
    pid: int | None = None
    lease_until: Time | None = None
    """The process renews its lease while it lives; a lapsed lease means it died."""

    _follow: Callable[..., "Job"] | None = PrivateAttr(default=None)

    def bound(self, follow: Callable[..., "Job"]) -> Self:
        """The same job, able to `wait` through `follow`."""
        twin = self.model_copy()
        twin._follow = follow
        return twin

    def wait(self, *, progress: bool = False, timeout_s: float | None = None) -> "Job":
        """Block until it ends; `progress` draws a bar on stderr. Raises Failed when it failed."""
        if self._follow is None:
            raise RuntimeError("this job did not come from a platform: use platform.jobs.get(id)")
        return self._follow(self.id, progress=progress, timeout_s=timeout_s)


class JobEvent(Noun):
    """Something a job said while it worked."""

    job: str
    number: int
    at: Time
    kind: Literal["progress", "metric", "log", "state"]
    message: str = ""
    name: str = ""
    value: float | None = None
    step: int | None = None
