"""Running the server: HTTP in front, the supervisor behind."""

import asyncio
import signal
import socket
import threading
from collections.abc import Callable
from math import ceil
from types import FrameType
from typing import TYPE_CHECKING

import typer
import uvicorn
from fastapi import APIRouter, FastAPI

from viseon.app import House
from viseon.deployments import Warmer
from viseon.jobs import Heart
from viseon.rest import create_app

if TYPE_CHECKING:
    from viseon.rest.oip_grpc import GrpcServer

LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})

_GRACE_S = 5
"""For what was accepted, when it is time to leave."""
_REFUSE_S = 4.0
"""After this much of it, predictions that wait are refused, while there is time to say so."""
_LONGEST_RUN_S = 60.0


def run_server(
    house: House,
    listener: socket.socket,
    *,
    routers: tuple[APIRouter, ...] = (),
    grpc_port: int | None = None,
    ready: Callable[[str], None] = lambda url: typer.echo(f"viseon is at {url}", err=True),
) -> None:
    """Serve on a listening socket until SIGINT or SIGTERM; then let what was accepted finish.

    With `grpc_port` (0 picks a free one) also the Open Inference Protocol over gRPC.
    """
    host, port = listener.getsockname()[:2]
    hosts = LOOPBACK if house.settings.auth == "open" else frozenset()
    warmer = Warmer(
        lambda: {name: house.platform(house.local(name)).deployments for name in house.catalogs()}
    )
    app = create_app(house, hosts=hosts, more=routers, warmer=warmer)
    config = uvicorn.Config(
        app,
        log_level="warning",
        access_log=False,
        timeout_graceful_shutdown=_GRACE_S,
        ws="websockets-sansio",
    )
    heart = Heart(house.tick, every_s=1.0)
    stop = threading.Event()
    streams = threading.Thread(target=house.supervisor().run, args=(stop,), name="supervisor")
    warming = threading.Thread(target=warmer.run, args=(stop,), name="warmer")
    heart.start()
    streams.start()
    warming.start()
    ready(f"http://{host}:{port}")
    if house.settings.auth == "open" and house.platform().access.tokens(limit=1).items:
        typer.echo("open: tokens exist, but nobody is asked for one: VISEON_AUTH=token", err=True)
    # When uvicorn has ended it raises the signal once more: that must not end us before the rest.
    signal.signal(signal.SIGTERM, lambda *_: signal.signal(signal.SIGTERM, signal.SIG_DFL))
    try:
        beside = None if grpc_port is None else (app, host, grpc_port)
        _Server(config, app.state.leaving, house, beside).run(sockets=[listener])
    finally:
        stop.set()
        heart.stop()
        streams.join()
        warming.join()


class _Server(uvicorn.Server):
    """Lets answers that have no end know that it is time to end, so that leaving is quick."""

    def __init__(
        self,
        config: uvicorn.Config,
        leaving: threading.Event,
        house: House,
        beside: tuple[FastAPI, str, int] | None,
    ) -> None:
        """`beside` is what to serve over gRPC as well, and where."""
        super().__init__(config)
        self._leaving, self._house, self._beside = leaving, house, beside
        self._grpc: GrpcServer | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen, first where it may fail."""
        if self._beside is not None:
            from viseon.rest.oip_grpc import GrpcServer  # optional, and slow to load

            app, host, port = self._beside
            address = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
            self._grpc = GrpcServer(app, address)
            await self._grpc.start()
            shown = address.rpartition(":")[0]
            typer.echo(f"gRPC is at {shown}:{self._grpc.port}", err=True)
        await super().startup(sockets)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Both finish what they accepted, but predictions whose turn is far away are refused."""
        models = self._house.model_server
        # A run cannot be interrupted, so whoever is in one is answered.
        run_s = ceil(min(models.longest_run_s, _LONGEST_RUN_S))
        self.config.timeout_graceful_shutdown = _GRACE_S + run_s
        refusing = asyncio.get_running_loop().call_later(_REFUSE_S, models.depart)
        try:
            if self._grpc is not None:
                await asyncio.gather(self._grpc.stop(), super().shutdown(sockets))
            else:
                await super().shutdown(sockets)
        finally:
            refusing.cancel()
            models.depart()  # a thread that still waits would keep the process

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """A signal asks to leave."""
        self._leaving.set()
        super().handle_exit(sig, frame)
