"""`viseon serve`: API, pages and supervisor in one process, on one port."""

import socket
from importlib.util import find_spec

import typer

from viseon.schema import Conflict, Invalid, Unavailable

LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


def add_serve(cli: typer.Typer) -> None:
    """Add the command."""

    @cli.command(rich_help_panel="Run")
    def serve(
        host: str = typer.Option("127.0.0.1", help="Address to listen on."),
        port: int = typer.Option(8000, min=0, max=65535, help="0 picks a free one."),
        grpc_port: int | None = typer.Option(
            None,
            envvar="VISEON_GRPC_PORT",
            min=0,
            max=65535,
            help="Serve the Open Inference Protocol over gRPC too; 0 picks a free one.",
        ),
    ) -> None:
        """Serve the API and the pages until interrupted."""
        from viseon.app import House  # the server's libraries load only when used
        from viseon.cli.server import run_server
        from viseon.settings import Settings

        settings = Settings.read()
        if host not in LOOPBACK and settings.auth == "open":
            raise Invalid(
                f"host: {host} can be reached from other machines, but anybody may do anything",
                fix="set VISEON_AUTH=token and make one with `viseon access create-token`",
            )
        if grpc_port is not None:
            _check_grpc()
        listener = listen(host, port)
        house = House(settings)
        try:
            with house.tracing():
                run_server(house, listener, grpc_port=grpc_port)
        finally:
            house.close()


def _check_grpc() -> None:
    if not all(find_spec(name) for name in ("grpc", "google", "google.protobuf")):
        raise Unavailable("grpc_port: gRPC is not installed here", fix="pip install 'viseon[grpc]'")


def listen(host: str, port: int) -> socket.socket:
    """A listening socket. Raises Conflict when the port is taken."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    # Inherited by every connection; without it an answer waits 40 ms for the client's next ACK.
    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    try:
        listener.bind((host, port))
        listener.listen(128)
    except OSError as error:
        listener.close()
        raise Conflict(
            f"port: cannot listen on {host}:{port}: {error.strerror}",
            fix="another program uses it: try `--port 0` for a free one",
        ) from error
    return listener
