"""A span for each request, with its stages inside (OpenTelemetry, semantic conventions of HTTP)."""

import time
from functools import partial

from opentelemetry import context, propagate, trace
from opentelemetry.context import Context
from opentelemetry.trace import SpanKind, StatusCode, Tracer, TracerProvider
from starlette.types import ASGIApp, Message, Receive, Send
from starlette.types import Scope as Connection

from viseon import __version__
from viseon.deployments import Stage

_CARRIED = (b"traceparent", b"tracestate", b"baggage")


class Traced:
    """Continues the caller's trace. Where no SDK is set up it costs one comparison.

    Addresses are recorded without their query, which may hold a token.
    """

    def __init__(self, app: ASGIApp, provider: TracerProvider | None = None) -> None:
        self._app, self._provider = app, provider

    async def __call__(self, connection: Connection, receive: Receive, send: Send) -> None:
        """Pass it on inside a span."""
        provider = self._provider or trace.get_tracer_provider()
        if connection["type"] != "http" or isinstance(provider, trace.ProxyTracerProvider):
            await self._app(connection, receive, send)
            return
        tracer = provider.get_tracer("viseon", __version__)
        method, path = connection["method"], connection["path"]
        with tracer.start_as_current_span(
            method,
            context=propagate.extract(_carried(connection)),
            kind=SpanKind.SERVER,
            attributes={"http.request.method": method, "url.path": path, "url.scheme": "http"},
        ) as span:
            if span.is_recording():
                offset = time.time_ns() - int(time.monotonic() * 1e9)
                watch = partial(_record, tracer, context.get_current(), offset)
                connection.setdefault("state", {})["watch"] = watch

            async def sent(message: Message) -> None:
                if message["type"] == "http.response.start":
                    status = message["status"]
                    span.set_attribute("http.response.status_code", status)
                    if status >= 500:
                        span.set_status(StatusCode.ERROR)
                await send(message)

            await self._app(connection, receive, sent)
            if route := getattr(connection.get("route"), "path", ""):
                span.update_name(f"{method} {route}")
                span.set_attribute("http.route", route)


def _record(tracer: Tracer, parent: Context, offset: int, stage: Stage) -> None:
    """A span for what is over already; `offset` leads from the server's clock to the calendar."""
    span = tracer.start_span(
        stage.name,
        context=parent,
        start_time=offset + int(stage.begun * 1e9),
        attributes={
            "viseon.deployment": stage.deployment,
            "viseon.model.digest": stage.model,
            "viseon.pictures": stage.pictures,
            "viseon.batch.size": stage.batch,
        },
    )
    span.end(end_time=offset + int(stage.ended * 1e9))


def _carried(connection: Connection) -> dict[str, str]:
    return {k.decode(): v.decode("latin-1") for k, v in connection["headers"] if k in _CARRIED}
