"""The Open Inference Protocol, version 2, over HTTP: tensors in, tensors out, raw.

https://github.com/kserve/open-inference-protocol, with Triton's binary tensor extension, so
that KServe's and Triton's clients work as they are. A deployment is a model, its revision the
version.
"""

from typing import Any

from fastapi import APIRouter, Request, Response

from viseon.rest.front import platform_of
from viseon.rest.health import readiness
from viseon.rest.lane import lane
from viseon.rest.oip_models import SERVER, answered, described, found, is_ready
from viseon.rest.tensors import DATATYPES, read_request, write_response
from viseon.schema import Role

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
        return dict(SERVER)

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
        platform = platform_of(request, Role.VIEWER)
        return described(platform.deployments.server, found(platform, name, version))

    @router.get("/models/{name}/ready", operation_id="oip_model_ready")
    @router.get("/models/{name}/versions/{version}/ready", operation_id="oip_version_ready")
    def ready(request: Request, response: Response, name: str, version: str = "") -> dict[str, Any]:
        """Whether a model can be asked: not if it could not be loaded when last tried."""
        model = found(platform_of(request, Role.VIEWER), name, version)
        now = is_ready(request.app, model)
        response.status_code = 200 if now else 503
        return {"name": model.deployment.name, "ready": now}

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
        return await lane(request.app, _infer, request, name, version, body, header)

    return router


def _infer(request: Request, name: str, version: str, body: bytes, header: str | None) -> Response:
    platform = platform_of(request, Role.VIEWER)
    ready, asked = found(platform, name, version), read_request(body, header)
    watch = getattr(request.state, "watch", None)
    server = platform.deployments.server
    return write_response(*answered(server, ready, asked, request.state.ticket, watch))
