"""Deciding which queued jobs may start. Pure: measuring and launching happen elsewhere."""

from collections.abc import Iterable

from viseon.schema import Job, Resources


def admit(queued: Iterable[Job], running: Iterable[Job], host: Resources) -> list[Job]:
    """The jobs that fit now, oldest first.

    Stops at the first that does not fit: small jobs must not overtake a big one forever.
    """
    room = room_left(running, host)
    admitted = []
    for job in in_order(queued):
        if not job.needs.fits(room):
            break
        admitted.append(job)
        room = room.minus(job.needs)
    return admitted


def room_left(running: Iterable[Job], host: Resources) -> Resources:
    """What of `host` the running jobs leave."""
    room = host
    for job in running:
        room = room.minus(job.needs)
    return room


def in_order(queued: Iterable[Job]) -> list[Job]:
    """The queue: by time of arrival, then id."""
    return sorted(queued, key=lambda job: (job.created, job.id))


def refusal(needs: Resources, total: Resources) -> str:
    """Why this machine can never run a job that needs this much; empty if it can."""
    return "; ".join(needs.lacking(total))
