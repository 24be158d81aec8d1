"""Publishes every operation of the platform at `/v1`."""

import threading

from fastapi import APIRouter, FastAPI

from viseon import __version__
from viseon.rest.blobs import blob_routes
from viseon.rest.derived import derived_routes
from viseon.rest.door import Door
from viseon.rest.front import Front
from viseon.rest.jobs import job_routes
from viseon.rest.live import live_routes
from viseon.rest.metrics import metrics_routes
from viseon.rest.oip import oip_routes
from viseon.rest.pages import page_routes
from viseon.rest.predict import predict_routes
from viseon.rest.problems import add_problem_handlers
from viseon.schema import Noun


class Health(Noun):
    """Whether the server is up, and which version it is."""

    status: str = "ok"
    version: str = __version__


def create_app(
    front: Front, *, hosts: frozenset[str] = frozenset(), more: tuple[APIRouter, ...] = ()
) -> FastAPI:
    """One route per operation; only routes that carry raw bytes or live streams are by hand.

    `hosts` are the names the server answers to; empty means any (then tokens are required).
    """
    app = FastAPI(
        title="viseon",
        version=__version__,
        docs_url=None,
        redoc_url=None,
        summary="Production computer vision, self-hosted",
    )
    app.state.front = front
    app.state.leaving = threading.Event()  # set when answers without an end should end
    add_problem_handlers(app)

    @app.get("/healthz", tags=["health"], operation_id="healthz")
    @app.get("/readyz", tags=["health"], operation_id="readyz")
    def healthy() -> Health:
        """The server answers."""
        return Health()

    by_hand = (blob_routes(), job_routes(), live_routes(), page_routes(), *more)
    serving = (predict_routes(front.fetcher), oip_routes(), metrics_routes())
    for router in (*by_hand, *serving, derived_routes()):
        app.include_router(router)
    app.add_middleware(Door, front=front, hosts=hosts)
    return app
