"""Every request has an id, in the answer and on every log line; one log line tells how it went.

Bugs end here too: any further out, neither their answer nor their log line would carry the id.
"""

import re
import time
from uuid import uuid4

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

log = structlog.get_logger(__name__)

_SANE = re.compile(r"[A-Za-z0-9._-]{1,128}", re.ASCII)


def request_id(given: str | None) -> str:
    """The id that the client gave, if it can do no harm in a log, else a new one."""
    return given if given is not None and _SANE.fullmatch(given) else uuid4().hex


class RequestIdMiddleware:
    """Around everything that can answer or fail."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        identifier = request_id(Headers(scope=scope).get("x-request-id"))
        scope["request_id"] = identifier
        began, status = time.monotonic(), 0

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                headers["X-Request-ID"] = identifier
                headers["X-Content-Type-Options"] = "nosniff"
            await send(message)

        with structlog.contextvars.bound_contextvars(request_id=identifier):
            try:
                await self._app(scope, receive, send_with_id)
            except Exception:
                log.exception("a request failed unexpectedly", path=scope["path"])
                if status:
                    raise
                await _internal_error(identifier)(scope, receive, send_with_id)
            finally:
                seconds = round(time.monotonic() - began, 4)
                log.info("request", method=scope["method"], path=scope["path"], status=status, seconds=seconds)


def _internal_error(identifier: str) -> JSONResponse:
    """The log has the rest under the id; the answer tells nothing else."""
    body = {"error": f"internal error; the gateway's log has it under {identifier}", "code": "internal"}
    return JSONResponse(body, 500)
