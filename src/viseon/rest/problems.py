"""Errors on the wire: RFC 9457 problem documents with a code and a fix."""

import logging
from collections.abc import Awaitable, Callable
from http import HTTPStatus

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from viseon.schema import Busy, Invalid, ViseonError

log = logging.getLogger("viseon.rest")
Handler = Callable[[Request, Exception], Awaitable[Response]]


def add_problem_handlers(app: FastAPI) -> None:
    """Every error, foreseen or not, is answered with a problem document."""
    app.add_exception_handler(ViseonError, _ours)
    app.add_exception_handler(RequestValidationError, _unreadable)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(Exception, _bug)


def problem(error: ViseonError) -> JSONResponse:
    """The document for one of our errors."""
    headers = {"Retry-After": str(error.retry_s)} if isinstance(error, Busy) else None
    return _document(error.status, error.code, error.message, error.fix, headers)


def _document(
    status: int, code: str, message: str, fix: str = "", headers: dict[str, str] | None = None
) -> JSONResponse:
    body = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": f"{message} ({fix})" if fix else message,
        "code": code,
        "message": message,
        "fix": fix,
    }
    return JSONResponse(body, status, headers, media_type="application/problem+json")


async def _ours(_: Request, error: Exception) -> Response:
    assert isinstance(error, ViseonError)  # noqa: S101 (registered for nothing else)
    return problem(error)


async def _unreadable(_: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)  # noqa: S101
    return problem(Invalid.because(error.errors()[0]))


async def _http(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101
    codes = {404: "not_found", 405: "not_allowed"}
    code = codes.get(error.status_code, "invalid")
    return _document(error.status_code, code, str(error.detail), headers=dict(error.headers or {}))


async def _bug(request: Request, error: Exception) -> Response:
    log.error("rest.bug", exc_info=error, extra={"path": request.url.path})
    return _document(500, "bug", "something went wrong inside the server", "see the server's log")
