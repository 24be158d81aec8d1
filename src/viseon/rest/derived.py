"""One route per operation, made from its signature."""

import inspect
from collections.abc import Callable
from contextlib import nullcontext
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request

from viseon.operation import Operation, idempotent, operations
from viseon.platform import SERVICES
from viseon.rest.front import platform_of
from viseon.schema import Role


def derived_routes() -> APIRouter:
    """`/v1` with every operation of every service."""
    router = APIRouter(prefix="/v1")
    for noun, service in SERVICES.items():
        for op in operations(service):
            router.add_api_route(
                op.path,
                _endpoint(noun, op),
                methods=[op.verb],
                response_model=op.signature.return_annotation,
                status_code=202 if op.takes is not None else 200,
                operation_id=f"{noun}_{op.name}",
                summary=op.help.split("\n", 1)[0],
                description=f"{op.help}\n\nNeeds the role `{op.needs.value}`.",
                tags=[noun],
            )
    return router


def _endpoint(noun: str, op: Operation) -> Callable[..., Any]:
    """A function whose signature FastAPI reads as we mean it: path, then one strict model."""

    def endpoint(**received: Any) -> Any:
        request: Request = received.pop("request")
        given = received.pop("given", None)
        arguments = {} if given is None else {p.name: getattr(given, p.name) for p in op.given}
        service = getattr(platform_of(request, Role.VIEWER), noun)
        key = request.headers.get("idempotency-key", "")
        with idempotent(key) if key else nullcontext():
            return getattr(service, op.name)(**received, **arguments)

    parameters = [inspect.Parameter("request", inspect.Parameter.KEYWORD_ONLY, annotation=Request)]
    parameters += [p.replace(kind=p.KEYWORD_ONLY) for p in op.in_path]
    if op.given:
        sent: Any = op.request
        annotation = Annotated[sent, Query()] if op.verb in ("GET", "DELETE") else sent
        parameters.append(
            inspect.Parameter("given", inspect.Parameter.KEYWORD_ONLY, annotation=annotation)
        )
    endpoint.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    endpoint.__name__ = f"{noun}_{op.name}"
    return endpoint
