"""The Open Inference Protocol, version 2, over HTTP: tensors in, tensors out, raw.

https://github.com/kserve/open-inference-protocol, with Triton's binary tensor extension, so
that KServe's and Triton's clients work as they are. A deployment is a model, its revision the
version.
"""

import time
from collections.abc import Sequence
from typing import Any

import numpy as np
from fastapi import APIRouter, Request, Response
from numpy.typing import NDArray

from viseon import __version__
from viseon.deployments import ModelServer, Ready, Warmer, watched
from viseon.deployments.batching import Ran
from viseon.inference import Placement, Prepared
from viseon.inference.detector import Outputs
from viseon.rest.front import platform_of
from viseon.rest.health import readiness
from viseon.rest.lane import lane
from viseon.rest.tensors import DATATYPES, read_request, write_response
from viseon.schema import InputSpec, Invalid, Model, NotFound, Role

_TENSOR: dict[str, Any] = {
    "type": "object",
    "required": ["name", "datatype", "shape"],
    "properties": {
        "name": {"type": "string"},
        "datatype": {"type": "string", "enum": sorted(DATATYPES.values())},
        "shape": {"type": "array", "items": {"type": "integer", "minimum": 0}, "minItems": 1},
        "data": {"type": "array", "description": "Row by row; nested or not."},
        "parameters": {"type": "object"},
    },
}
_INFER: dict[str, Any] = {
    "type": "object",
    "required": ["inputs"],
    "properties": {
        "id": {"type": "string"},
        "inputs": {"type": "array", "items": _TENSOR},
        "outputs": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["name"],
                "properties": {"name": {"type": "string"}, "parameters": {"type": "object"}},
            },
        },
        "parameters": {"type": "object"},
    },
}
_BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "description": "JSON; with `Inference-Header-Content-Length`, tensors follow as bytes.",
        "content": {"application/json": {"schema": _INFER}},
    }
}


def oip_routes() -> APIRouter:
    """`/v2` and everything below it."""
    router = APIRouter(prefix="/v2", tags=["open inference protocol"])

    @router.get("", operation_id="oip_server")
    def server() -> dict[str, Any]:
        """Who answers, and which extensions it has."""
        return {"name": "viseon", "version": __version__, "extensions": ["binary_tensor_data"]}

    @router.get("/health/live", operation_id="oip_live")
    async def live() -> dict[str, bool]:
        """The server answers."""
        return {"live": True}

    @router.get("/health/ready", operation_id="oip_ready")
    async def server_ready(request: Request, response: Response) -> dict[str, bool]:
        """As `/readyz`."""
        now = (await readiness(request.app)).status == "ready"
        response.status_code = 200 if now else 503
        return {"ready": now}

    @router.get("/models/{name}", operation_id="oip_model")
    @router.get("/models/{name}/versions/{version}", operation_id="oip_model_version")
    def metadata(request: Request, name: str, version: str = "") -> dict[str, Any]:
        """Inputs and outputs of a model."""
        ready, model = _found(request, name, version)
        return _described(_server(request), ready, model)

    @router.get("/models/{name}/ready", operation_id="oip_model_ready")
    @router.get("/models/{name}/versions/{version}/ready", operation_id="oip_version_ready")
    def ready(request: Request, response: Response, name: str, version: str = "") -> dict[str, Any]:
        """Whether a model can be asked: not if it could not be loaded when last tried."""
        found, _ = _found(request, name, version)
        warmer: Warmer | None = request.app.state.warmer
        now = warmer is None or found.key not in warmer.failed
        response.status_code = 200 if now else 503
        return {"name": found.deployment.name, "ready": now}

    @router.post("/models/{name}/infer", operation_id="oip_infer", openapi_extra=_BODY)
    @router.post(
        "/models/{name}/versions/{version}/infer",
        operation_id="oip_version_infer",
        openapi_extra=_BODY,
    )
    async def infer(request: Request, name: str, version: str = "") -> Response:
        """Run the model on tensors; they share batches with everybody else's pictures."""
        body = await request.body()
        header = request.headers.get("inference-header-content-length")
        return await lane(request, _infer, request, name, version, body, header)

    return router


