"""Running the server: HTTP in front, the supervisor behind."""

import signal
import socket
import threading
from collections.abc import Callable
from types import FrameType

import typer
import uvicorn
from fastapi import APIRouter

from viseon.app import House
from viseon.deployments import Warmer
from viseon.jobs import Heart
from viseon.rest import create_app

LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


def run_server(
    house: House,
    listener: socket.socket,
    *,
    routers: tuple[APIRouter, ...] = (),
    ready: Callable[[str], None] = lambda url: typer.echo(f"viseon is at {url}", err=True),
) -> None:
    """Serve on a listening socket until SIGINT or SIGTERM; then let what was accepted finish."""
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
        timeout_graceful_shutdown=5,
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
    # When uvicorn has ended it raises the signal once more: that must not end us before the rest.
    signal.signal(signal.SIGTERM, lambda *_: signal.signal(signal.SIGTERM, signal.SIG_DFL))
    try:
        _Server(config, app.state.leaving).run(sockets=[listener])
    finally:
        stop.set()
        heart.stop()
        streams.join()
        warming.join()


class _Server(uvicorn.Server):
    """Lets answers that have no end know that it is time to end, so that leaving is quick."""

    def __init__(self, config: uvicorn.Config, leaving: threading.Event) -> None:
        super().__init__(config)
        self._leaving = leaving

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """A signal asks to leave."""
        self._leaving.set()
        super().handle_exit(sig, frame)
