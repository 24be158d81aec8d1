"""The front door: who is asking, for which workspace, and from which page."""

import re
from urllib.parse import parse_qsl, urlencode, urlsplit

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Send
from starlette.types import Scope as Connection

from viseon.rest.front import Front
from viseon.rest.problems import problem
from viseon.schema import Forbidden, ViseonError

_WORKSPACE = re.compile(r"^/v1/workspaces/([a-z0-9][a-z0-9-]{0,62})(/.*)$")
_ALIVE = ("/v2/health/live", "/v2/health/ready")
"""What orchestrators ask without a token, as they do over gRPC."""


class Door:
    """Puts the caller's scope into the connection, or answers with a problem."""

    def __init__(self, app: ASGIApp, front: Front, hosts: frozenset[str]) -> None:
        self._app, self._front, self._hosts = app, front, hosts

    async def __call__(self, connection: Connection, receive: Receive, send: Send) -> None:
        """Let in or turn away."""
        if connection["type"] not in ("http", "websocket"):
            await self._app(connection, receive, send)
            return
        try:
            self._enter(connection)
        except ViseonError as error:
            await self._refuse(error, connection, receive, send)
            return
        await self._app(connection, receive, send)

    def _enter(self, connection: Connection) -> None:
        headers = Headers(scope=connection)
        self._check_origin(headers)
        path, workspace = connection["path"], None
        if inside := _WORKSPACE.match(path):
            workspace = inside[1]
            connection["path"] = f"/v1{inside[2]}"
            connection["raw_path"] = connection["path"].encode()
        state = connection.setdefault("state", {})
        if path.startswith(("/v1", "/v2", "/metrics")) and path not in _ALIVE:
            state["scope"] = self._front.admit(_secret(headers, connection), workspace)

    def _check_origin(self, headers: Headers) -> None:
        """Keep other sites' pages (and names that resolve to us) from using an open port."""
        host = urlsplit(f"//{headers.get('host', '')}")
        if self._hosts and host.hostname not in self._hosts:
            raise Forbidden(
                f"this server does not answer to the name {host.hostname!r}",
                fix="use http://127.0.0.1, or start it with --host and tokens",
            )
        origin = headers.get("origin")
        if origin and urlsplit(origin).netloc != host.netloc:
            raise Forbidden(f"pages of {origin} may not use this server")

    async def _refuse(
        self, error: ViseonError, connection: Connection, receive: Receive, send: Send
    ) -> None:
        if connection["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": 1008, "reason": error.message[:120]})
            return
        await problem(error)(connection, receive, send)


def _secret(headers: Headers, connection: Connection) -> str:
    bearer = headers.get("authorization", "")
    if bearer.lower().startswith("bearer "):
        return bearer[7:].strip()
    asked: list[tuple[str, str]] = parse_qsl(
        connection.get("query_string", b"").decode("latin-1"), keep_blank_values=True
    )
    tokens = [value for name, value in asked if name == "access_token"]
    if not tokens:
        return ""
    rest = [(name, value) for name, value in asked if name != "access_token"]
    connection["query_string"] = urlencode(rest).encode()  # for nobody else
    return tokens[0]
