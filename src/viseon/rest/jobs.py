"""Following a job over HTTP: server-sent events."""

import asyncio
from collections.abc import AsyncIterator

from fastapi import APIRouter, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import StreamingResponse

from viseon.jobs import Jobs
from viseon.rest.front import platform_of
from viseon.schema import Noun, Role


def job_routes() -> APIRouter:
    """`GET /v1/jobs/{id}/events`: progress, metrics and log lines as they come."""
    router = APIRouter(prefix="/v1/jobs", tags=["jobs"])

    @router.get("/{id}/events", operation_id="jobs_events", response_class=StreamingResponse)
    async def events(request: Request, id: str, after: int = 0) -> StreamingResponse:
        """A stream of server-sent events: `job` (the job whenever it changed) and `said`."""
        jobs = platform_of(request, Role.VIEWER).jobs
        await run_in_threadpool(jobs.get, id)
        headers = {"Cache-Control": "no-store"}
        return StreamingResponse(
            _follow(jobs, id, after, request), media_type="text/event-stream", headers=headers
        )

    return router


async def _follow(jobs: Jobs, id: str, after: int, request: Request) -> AsyncIterator[str]:
    last = ""
    while not (request.app.state.leaving.is_set() or await request.is_disconnected()):
        job = await run_in_threadpool(jobs.get, id)
        said = await run_in_threadpool(jobs.log, id, after=after)
        for event in said.items:
            after = event.number
            yield _message("said", event, number=event.number)
        if (text := job.model_dump_json()) != last:
            last = text
            yield _message("job", job)
        if job.state.ended and not said.items:
            return
        await asyncio.sleep(0.25)


def _message(kind: str, noun: Noun, *, number: int | None = None) -> str:
    head = f"id: {number}\n" if number is not None else ""
    return f"{head}event: {kind}\ndata: {noun.model_dump_json()}\n\n"
