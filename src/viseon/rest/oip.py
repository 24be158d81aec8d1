"""The Open Inference Protocol, version 2, over HTTP: tensors in, tensors out, raw.

https://github.com/kserve/open-inference-protocol, with Triton's binary tensor extension, so
that KServe's and Triton's clients work as they are. A deployment is a model, its revision the
version.
"""

import time
from typing import Any

import numpy as np
from fastapi import APIRouter, Request, Response
from fastapi.concurrency import run_in_threadpool
from numpy.typing import NDArray

from viseon import __version__
from viseon.deployments import Ready
from viseon.deployments.server import ModelServer
from viseon.inference import Placement, Prepared
from viseon.rest.front import platform_of
from viseon.rest.tensors import DATATYPES, read_request, write_response
from viseon.schema import Invalid, Model, NotFound, Role


def oip_routes() -> APIRouter:
    """`/v2` and everything below it."""
    router = APIRouter(prefix="/v2", tags=["open inference protocol"])

    @router.get("", operation_id="oip_server")
    def server() -> dict[str, Any]:
        """Who answers, and which extensions it has."""
        return {"name": "viseon", "version": __version__, "extensions": ["binary_tensor_data"]}

    @router.get("/health/live", operation_id="oip_live")
    @router.get("/health/ready", operation_id="oip_ready")
    def alive() -> dict[str, bool]:
        """The server answers."""
        return {"live": True, "ready": True}

    @router.get("/models/{name}", operation_id="oip_model")
    @router.get("/models/{name}/versions/{version}", operation_id="oip_model_version")
    def metadata(request: Request, name: str, version: str = "") -> dict[str, Any]:
        """Inputs and outputs of a model."""
        ready, model = _found(request, name, version)
        return _described(_server(request), ready, model)

    @router.get("/models/{name}/ready", operation_id="oip_model_ready")
    @router.get("/models/{name}/versions/{version}/ready", operation_id="oip_version_ready")
    def ready(request: Request, name: str, version: str = "") -> dict[str, Any]:
        """Whether a model can be asked."""
        found, _ = _found(request, name, version)
        return {"name": found.deployment.name, "ready": True}

    @router.post("/models/{name}/infer", operation_id="oip_infer")
    @router.post("/models/{name}/versions/{version}/infer", operation_id="oip_version_infer")
    async def infer(request: Request, name: str, version: str = "") -> Response:
        """Run the model on tensors; they share batches with everybody else's pictures."""
        body = await request.body()
        header = request.headers.get("inference-header-content-length")
        return await run_in_threadpool(_infer, request, name, version, body, header)

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
    outputs = _run(_server(request), ready, model, tensor)
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


def _run(
    server: ModelServer, ready: Ready, model: Model, tensor: NDArray[Any]
) -> dict[str, NDArray[Any]]:
    spec = model.signature.input
    shape = (3 if spec.color != "gray" else 1, spec.height, spec.width)
    shape = shape if spec.layout == "nchw" else (*shape[1:], shape[0])
    if tensor.shape[1:] != shape or tensor.dtype != spec.dtype or not len(tensor):
        raise Invalid(
            f"inputs: {spec.name} is {tensor.dtype} {list(tensor.shape)}",
            fix=f"send {spec.dtype} {[-1, *shape]}",
        )
    nowhere = Placement(spec.width, spec.height, spec.width, spec.height)
    rows = [Prepared(row, nowhere) for row in tensor]
    deadline = time.monotonic() + ready.deployment.serving.timeout_ms / 1000
    with server.engine(ready, model) as engine:
        ran = engine.infer(rows, deadline=deadline)
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
