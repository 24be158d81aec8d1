"""Publishes every operation of the platform at `/v1`."""

import threading
from typing import Any

from fastapi import APIRouter, FastAPI
from opentelemetry.trace import TracerProvider

from viseon import __version__
from viseon.deployments import Warmer
from viseon.rest.admission import Admission
from viseon.rest.blobs import blob_routes
from viseon.rest.derived import derived_routes
from viseon.rest.door import Door
from viseon.rest.front import Front
from viseon.rest.health import health_routes
from viseon.rest.jobs import job_routes
from viseon.rest.live import live_routes
from viseon.rest.metrics import metrics_routes
from viseon.rest.oip import oip_routes
from viseon.rest.openapi import Application
from viseon.rest.pages import page_routes
from viseon.rest.predict import predict_routes
from viseon.rest.problems import add_problem_handlers
from viseon.rest.tracing import Traced

_NO_TELEMETRY: Any = {
    "tracing": False,
    "metrics": False,
    "logs": False,
    "operation_spans": False,
    "auto_configure": False,
}
"""FastAPI's own spans would tell the query of an address, and with it tokens; `Traced` does not."""


def create_app(
    front: Front,
    *,
    hosts: frozenset[str] = frozenset(),
    more: tuple[APIRouter, ...] = (),
    traces: TracerProvider | None = None,
    warmer: Warmer | None = None,
) -> FastAPI:
    """One route per operation; only routes that carry raw bytes or live streams are by hand.

    `hosts` are the names the server answers to; empty means any (then tokens are required).
    `traces` takes the spans of requests; the process's own provider if left out.
    `warmer` is what loads the deployments; without one nobody waits for them.
    """
    app = Application(
        title="viseon",
        version=__version__,
        docs_url=None,
        redoc_url=None,
        summary="Production computer vision, self-hosted",
        telemetry=_NO_TELEMETRY,
    )
    app.state.front = front
    app.state.warmer = warmer
    app.state.leaving = threading.Event()  # set when answers without an end should end
    add_problem_handlers(app)

    by_hand = (health_routes(), blob_routes(), job_routes(), live_routes(), page_routes(), *more)
    serving = (predict_routes(front.fetcher), oip_routes(), metrics_routes())
    for router in (*by_hand, *serving, derived_routes()):
        app.include_router(router)
    app.add_middleware(Admission, front=front)
    app.add_middleware(Door, front=front, hosts=hosts)
    app.add_middleware(Traced, provider=traces)
    return app
