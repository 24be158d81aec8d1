"""Jobs: what runs, what waits and why, and how to stop it."""

from typing import Any

from viseon.jobs.dispatch import Dispatcher
from viseon.jobs.governor import in_order, refusal
from viseon.jobs.records import ended, unfinished
from viseon.operation import Limit, Operation, operation
from viseon.ports import Catalog, Launcher, Probe
from viseon.schema import (
    Busy,
    Clock,
    Conflict,
    Job,
    JobEvent,
    JobState,
    Page,
    Resources,
    Role,
    Scope,
    new_id,
)


class Jobs:
    """Work that outlives a request: queue, progress, cancel."""

    def __init__(
        self,
        catalog: Catalog,
        scope: Scope,
        launcher: Launcher,
        probe: Probe,
        dispatcher: Dispatcher,
        now: Clock,
    ) -> None:
        self._catalog, self._scope = catalog, scope
        self._launcher, self._probe = launcher, probe
        self._dispatcher, self._now = dispatcher, now

    @operation("GET", "/jobs", needs=Role.VIEWER)
    def find(
        self, *, state: JobState | None = None, cursor: str = "", limit: Limit = 50
    ) -> Page[Job]:
        """Jobs, newest first, optionally only those in one state."""
        where = {"state": state.value} if state else None
        with self._catalog.read() as records:
            found = records.find(Job, where=where, after=cursor, limit=limit + 1, newest_first=True)
        more = found[limit - 1].id if len(found) > limit else None
        return Page[Job](items=tuple(found[:limit]), next=more)

    @operation("GET", "/jobs/{id}", needs=Role.VIEWER)
    def get(self, id: str) -> Job:
        """One job: its state, progress, place in the queue and what it waits for."""
        with self._catalog.read() as records:
            job = records.get(Job, id)
        if job.state.ended:
            return job
        self._dispatcher.tick()
        with self._catalog.read() as records:
            job = records.get(Job, id)
        return self._placed(job)

    @operation("GET", "/jobs/{id}/log", needs=Role.VIEWER)
    def log(self, id: str, *, after: int = 0, limit: Limit = 200) -> Page[JobEvent]:
        """What a job has said: metrics, progress, log lines, oldest first."""
        with self._catalog.read() as records:
            records.get(Job, id)
            found = records.find(
                JobEvent, prefix=f"{id}/", after=f"{id}/{after:08d}", limit=limit + 1
            )
        more = str(found[limit - 1].number) if len(found) > limit else None
        return Page[JobEvent](items=tuple(found[:limit]), next=more)

    @operation("DELETE", "/jobs/{id}", needs=Role.EDITOR)
    def cancel(self, id: str) -> Job:
        """Stop a job now: asked first, then ended. What it had finished stays."""
        with self._catalog.read() as records:
            job = records.get(Job, id)
        if job.state.ended:
            raise Conflict(f"job {id} has ended already: {job.state.value}")
        if job.state is JobState.RUNNING:
            self._launcher.cancel(job)
        job, mine = ended(self._catalog, self._now, id, JobState.CANCELLED, reason="cancelled")
        if mine:
            self._dispatcher.forget(job)
        return job

    @operation("GET", "/jobs/host/resources", needs=Role.VIEWER)
    def resources(self) -> dict[str, Resources]:
        """What this machine has and what is free now."""
        return {"total": self._probe.total(), "free": self._probe.free()}

    def submit(self, op: Operation, arguments: dict[str, Any]) -> Job:
        """Queue a long operation; refused at once if this machine can never run it."""
        needs = op.takes or Resources()
        if reason := refusal(needs, self._probe.total()):
            raise Busy(f"{op.full_name} cannot run on this machine: {reason}")
        now = self._now()
        job = Job(
            id=new_id(now),
            operation=op.full_name,
            arguments=arguments,
            needs=needs,
            created=now,
            created_by=self._scope.principal.name,
        )
        with self._catalog.transaction() as records:
            records.put(job.id, job)
        self._dispatcher.tick()
        with self._catalog.read() as records:
            return self._placed(records.get(Job, job.id))

    def _placed(self, job: Job) -> Job:
        if job.state is not JobState.QUEUED:
            return job
        queue = [j.id for j in in_order(unfinished(self._catalog)) if j.state is JobState.QUEUED]
        place = queue.index(job.id) + 1 if job.id in queue else None
        return job.model_copy(update={"position": place})
