"""The Open Inference Protocol, version 2, over gRPC: the same models, batches, and limits as HTTP.

A call's own deadline is what `timeout_ms` is to HTTP. Every method takes a stream, which is the
same on the wire as one message: so a token is looked at before a byte of the message is read.
"""

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from math import prod
from typing import Any

import grpc
import numpy as np
from fastapi import FastAPI
from google.protobuf.message import DecodeError

from viseon.deployments import Outcome, Ticket, key_of
from viseon.rest.front import Front, platform_for
from viseon.rest.health import readiness
from viseon.rest.lag import Lag
from viseon.rest.lane import lane
from viseon.rest.oip_messages import SERVICE, message
from viseon.rest.oip_models import SERVER, answered, described, found, is_ready
from viseon.rest.tensors import DATATYPES, Asked, form_of, from_bytes, from_numbers
from viseon.schema import Busy, Conflict, Invalid, Role, Scope, ViseonError

log = logging.getLogger("viseon.rest")

_MOST_CALLS = 128
"""As many as predictions have threads; more are refused by gRPC itself."""
_MAX_BYTES = 64 << 20
_LONGEST_S = 600.0
_BODY_S = 30.0
_GRACE_S = 5.0
_CODES = {
    "not_found": grpc.StatusCode.NOT_FOUND,
    "conflict": grpc.StatusCode.FAILED_PRECONDITION,
    "invalid": grpc.StatusCode.INVALID_ARGUMENT,
    "too_large": grpc.StatusCode.INVALID_ARGUMENT,
    "unauthorized": grpc.StatusCode.UNAUTHENTICATED,
    "forbidden": grpc.StatusCode.PERMISSION_DENIED,
    "busy": grpc.StatusCode.RESOURCE_EXHAUSTED,
    "unavailable": grpc.StatusCode.UNAVAILABLE,
}
_NUMBERS = {
    "BOOL": "bool", "INT8": "int", "INT16": "int", "INT32": "int", "INT64": "int64",
    "UINT8": "uint", "UINT16": "uint", "UINT32": "uint", "UINT64": "uint64",
    "FP32": "fp32", "FP64": "fp64",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Call:
    """One call, after its token was looked at."""

    scope: Scope | None
    """Who asks; None where nobody has to say."""
    ticket: Ticket
    body: bytes


class GrpcServer:
    """Listens beside HTTP, in the same event loop and for the same application."""

    def __init__(self, app: FastAPI, address: str) -> None:
        """`address` is host and port; port 0 picks a free one. Raises Conflict where it is taken.

        To be made, started and stopped inside the event loop.
        """
        front: Front = app.state.front
        self._app, self._front, self._lag = app, front, Lag()
        limits = (("grpc.max_receive_message_length", _MAX_BYTES), ("grpc.so_reuseport", 0))
        self._server = grpc.aio.server(options=limits, maximum_concurrent_rpcs=_MOST_CALLS)
        methods: dict[str, Callable[[_Call], Awaitable[Any]]] = {
            "ServerLive": self._live,
            "ServerReady": self._ready,
            "ModelReady": self._model_ready,
            "ServerMetadata": self._metadata,
            "ModelMetadata": self._model_metadata,
            "ModelInfer": self._infer,
        }
        handlers = {name: self._handler(name, method) for name, method in methods.items()}
        self._server.add_generic_rpc_handlers(
            (grpc.method_handlers_generic_handler(SERVICE, handlers),)
        )
        try:
            self.port: int = self._server.add_insecure_port(address)
        except RuntimeError as error:
            raise Conflict(
                f"grpc_port: cannot listen on {address}",
                fix="another program uses it: try `--grpc-port 0` for a free one",
            ) from error

    async def start(self) -> None:
        """Answer from now on."""
        await self._server.start()

    async def stop(self) -> None:
        """Accept nothing more, and finish what was accepted."""
        await self._server.stop(_GRACE_S)

    def _handler(self, name: str, method: Callable[[_Call], Awaitable[Any]]) -> Any:
        open_to_all = name in ("ServerLive", "ServerReady")

        async def handle(bodies: AsyncIterator[bytes], context: Any) -> bytes:
            left = context.time_remaining()
            asked_ms = None if left is None else min(max(left, 1e-3), _LONGEST_S) * 1000
            ticket = Ticket(time.monotonic() - self._lag.seconds(), asked_ms)
            with self._lag:
                coming = self._answer(method, bodies, context, ticket, open_to_all=open_to_all)
                (answer,) = await asyncio.gather(coming, return_exceptions=True)
            if isinstance(answer, bytes):
                return answer
            if isinstance(answer, ViseonError):
                await context.abort(*_status(answer, ticket))
            log.error("rest.bug", exc_info=answer, extra={"path": f"{SERVICE}/{name}"})
            return await context.abort(grpc.StatusCode.INTERNAL, "see the server's log")  # type: ignore[no-any-return]

        return grpc.stream_unary_rpc_method_handler(handle)

    async def _answer(
        self,
        method: Callable[[_Call], Awaitable[Any]],
        bodies: AsyncIterator[bytes],
        context: Any,
        ticket: Ticket,
        *,
        open_to_all: bool,
    ) -> bytes:
        secret = dict(context.invocation_metadata()).get("authorization", "")
        secret = secret[7:].strip() if secret.lower().startswith("bearer ") else ""
        scope = None if open_to_all else self._front.admit(secret, None)
        try:
            async with asyncio.timeout(_BODY_S):
                body = await anext(bodies)
        except (TimeoutError, StopAsyncIteration):
            raise Invalid(f"no message came within {_BODY_S:.0f} s") from None
        told: bytes = (await method(_Call(scope, ticket, body))).SerializeToString()
        return told

    async def _live(self, _: _Call) -> Any:
        return message("ServerLiveResponse")(live=True)

    async def _ready(self, _: _Call) -> Any:
        now = (await readiness(self._app)).status == "ready"
        return message("ServerReadyResponse")(ready=now)

    async def _metadata(self, _: _Call) -> Any:
        return message("ServerMetadataResponse")(**{**SERVER, "extensions": []})

    async def _model_ready(self, call: _Call) -> Any:
        asked = _parsed("ModelReadyRequest", call.body)
        ready = await lane(self._app, found, self._platform(call), asked.name, asked.version)
        return message("ModelReadyResponse")(ready=is_ready(self._app, ready))

    async def _model_metadata(self, call: _Call) -> Any:
        asked, platform = _parsed("ModelMetadataRequest", call.body), self._platform(call)

        def work() -> dict[str, Any]:
            ready = found(platform, asked.name, asked.version)
            return described(platform.deployments.server, ready)

        told = await lane(self._app, work)
        del told["parameters"]  # the protocol has no place for them here
        return message("ModelMetadataResponse")(**told)

    async def _infer(self, call: _Call) -> Any:
        asked, server = _parsed("ModelInferRequest", call.body), self._front.model_server
        platform, ticket = self._platform(call), call.ticket
        outcome: Outcome = "failed"
        ticket.timeout_ms = _timeout_ms(asked, ticket.timeout_ms)
        assert call.scope is not None  # noqa: S101 (only health is open to all)
        server.admit(key_of(call.scope.workspace, asked.model_name), ticket)

        def work() -> Any:
            ready = found(platform, asked.model_name, asked.model_version)
            return _told(*answered(server, ready, _asked(asked), ticket))

        try:
            with server.room.holding(len(call.body)):
                told = await lane(self._app, work)
            outcome = "answered"
        except Busy:
            outcome = "late"
            raise
        finally:
            server.leave(ticket, outcome)
        return told

    def _platform(self, call: _Call) -> Any:
        assert call.scope is not None  # noqa: S101
        return platform_for(self._front, call.scope, Role.VIEWER)


def _status(error: ViseonError, ticket: Ticket) -> tuple[Any, str, tuple[tuple[str, str], ...]]:
    """Code, words and trailing metadata. Who is out of time need not try the same again."""
    code = _CODES.get(error.code, grpc.StatusCode.INTERNAL)
    if not isinstance(error, Busy):
        return code, str(error), ()
    if time.monotonic() > ticket.deadline:
        code = grpc.StatusCode.DEADLINE_EXCEEDED
    wait = error.retry_s
    return code, str(error), (("retry-after", f"{wait}"), ("grpc-retry-pushback-ms", f"{wait}000"))


def _parsed(name: str, body: bytes) -> Any:
    try:
        return message(name).FromString(body)
    except DecodeError as error:
        raise Invalid(f"the body is not a {name}") from error


def _timeout_ms(asked: Any, usual_ms: float | None) -> float | None:
    """Triton's clients say it in microseconds, as a parameter of the request."""
    said = asked.parameters["timeout"].int64_param / 1000 if "timeout" in asked.parameters else 0
    return usual_ms if said <= 0 else min(said, usual_ms or _LONGEST_S * 1000)


def _asked(request: Any) -> Asked:
    raw, inputs = list(request.raw_input_contents), {}
    if raw and len(raw) != len(request.inputs):
        raise Invalid(f"raw_input_contents: {len(raw)} for {len(request.inputs)} inputs")
    for index, tensor in enumerate(request.inputs):
        where = f"inputs.{index}"
        form = form_of(list(tensor.shape), tensor.datatype, where)
        if raw:
            inputs[tensor.name] = from_bytes(raw[index], form, where)
            continue
        kind = _NUMBERS.get(tensor.datatype)
        if kind is None:
            raise Invalid(f"{where}: {tensor.datatype} needs raw_input_contents")
        numbers = getattr(tensor.contents, f"{kind}_contents")
        if len(numbers) != prod(form.shape):
            raise Invalid(
                f"{where}: {len(numbers)} numbers in contents.{kind}_contents, "
                f"its shape needs {prod(form.shape)}"
            )
        inputs[tensor.name] = from_numbers(list(numbers), form, where)
    return Asked(request.id, inputs, {output.name: True for output in request.outputs}, binary=True)


def _told(head: dict[str, Any], outputs: dict[str, Any]) -> Any:
    answer = message("ModelInferResponse")(
        model_name=head["model_name"], model_version=head["model_version"], id=head["id"]
    )
    for name, value in head["parameters"].items():
        answer.parameters[name].string_param = value
    for name, (array, _) in outputs.items():
        answer.outputs.add(name=name, datatype=DATATYPES[array.dtype.name], shape=array.shape)
        answer.raw_output_contents.append(np.ascontiguousarray(array).tobytes())
    return answer
