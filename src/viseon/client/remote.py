"""Turns each operation into an HTTP call with the same signature and the same errors."""

import uuid
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import httpx

from viseon.client.errors import checked
from viseon.client.http_blobs import HttpBlobs
from viseon.jobs import follow
from viseon.operation import Operation, operations
from viseon.platform import SERVICES, Platform
from viseon.schema import Job, Unavailable

PATIENCE = httpx.Timeout(60, read=600)
"""Seconds; only an answer may take long, such as a commit of many pictures."""
RETRIES = 3
"""How often a request is repeated when the connection breaks; its idempotency key makes it safe."""


def connect(
    url: str, *, token: str = "", workspace: str | None = None, http: httpx.Client | None = None
) -> Platform:
    """The platform served at `url`. Use it exactly as you would a local one.

    `workspace` lets an admin of the whole installation enter a workspace other than the token's.
    """
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    http = http or httpx.Client(base_url=url, headers=headers, timeout=PATIENCE, trust_env=False)
    base = f"/v1/workspaces/{workspace}" if workspace else "/v1"

    def make(noun: str) -> Any:
        service = _remote(SERVICES[noun], http, base)
        service._follow = lambda *args, **kwargs: follow(platform.jobs, *args, **kwargs)
        return service

    platform = Platform(HttpBlobs(http, base), make)
    return platform


def _remote(service: type, http: httpx.Client, base: str) -> Any:
    """An instance of `service` whose ports are elsewhere and whose operations call there."""
    stub: Any = object.__new__(service)
    for op in operations(service):
        setattr(stub, op.name, _call(stub, op, http, base))
    return stub


def _call(stub: Any, op: Operation, http: httpx.Client, base: str) -> Callable[..., Any]:
    in_path = [p.name for p in op.in_path]

    def call(*args: Any, **kwargs: Any) -> Any:
        given = op.plain(op.check(op.signature.bind(*args, **kwargs).arguments))
        filled = {name: quote(str(given.pop(name)), safe="") for name in in_path}
        url = f"{base}{op.path.format_map(filled)}"
        answer = op.answer.validate_json(_send(http, op, url, given).content)
        return answer.bound(stub._follow) if isinstance(answer, Job) else answer

    call.__name__, call.__doc__ = op.name, op.help
    return call


def _send(http: httpx.Client, op: Operation, url: str, given: dict[str, Any]) -> httpx.Response:
    sent: dict[str, Any] = {}
    if op.verb in ("GET", "DELETE"):
        sent["params"] = {k: v for k, v in given.items() if v is not None}
    elif op.given:
        sent["json"] = given
    if op.verb != "GET":
        sent["headers"] = {"Idempotency-Key": str(uuid.uuid4())}
    for attempt in range(RETRIES):
        try:
            return checked(http.request(op.verb, url, **sent))
        except httpx.TransportError as error:
            if attempt == RETRIES - 1:
                raise Unavailable(
                    f"{http.base_url} does not answer: {error}", fix="is `viseon serve` running?"
                ) from error
    raise AssertionError("unreachable")
