"""Every error as a problem document (RFC 9457): what was expected, what was found.

ApiError
├── BadQueryError     422  a parameter is not what it must be
├── UnknownAskerError 401  nobody knows who asks
├── ForbiddenError    403  who asks may not
├── NotFoundError     404  there is no such thing
├── ConflictError     409  not now: something else is under way
├── TooManyError      429  not so often
└── NotNowError       503  what is needed for it is away
"""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import structlog
from fastapi import FastAPI, Request, WebSocket
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException
from starlette.requests import HTTPConnection

from ingest.errors import StoreUnavailable

MEDIA_TYPE = "application/problem+json"
log = structlog.get_logger("emscher.api")

_FIELDS = {
    "type": {"type": "string", "example": "about:blank"},
    "title": {"type": "string", "example": "Unprocessable Content"},
    "status": {"type": "integer", "example": 422},
    "detail": {"type": "string", "example": 'start: expected a time …, found "yesterday"'},
    "instance": {"type": "string", "example": "/v1/readings"},
    "errors": {"type": "array", "items": {"type": "object"}},
}
SCHEMA: dict[str, Any] = {
    "description": "What is wrong, as a problem document (RFC 9457)",
    "content": {
        MEDIA_TYPE: {
            "schema": {
                "type": "object",
                "required": ["type", "title", "status"],
                "properties": _FIELDS,
            }
        }
    },
}


class ApiError(Exception):
    """What a client is told with a status of its own."""

    status = HTTPStatus.INTERNAL_SERVER_ERROR

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


class BadQueryError(ApiError):
    """A parameter is not what it must be."""

    status = HTTPStatus.UNPROCESSABLE_ENTITY

    def __init__(self, name: str, expected: str, found: object) -> None:
        super().__init__(f'{name}: expected {expected}, found "{str(found)[:80]}"')


class UnknownAskerError(ApiError):
    """Nobody knows who asks."""

    status = HTTPStatus.UNAUTHORIZED


class ForbiddenError(ApiError):
    """Who asks is known, and may not."""

    status = HTTPStatus.FORBIDDEN


class TooManyError(ApiError):
    """Who asks has asked too often; `wait_s` says when to come again."""

    status = HTTPStatus.TOO_MANY_REQUESTS

    def __init__(self, detail: str, wait_s: int) -> None:
        super().__init__(detail)
        self.wait_s = wait_s


class NotNowError(ApiError):
    """What is needed for it is away."""

    status = HTTPStatus.SERVICE_UNAVAILABLE


class NotFoundError(ApiError):
    """There is no such thing here."""

    status = HTTPStatus.NOT_FOUND


class ConflictError(ApiError):
    """Something else that is under way stands against it."""

    status = HTTPStatus.CONFLICT


def problem(request: HTTPConnection, status: int, detail: str, **more: object) -> JSONResponse:
    """Return a problem document as the answer to a request."""
    body = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": int(status),
        "detail": detail,
        "instance": request.url.path,
    }
    return JSONResponse({**body, **more}, status_code=status, media_type=MEDIA_TYPE)


def told(request: HTTPConnection, error: ApiError) -> JSONResponse:
    """Return what a client is told of an error, with the headers that belong to it."""
    answer = problem(request, error.status, error.detail)
    if isinstance(error, UnknownAskerError):
        answer.headers["WWW-Authenticate"] = 'Bearer realm="emscher"'
    if isinstance(error, TooManyError):
        answer.headers["Retry-After"] = str(error.wait_s)
    return answer


def install(app: FastAPI, headers: Mapping[str, str]) -> None:
    """Answer every error of this application with a problem document.

    headers  what an answer carries that no middleware sees any more: the one to our own fault
    """

    @app.exception_handler(ApiError)
    async def _(request: HTTPConnection, error: ApiError) -> JSONResponse | None:
        if isinstance(request, WebSocket):
            await request.send_denial_response(told(request, error))
            return None
        return told(request, error)

    @app.exception_handler(RequestValidationError)
    async def _(request: Request, error: RequestValidationError) -> JSONResponse:
        errors = [_told(one) for one in error.errors()]
        detail = "; ".join(
            f"{e['parameter']}: expected {e['expected']}, found {e['found']}" for e in errors
        )
        return problem(request, HTTPStatus.UNPROCESSABLE_ENTITY, detail, errors=errors)

    @app.exception_handler(HTTPException)
    async def _(request: Request, error: HTTPException) -> JSONResponse:
        detail = str(error.detail)
        headers = dict(error.headers or {})
        if error.status_code == HTTPStatus.NOT_FOUND:
            detail = f"nothing lies at {request.url.path}; /docs lists what can be asked"
        elif error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
            methods = headers.get("Allow", "GET")
            detail = f"method: expected {methods}, found {request.method}"
        answer = problem(request, error.status_code, detail)
        answer.headers.update(headers)
        return answer

    @app.exception_handler(StoreUnavailable)
    async def _(request: Request, error: StoreUnavailable) -> JSONResponse:
        detail = f"{error}; try again soon"
        answer = problem(request, HTTPStatus.SERVICE_UNAVAILABLE, detail)
        answer.headers["Retry-After"] = "2"
        return answer

    @app.exception_handler(Exception)
    async def _(request: Request, error: Exception) -> JSONResponse:
        log.error("a request failed", path=request.url.path, exc_info=error)
        detail = "Emscher failed to answer; its log says why"
        answer = problem(request, HTTPStatus.INTERNAL_SERVER_ERROR, detail)
        answer.headers.update(headers)
        return answer


def _told(error: Mapping[str, Any]) -> dict[str, str]:
    """Return what the validation of a parameter says in this API's words."""
    name = str(error["loc"][-1])
    if error["type"] == "json_invalid":
        return {"parameter": "body", "expected": "JSON", "found": f'"{error["ctx"]["error"]}"'}
    if error["type"] == "missing":
        return {"parameter": name, "expected": "a value", "found": "none"}
    expected = str(error["msg"]).removeprefix("Input should be ").split(", unable to")[0]
    typed = str(error.get("input"))[:80].encode(errors="backslashreplace").decode()
    found = f'"{typed}"'
    return {"parameter": name, "expected": expected, "found": found}
