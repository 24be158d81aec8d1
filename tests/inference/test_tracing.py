"""Spans: one per request, its stages inside, in the caller's trace."""

import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import cv2
import numpy as np
import pytest
from fastapi.testclient import TestClient
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from viseon.adapters.tracing import otlp
from viseon.rest import create_app
from viseon.schema import Invalid

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.fixture
def spans():
    return InMemorySpanExporter()


@pytest.fixture
def http(house, local, box_model, spans):
    model = local.models.add(name="bright", onnx=local.blobs.add(box_model), classes=("bar",))
    local.deployments.create(name="door", models=("bright",))
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(spans))
    with TestClient(create_app(house, traces=provider), raise_server_exceptions=False) as http:
        http.digest = model.digest
        yield http


def picture():
    return cv2.imencode(".png", np.zeros((64, 64, 3), np.uint8))[1].tobytes()


def finished(spans):
    """The request's span and its children by name."""
    (root,) = (s for s in spans.get_finished_spans() if s.kind is SpanKind.SERVER)
    rest = [s for s in spans.get_finished_spans() if s is not root]
    assert all(s.parent.span_id == root.context.span_id for s in rest)
    return root, {s.name: s for s in rest}


def test_a_prediction_is_a_span_with_its_stages_inside_in_the_callers_trace(http, spans):
    http.post(
        "/v1/deployments/door/predict?score=0.123",
        content=picture(),
        headers={"traceparent": PARENT},
    )
    root, stages = finished(spans)
    assert root.name == "POST /v1/deployments/{deployment}/predict"
    assert f"{root.context.trace_id:032x}" == PARENT[3:35]
    assert f"{root.parent.span_id:016x}" == PARENT[36:52]
    assert root.attributes["http.response.status_code"] == 200
    assert root.attributes["http.route"] == "/v1/deployments/{deployment}/predict"
    assert list(stages) == ["pre", "queue", "model", "post"]
    for stage in stages.values():
        assert root.start_time <= stage.start_time <= stage.end_time <= root.end_time
        assert stage.attributes["viseon.model.digest"] == http.digest
        assert stage.attributes["viseon.deployment"] == "door"
        assert stage.attributes["viseon.batch.size"] == stage.attributes["viseon.pictures"] == 1
    assert stages["pre"].end_time <= stages["model"].start_time
    assert stages["model"].end_time <= stages["post"].start_time


def test_a_token_in_an_address_is_not_recorded(http, spans):
    assert http.get("/v1/deployments?access_token=secret").status_code == 401
    root, _ = finished(spans)
    assert root.attributes["url.path"] == "/v1/deployments"
    assert "secret" not in root.to_json()


def test_tensors_are_traced_too(http, spans):
    tensor = {"name": "images", "datatype": "FP32", "shape": [1, 3, 64, 64]}
    tensor["data"] = [0.0] * (3 * 64 * 64)
    assert http.post("/v2/models/door/infer", json={"inputs": [tensor]}).status_code == 200
    root, stages = finished(spans)
    assert root.name == "POST /v2/models/{name}/infer"
    assert list(stages) == ["queue", "model"]


def test_a_refusal_is_an_error_and_bad_input_is_not(http, spans):
    files = [("images", (f"{i}.png", picture())) for i in range(3)]
    http.post("/v1/deployments/door/swap", json={"models": ["bright"], "serving": {"queue": 2}})
    spans.clear()
    http.post("/v1/deployments/door/predict", files=files)
    root, _ = finished(spans)
    assert root.status.status_code is StatusCode.ERROR
    spans.clear()
    http.post("/v1/deployments/door/predict", content=b"?")
    root, _ = finished(spans)
    assert root.status.status_code is StatusCode.UNSET
    assert root.attributes["http.response.status_code"] == 422


def test_nothing_is_recorded_unless_somebody_listens(served):
    assert isinstance(trace.get_tracer_provider(), trace.ProxyTracerProvider)
    assert served.get("/v1/deployments").status_code == 200


@pytest.fixture
def collector():
    """Takes what an OTLP exporter sends."""
    got = []

    class Takes(BaseHTTPRequestHandler):
        def do_POST(self):
            got.append((self.path, self.rfile.read(int(self.headers["content-length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_):
            pass

    server = HTTPServer(("127.0.0.1", 0), Takes)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", got
    server.shutdown()
    thread.join()
    server.server_close()


def test_spans_go_where_the_standard_variables_say(collector, monkeypatch):
    url, got = collector
    chosen = []
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", url)
    monkeypatch.setattr(trace, "set_tracer_provider", chosen.append)
    with otlp.exporting({"OTEL_EXPORTER_OTLP_ENDPOINT": url}):
        with chosen[0].get_tracer("t").start_as_current_span("hello"):
            pass
        assert got == []  # they leave in batches, the last one when the server leaves
    ((path, body),) = got
    assert path == "/v1/traces"
    assert b"hello" in body
    assert b"viseon" in body


@pytest.mark.parametrize(
    "said",
    [{}, {"OTEL_TRACES_EXPORTER": "none", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://x"},
     {"OTEL_SDK_DISABLED": "true", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://x"}],
)  # fmt: skip
def test_without_a_wish_nothing_is_set_up(said, monkeypatch):
    monkeypatch.setattr(trace, "set_tracer_provider", lambda _: pytest.fail("it was set up"))
    with otlp.exporting(said):
        pass


@pytest.mark.parametrize(
    "said",
    [{"OTEL_TRACES_EXPORTER": "zipkin"},
     {"OTEL_TRACES_EXPORTER": "otlp", "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}],
)  # fmt: skip
def test_exporters_that_are_not_there_are_named(said):
    with pytest.raises(Invalid, match="OTEL_TRACES_EXPORTER"), otlp.exporting(said):
        pass
