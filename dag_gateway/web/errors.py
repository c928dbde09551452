"""One shape for all errors: ``{"error": what, "code": stable}``, with the status of its family."""

import math
from collections.abc import Mapping
from typing import Any

import structlog
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response

from dag_gateway.errors import (
    Conflict,
    Forbidden,
    GatewayError,
    Invalid,
    NotFound,
    Temporary,
    TooLarge,
    TooMany,
    TooSlow,
    Unavailable,
    Unverified,
    WrongMediaType,
)
from dag_gateway.model.reason import StepFailed

from .head import TooManyHeaders, UrlTooLong

log = structlog.get_logger(__name__)

STATUS: Mapping[type[GatewayError], int] = {
    Invalid: 400,
    Unverified: 401,
    Forbidden: 403,
    NotFound: 404,
    TooSlow: 408,
    UrlTooLong: 414,
    TooManyHeaders: 431,
    TooLarge: 413,
    WrongMediaType: 415,
    Conflict: 422,
    StepFailed: 400,
    TooMany: 429,
    Unavailable: 503,
}

_CODES = {404: "no_such_route", 405: "method_not_allowed"}


def status_of(error: GatewayError) -> int:
    """The HTTP status of the error's family; 500 for one that has none."""
    return next((status for family, status in STATUS.items() if isinstance(error, family)), 500)


async def on_gateway_error(request: Request, error: Exception) -> Response:
    """What was raised on purpose."""
    if not isinstance(error, GatewayError):
        raise error
    return error_answer(error)


def error_answer(error: GatewayError, headers: Mapping[str, str] | None = None) -> Response:
    """The error in the one shape, with ``headers`` beside those that belong to it."""
    body: dict[str, Any] = {"error": error.message, "code": error.code}
    if error.details:
        body["details"] = dict(error.details)
    return JSONResponse(body, status_of(error), _headers(error) | dict(headers or {}))


def _headers(error: GatewayError) -> dict[str, str]:
    if isinstance(error, Temporary):
        return {"Retry-After": str(math.ceil(error.retry_after))}
    if isinstance(error, Unverified):
        # RFC 9110, section 15.5.2: a 401 says how to show who one is.
        return {"WWW-Authenticate": 'Bearer realm="dag-gateway"'}
    # The rest of a body that comes too slowly is not waited for.
    return {"Connection": "close"} if isinstance(error, TooSlow) else {}


async def on_http_error(request: Request, error: Exception) -> Response:
    """What the framework refuses: no such route, no such method."""
    if not isinstance(error, HTTPException):
        raise error
    # Not request.url: that is built from what the client says of the host.
    path = request.scope["path"]
    texts = {404: f"there is nothing at {path}", 405: f"{path} does not take {request.method}"}
    body = {"error": texts.get(error.status_code, error.detail), "code": _CODES.get(error.status_code, "http_error")}
    return JSONResponse(body, error.status_code, error.headers)


async def on_disconnect(request: Request, error: Exception) -> Response:
    """The client left in the middle of its upload: nobody reads the answer, and nothing was accepted."""
    log.info("the client left before its request was complete", path=request.scope["path"])
    return JSONResponse({"error": "the request was not complete", "code": "incomplete_request"}, 400)


HANDLERS = {
    GatewayError: on_gateway_error,
    HTTPException: on_http_error,
    ClientDisconnect: on_disconnect,
}
