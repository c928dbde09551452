"""What every request passes first: its client gets an address, suspects wait, and its head is checked."""

from contextlib import AbstractAsyncContextManager, AsyncExitStack, nullcontext
from http import HTTPStatus

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from dag_gateway.config import ServerSettings
from dag_gateway.errors import GatewayError
from dag_gateway.model.audit import AuditEntry

from .client_address import address_behind
from .doors import Doors
from .errors import error_answer, status_of
from .head import check_head, values_of
from .suspects import Suspects

log = structlog.get_logger(__name__)

# Whoever watches over the process hears from it at once, also from where an attack comes from.
_PROBES = ("/livez", "/readyz", "/health", "/api/v1/health")


class DoorwayMiddleware:
    """Puts the address behind trusted proxies in place of the peer's, for everybody further in."""

    def __init__(self, app: ASGIApp, settings: ServerSettings, suspects: Suspects) -> None:
        self._app = app
        self._settings = settings
        self._suspects = suspects
        self._unknown_proxy_told = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        scope["client"] = client = self._client(scope)
        address = client[0] if client else ""
        async with AsyncExitStack() as place:
            send = self._answering(address, place, send)
            try:
                await place.enter_async_context(self._turn(address, scope["path"]))
                check_head(_url(scope), scope["headers"], self._settings.limits)
                await self._app(scope, receive, send)
            except GatewayError as error:
                _tell_audit(scope, address, error)
                # The body is not read, so nothing more can be understood on this connection.
                answer = error_answer(error, {"Connection": "close"})
                await answer(scope, receive, send)

    def _client(self, scope: Scope) -> tuple[str, int] | None:
        peer: tuple[str, int] | None = scope["client"]
        if peer is None:
            return None
        named = values_of(b"x-forwarded-for", scope["headers"])
        if named and not self._settings.trusted_proxies:
            self._tell_of_a_proxy(peer[0])
        return address_behind(peer[0], named, self._settings.trusted_proxies), peer[1]

    def _tell_of_a_proxy(self, peer: str) -> None:
        """Once: whoever forgot it finds the line, and nobody can fill the log with it."""
        if not self._unknown_proxy_told:
            self._unknown_proxy_told = True
            log.warning(
                "X-Forwarded-For came from an address that is not trusted; if it is a proxy, name it in "
                "server.trusted_proxies, or all its clients count as one",
                peer=peer,
            )

    def _turn(self, address: str, path: str) -> AbstractAsyncContextManager[None]:
        return nullcontext() if path in _PROBES else self._suspects.turn(address)

    def _answering(self, address: str, place: AsyncExitStack, send: Send) -> Send:
        """``send``, which counts refusals and gives the place back: an event stream may go on for hours."""

        async def answering(message: Message) -> None:
            if message["type"] == "http.response.start":
                if _is_refusal(message["status"]):
                    self._suspects.count(address)
                await place.aclose()
            await send(message)

        return answering


def _tell_audit(scope: Scope, address: str, error: GatewayError) -> None:
    """Nothing of the request is known but its head, which may be the very thing that is wrong."""
    found = getattr(scope["app"].state, "doors", None)
    if isinstance(found, Doors) and status_of(error) < HTTPStatus.INTERNAL_SERVER_ERROR:
        audit, message = found.audit, {"message": error.message}
        audit.tell(AuditEntry(audit.now(), "", address, "enter", error.code, scope["request_id"], message))


def _is_refusal(status: int) -> bool:
    """To be told to come again later is none."""
    return 400 <= status < 500 and status != HTTPStatus.TOO_MANY_REQUESTS


def _url(scope: Scope) -> bytes:
    path: bytes = scope["raw_path"]
    query: bytes = scope["query_string"]
    return path + b"?" + query if query else path
