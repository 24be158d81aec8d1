"""Whether the process lives, and whether it should be sent requests."""

from typing import Literal

import anyio
import anyio.to_thread
from anyio import CapacityLimiter
from fastapi import APIRouter, FastAPI, Request, Response

from viseon import __version__
from viseon.deployments import Warmer
from viseon.rest.front import Front
from viseon.schema import Noun, ViseonError

_LONGEST_S = 5.0


class Health(Noun):
    """That the server is up, and which version it is."""

    status: str = "ok"
    version: str = __version__


class Readiness(Noun):
    """Whether the server should be sent requests, and why not."""

    status: Literal["ready", "starting", "unavailable", "leaving"]
    reason: str = ""
    failed: int = 0
    """Deployments that could not be loaded. They do not keep the server from being ready."""
    version: str = __version__


def health_routes() -> APIRouter:
    """`GET /healthz` and `GET /readyz`, for everybody."""
    router = APIRouter(tags=["health"])

    @router.get("/healthz", operation_id="healthz")
    async def healthy() -> Health:
        """The process answers; it says nothing about what it needs."""
        return Health()

    @router.get(
        "/readyz",
        operation_id="readyz",
        responses={503: {"model": Readiness, "description": "Not yet, not now, or no more."}},
    )
    async def ready(request: Request, response: Response) -> Readiness:
        """Ready once the store answers with this release's schema and deployments were loaded.

        A deployment that cannot be loaded is counted, not waited for.
        """
        found = await readiness(request.app)
        response.status_code = 200 if found.status == "ready" else 503
        return found

    return router


async def readiness(app: FastAPI) -> Readiness:
    """As things are now."""
    warmer: Warmer | None = app.state.warmer
    if app.state.leaving.is_set():
        return Readiness(status="leaving", reason="the server is shutting down")
    if wrong := await _store_says(app):
        return Readiness(status="unavailable", reason=wrong)
    if warmer is None:
        return Readiness(status="ready")
    missing = warmer.missing  # before counting: whoever is tried by then is counted
    failed = len(warmer.failed)
    if missing:
        return Readiness(status="starting", reason=missing, failed=failed)
    without = f"{failed} deployments could not be loaded and are tried again" if failed else ""
    return Readiness(status="ready", reason=without, failed=failed)


async def _store_says(app: FastAPI) -> str:
    """What is wrong with the store; empty if nothing is."""
    front: Front = app.state.front
    if not hasattr(app.state, "checks"):
        app.state.checks = CapacityLimiter(2)  # probes wait for each other, for nobody else
    with anyio.move_on_after(_LONGEST_S):
        try:
            await anyio.to_thread.run_sync(
                front.store.check, limiter=app.state.checks, abandon_on_cancel=True
            )
        except ViseonError as error:
            return error.message
        return ""
    return f"the store did not answer in {_LONGEST_S:.0f} s"
