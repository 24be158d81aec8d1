"""The way of a prediction from its first byte to its last, and who is turned away where.

Refusing has to be cheap, or those who are refused take the time of those who are not: this is
asked before routing, and before the body is read.
"""

import asyncio
import re
import time
from collections.abc import Callable
from math import isfinite
from urllib.parse import parse_qs

from starlette.types import ASGIApp, Message, Receive, Send
from starlette.types import Scope as Connection

from viseon.deployments import ModelServer, Outcome, Ticket, key_of
from viseon.rest.front import Front
from viseon.rest.lag import Lag
from viseon.rest.problems import problem
from viseon.schema import Busy, Scope, TooLarge, ViseonError

MAX_MB = 64
_LONGEST_S = 600.0
_WAYS = re.compile(
    r"^/v1/(?:deployments/([^/]+)/)?predict$|^/v2/models/([^/]+)(?:/versions/[^/]+)?/infer$"
)


class Admission:
    """Gives every prediction its ticket, bounds what its body takes, and keeps its deadline."""

    def __init__(
        self, app: ASGIApp, front: Front, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._app, self._front, self._clock = app, front, clock
        self._lag = Lag()

    async def __call__(self, connection: Connection, receive: Receive, send: Send) -> None:
        """Let it pass, or refuse it at once."""
        way = _way(connection)
        if way is None:
            await self._app(connection, receive, send)
            return
        server = self._front.model_server
        ticket = Ticket(self._clock() - self._lag.seconds(), _asked_ms(connection))
        connection["state"]["ticket"] = ticket
        scope: Scope = connection["state"]["scope"]
        with self._lag:
            try:
                if way:
                    server.admit(key_of(scope.workspace, way), ticket)
            except ViseonError as error:
                await problem(error)(connection, receive, send)
                return
            await self._admitted(server, ticket, connection, receive, send)

    async def _admitted(
        self,
        server: ModelServer,
        ticket: Ticket,
        connection: Connection,
        receive: Receive,
        send: Send,
    ) -> None:
        body = _Body(server, ticket, receive, self._clock)
        end = _End(ticket, connection, send, self._clock)
        try:
            await self._app(connection, body, end)
        except asyncio.CancelledError:
            # The time to leave is over. Unless it has an answer already, it is told so.
            if end.begun or not connection["app"].state.leaving.is_set():
                raise
            error = Busy("the server is leaving", fix="send the request again")
            await problem(error)(connection, receive, end)
        finally:
            body.close()
            server.leave(ticket, end.outcome, replaced=end.replaced)


class _Body:
    """Receives the body: not more than is allowed, not longer than is useful."""

    def __init__(
        self, server: ModelServer, ticket: Ticket, receive: Receive, clock: Callable[[], float]
    ) -> None:
        self._room, self._ticket, self._receive, self._clock = server.room, ticket, receive, clock
        self._whole = False

    async def __call__(self) -> Message:
        if self._whole:
            return await self._receive()  # all that can come is that the caller left
        message = await self._next()
        self._whole = not message.get("more_body", False)
        more = len(message.get("body", b""))
        if self._ticket.held_bytes + more > MAX_MB << 20:
            raise TooLarge(f"a request may have at most {MAX_MB} MiB", fix="send fewer pictures")
        if more:
            self._room.take(more, mine=self._ticket.held_bytes)
            self._ticket.held_bytes += more
        return message

    async def _next(self) -> Message:
        left = min(self._ticket.deadline, self._ticket.started + _LONGEST_S) - self._clock()
        try:
            async with asyncio.timeout(left):
                if left > 0:
                    return await self._receive()
                raise TimeoutError
        except TimeoutError:
            raise Busy(
                "the body did not come before the deadline", fix="raise timeout_ms, or send less"
            ) from None

    def close(self) -> None:
        """The body is not needed any more."""
        self._room.give(self._ticket.held_bytes)
        self._ticket.held_bytes = 0


class _End:
    """Sends the answer, unless its deadline is over: then a refusal, even now."""

    def __init__(
        self, ticket: Ticket, connection: Connection, send: Send, clock: Callable[[], float]
    ) -> None:
        self._ticket, self._connection, self._send = ticket, connection, send
        self._clock = clock
        self.begun = self.replaced = False
        self.outcome: Outcome = "failed"

    async def __call__(self, message: Message) -> None:
        if self.replaced:
            return
        if message["type"] == "http.response.start":
            self.begun = True
            status = message["status"]
            self.outcome = {200: "answered", 503: "late"}.get(status, "failed")  # type: ignore[assignment]
            try:
                if status == 200:
                    self._ticket.check(self._clock())
            except Busy as error:
                self.replaced, self.outcome = True, "late"
                await problem(error)(self._connection, _nothing, self._send)
                return
        await self._send(message)


async def _nothing() -> Message:
    return {"type": "http.disconnect"}


def _way(connection: Connection) -> str | None:
    """The deployment's name; empty if the only one is meant, None if this is no prediction."""
    if connection["type"] != "http" or connection["method"] != "POST":
        return None
    found = _WAYS.match(connection["path"])
    return None if found is None else found[1] or found[2] or ""


def _asked_ms(connection: Connection) -> float | None:
    """The timeout in the query; None if there is none, or none that the route will accept."""
    query = connection.get("query_string", b"")
    if b"timeout_ms" not in query:
        return None
    said = parse_qs(query.decode("latin-1")).get("timeout_ms", [""])[0]
    try:
        value = float(said)
    except ValueError:
        return None
    return value if isfinite(value) and 0 < value <= _LONGEST_S * 1000 else None