def _infer(request: Request, name: str, version: str, body: bytes, header: str | None) -> Response:
    ready, model = _found(request, name, version)
    asked = read_request(body, header)
    tensor = asked.inputs.get(model.signature.input.name)
    if tensor is None:
        raise Invalid(
            f"inputs: there is no {model.signature.input.name!r}",
            fix=f"the model's metadata is at /v2/models/{name}",
        )
    server, spec = _server(request), model.signature.input
    _check(tensor, spec)
    nowhere = Placement(spec.width, spec.height, spec.width, spec.height)
    rows = [Prepared(row, nowhere) for row in tensor]
    deadline = request.state.ticket.until(ready.deployment.serving.timeout_ms)
    watch = watched(getattr(request.state, "watch", None), ready, model)
    patience = max(deadline - time.monotonic(), 0)
    with server.engine(ready, model, patience_s=patience) as engine:
        ran = engine.infer(rows, deadline=deadline, watch=watch)
    outputs = _joined(model, ran)
    wanted = asked.outputs or dict.fromkeys(outputs, asked.binary)
    unknown = [name for name in wanted if name not in outputs]
    if unknown:
        raise Invalid(f"outputs: no {unknown[0]!r}", fix=f"known: {', '.join(outputs)}")
    head = {
        "model_name": ready.deployment.name,
        "model_version": str(ready.deployment.revision),
        "id": asked.id,
        "parameters": {"digest": model.digest, "config": ready.deployment.config},
    }
    return write_response(head, {n: (outputs[n], binary) for n, binary in wanted.items()})


def _check(tensor: NDArray[Any], spec: InputSpec) -> None:
    shape = (3 if spec.color != "gray" else 1, spec.height, spec.width)
    shape = shape if spec.layout == "nchw" else (*shape[1:], shape[0])
    if tensor.shape[1:] != shape or tensor.dtype != spec.dtype or not len(tensor):
        raise Invalid(
            f"inputs: {spec.name} is {tensor.dtype} {list(tensor.shape)}",
            fix=f"send {spec.dtype} {[-1, *shape]}",
        )


def _joined(model: Model, ran: Sequence[Ran[Outputs]]) -> dict[str, NDArray[Any]]:
    columns = zip(*(r.result for r in ran), strict=True)
    return {
        name: np.concatenate(arrays)
        for name, arrays in zip(model.signature.outputs, columns, strict=True)
    }


def _found(request: Request, name: str, version: str) -> tuple[Ready, Model]:
    ready = platform_of(request, Role.VIEWER).deployments.ready(name)
    if version and version != str(ready.deployment.revision):
        raise NotFound(
            f"{name!r} has no version {version!r}", fix=f"it is at {ready.deployment.revision}"
        )
    if len(ready.models) != 1:
        raise Invalid(f"{name!r} is an ensemble and has no tensors", fix="use /v1 … /predict")
    return ready, ready.models[0]


def _server(request: Request) -> ModelServer:
    return platform_of(request, Role.VIEWER).deployments.server


def _described(server: ModelServer, ready: Ready, model: Model) -> dict[str, Any]:
    with server.engine(ready, model) as engine:
        inputs, outputs = engine.tensors()
    return {
        "name": ready.deployment.name,
        "versions": [str(ready.deployment.revision)],
        "platform": f"viseon_{ready.deployment.serving.backend}",
        "inputs": [_tensor(t.name, t.shape, t.dtype) for t in inputs],
        "outputs": [_tensor(t.name, t.shape, t.dtype) for t in outputs],
        "parameters": {"digest": model.digest, "decoder": model.signature.decoder},
    }


def _tensor(name: str, shape: tuple[int | None, ...], dtype: str) -> dict[str, Any]:
    sizes = [-1 if size is None else size for size in shape]
    return {"name": name, "datatype": DATATYPES.get(dtype, "BYTES"), "shape": sizes}
