"""The OpenAPI document: what FastAPI derives, told as it is, with examples that run."""

from collections.abc import Iterator
from typing import Any

from fastapi import FastAPI

from viseon.rest.examples import BODIES, PARAMETERS, PLACES

Document = dict[str, Any]

_PROBLEM: Document = {
    "title": "Problem",
    "description": "What went wrong, and what to do about it (RFC 9457).",
    "type": "object",
    "required": ["type", "title", "status", "detail", "code", "message", "fix"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "code": {"type": "string", "description": "For programs; it does not change."},
        "message": {"type": "string"},
        "fix": {"type": "string", "description": "What to do; may be empty."},
    },
}
_REFUSED: Document = {
    "description": "Any refusal. With 503, `Retry-After` says in how many seconds to come again.",
    "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
}
BYTES: Document = {
    "required": True,
    "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
}
"""A request body of bytes."""


class Application(FastAPI):
    """FastAPI, but its document speaks of problems and has examples."""

    def openapi(self) -> Document:
        """The document, made once."""
        if self.openapi_schema is None:
            self.openapi_schema = _finished(super().openapi())
        return self.openapi_schema


def inlined(schema: Document) -> Document:
    """A JSON Schema without `$defs`: each reference is replaced by what it means."""
    known = schema.get("$defs", {})

    def plain(value: Any) -> Any:
        if isinstance(value, list):
            return [plain(entry) for entry in value]
        if not isinstance(value, dict):
            return value
        if "$ref" in value:
            return plain(known[value["$ref"].removeprefix("#/$defs/")])
        return {key: plain(entry) for key, entry in value.items() if key != "$defs"}

    found: Document = plain(schema)
    return found


def _finished(document: Document) -> Document:
    schemas = document.setdefault("components", {}).setdefault("schemas", {})
    for unused in ("HTTPValidationError", "ValidationError"):
        schemas.pop(unused, None)
    schemas["Problem"] = _PROBLEM
    for operation in _operations(document):
        operation["responses"].pop("422", None)
        operation["responses"].setdefault("default", _REFUSED)
        known = PARAMETERS | PLACES.get(operation["operationId"], {})
        for parameter in operation.get("parameters", ()):
            if parameter["in"] == "path" and parameter["name"] in known:
                parameter["example"] = known[parameter["name"]]
        if operation["operationId"] in BODIES:
            body = operation["requestBody"]["content"]["application/json"]
            body["example"] = BODIES[operation["operationId"]]
    return document


def _operations(document: Document) -> Iterator[Document]:
    for verbs in document["paths"].values():
        yield from verbs.values()
