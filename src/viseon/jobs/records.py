"""How jobs lie in the catalog, and the few ways they change."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from viseon.operation import bookkeeping
from viseon.ports import Catalog
from viseon.schema import Clock, Job, JobEvent, JobState

LEASE = timedelta(seconds=20)
"""How long a job process may stay silent before it counts as dead."""


def unfinished(catalog: Catalog) -> list[Job]:
    """Every job that has not ended."""
    with catalog.read() as records:
        states = (JobState.QUEUED, JobState.RUNNING, JobState.WAITING)
        return [j for s in states for j in records.find(Job, where={"state": s.value})]


def change(catalog: Catalog, id: str, alter: Callable[[Job], Job | None]) -> Job:
    """Alter a job in one transaction; `alter` may return None to leave it as it is."""
    with bookkeeping(), catalog.transaction() as records:
        job = records.get(Job, id)
        altered = alter(job)
        if altered is None:
            return job
        records.put(id, altered)
        return altered


def ended(
    catalog: Catalog, now: Clock, id: str, state: JobState, **fields: Any
) -> tuple[Job, bool]:
    """End a job unless it has ended already; whether this call ended it."""
    mine = False

    def alter(job: Job) -> Job | None:
        nonlocal mine
        if job.state.ended:
            return None
        mine = True
        update = {"state": state, "ended": now(), "pid": None, "lease_until": None} | fields
        return job.model_copy(update=update)

    job = change(catalog, id, alter)
    if mine:
        say(catalog, now, id, [{"kind": "state", "message": state.value}])
    return job, mine


def say(catalog: Catalog, now: Clock, id: str, said: list[dict[str, Any]]) -> None:
    """Append to what a job has said."""
    with bookkeeping(), catalog.transaction() as records:
        last = records.find(JobEvent, prefix=f"{id}/", limit=1, newest_first=True)
        number = last[0].number if last else 0
        for entry in said:
            number += 1
            event = JobEvent(job=id, number=number, at=now(), **entry)
            records.put(f"{id}/{number:08d}", event)
