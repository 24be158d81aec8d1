"""Prometheus metrics of the models that this process runs."""

from fastapi import APIRouter, Request, Response

from viseon.rest.front import platform_of
from viseon.schema import Role


def metrics_routes() -> APIRouter:
    """`GET /metrics`: latency by stage, answers, refusals, memory, in the text format."""
    router = APIRouter(tags=["health"])

    @router.get("/metrics", operation_id="metrics", response_class=Response)
    def metrics(request: Request) -> Response:
        """What Prometheus scrapes. It covers all workspaces, so it needs an admin's token."""
        server = platform_of(request, Role.ADMIN).deployments.server
        return Response(server.metrics(), media_type="text/plain; version=0.0.4; charset=utf-8")

    return router
