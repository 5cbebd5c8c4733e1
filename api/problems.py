"""Every error as a problem document (RFC 9457): what was expected, what was found.

ApiError
├── BadQueryError   422  a parameter is not what it must be
└── NotFoundError   404  there is no such thing
"""

from http import HTTPStatus
from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

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


class NotFoundError(ApiError):
    """There is no such thing here."""

    status = HTTPStatus.NOT_FOUND


def problem(request: Request, status: int, detail: str, **more: object) -> JSONResponse:
    """Return a problem document as the answer to a request."""
    body = {
        "type": "about:blank",
        "title": HTTPStatus(status).phrase,
        "status": int(status),
        "detail": detail,
        "instance": request.url.path,
    }
    return JSONResponse({**body, **more}, status_code=status, media_type=MEDIA_TYPE)


def install(app: FastAPI) -> None:
    """Answer every error of this application with a problem document."""

    @app.exception_handler(ApiError)
    async def _(request: Request, error: ApiError) -> JSONResponse:
        return problem(request, error.status, error.detail)

    @app.exception_handler(RequestValidationError)
    async def _(request: Request, error: RequestValidationError) -> JSONResponse:
        errors = [
            {"parameter": str(e["loc"][-1]), "message": e["msg"], "found": str(e.get("input"))[:80]}
            for e in error.errors()
        ]
        detail = "; ".join(f"{e['parameter']}: {e['message']}" for e in errors)
        return problem(request, HTTPStatus.UNPROCESSABLE_ENTITY, detail, errors=errors)

    @app.exception_handler(HTTPException)
    async def _(request: Request, error: HTTPException) -> JSONResponse:
        detail = str(error.detail)
        if error.status_code == HTTPStatus.NOT_FOUND:
            detail = f"nothing lies at {request.url.path}; /docs lists what can be asked"
        answer = problem(request, error.status_code, detail)
        answer.headers.update(error.headers or {})
        return answer

    @app.exception_handler(StoreUnavailable)
    async def _(request: Request, error: StoreUnavailable) -> JSONResponse:
        return problem(request, HTTPStatus.SERVICE_UNAVAILABLE, f"{error}; try again soon")

    @app.exception_handler(Exception)
    async def _(request: Request, error: Exception) -> JSONResponse:
        log.error("a request failed", path=request.url.path, exc_info=error)
        detail = "Emscher failed to answer; its log says why"
        return problem(request, HTTPStatus.INTERNAL_SERVER_ERROR, detail)
