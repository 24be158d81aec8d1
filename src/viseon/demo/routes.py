"""`GET /v1/demo`: what truly happens in the demo's scene, and how far its past is re-created."""

from collections.abc import Callable

from fastapi import APIRouter, Request

from viseon.demo.past import Progress
from viseon.demo.truth import Truth
from viseon.rest.front import platform_of
from viseon.schema import Noun, Role


class Demo(Noun):
    """The demo, beside its stream."""

    stream: str
    truth: Truth
    past: Progress
    """Of the dataset that the shipped model learned from."""


def demo_routes(now: Callable[[], Demo]) -> APIRouter:
    """The route; only a server that runs the demo has it."""
    router = APIRouter(prefix="/v1", tags=["demo"])

    @router.get("/demo", operation_id="demo_get")
    def get(request: Request) -> Demo:
        """What truly happened in the scene so far: the counts of a stream that misses nothing."""
        platform_of(request, Role.VIEWER)
        return now()

    return router
