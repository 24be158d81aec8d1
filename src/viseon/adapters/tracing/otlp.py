"""Sends spans where the standard `OTEL_…` variables say."""

import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from viseon.schema import Invalid, Unavailable

_ADDRESSES = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
_PROTOCOLS = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")


@contextmanager
def exporting(environment: Mapping[str, str]) -> Iterator[None]:
    """Send spans while the block runs, and the last of them when it ends.

    Nothing happens unless an address or `OTEL_TRACES_EXPORTER` is set, or where the process was
    set up already (`opentelemetry-instrument`). The SDK reads sampling, names and limits from
    the other variables. Raises Unavailable without the SDK, Invalid for an exporter it has not.
    """
    kind = _wanted(environment)
    if kind == "none":
        yield
        return
    from opentelemetry import trace

    ready = not isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider)
    if ready:
        yield
        return
    provider = _provider(kind, environment)
    trace.set_tracer_provider(provider)
    try:
        yield
    finally:
        provider.shutdown()


def _wanted(environment: Mapping[str, str]) -> str:
    if environment.get("OTEL_SDK_DISABLED", "").lower() == "true":
        return "none"
    usual = "otlp" if any(environment.get(name) for name in _ADDRESSES) else "none"
    return environment.get("OTEL_TRACES_EXPORTER") or usual


def _provider(kind: str, environment: Mapping[str, str]) -> Any:
    try:
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
        from opentelemetry.sdk.resources import Resource
        from opentelemetry.sdk.trace import TracerProvider
        from opentelemetry.sdk.trace.export import BatchSpanProcessor, ConsoleSpanExporter
    except ImportError as error:
        raise Unavailable(
            "OTEL_… variables ask for spans, but the OpenTelemetry SDK is not installed",
            fix="pip install 'viseon[otel]', or set OTEL_SDK_DISABLED=true",
        ) from error
    protocol = next((environment[n] for n in _PROTOCOLS if environment.get(n)), "http/protobuf")
    if kind not in ("otlp", "console") or (kind == "otlp" and protocol != "http/protobuf"):
        raise Invalid(
            f"OTEL_TRACES_EXPORTER: {kind} over {protocol} is not supported",
            fix="use otlp with OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf, console, or none",
        )
    named = {} if environment.get("OTEL_SERVICE_NAME") else {"service.name": "viseon"}
    provider = TracerProvider(resource=Resource.create(named))
    exporter = OTLPSpanExporter() if kind == "otlp" else ConsoleSpanExporter(out=sys.stderr)
    provider.add_span_processor(BatchSpanProcessor(exporter))
    return provider
