"""One connection of the server: slow, crowded and malformed ones end with a clear answer."""

import asyncio
import json
import sys
from collections.abc import Callable
from typing import Any, cast
from uuid import uuid4

import h11
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.config import Config
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

from dag_gateway.config import LimitSettings
from dag_gateway.errors import Unavailable

from .errors import error_answer
from .suspects import Suspects

# How long, in seconds, a client may go on sending what was refused already, so that it comes to read the answer;
# no longer than it may take for a head.
_LINGER = 5.0
# How long, in seconds, a suspect waits for the answer to what is not HTTP: it sends no more of it meanwhile.
_PAUSE = 1.0
# Connections beyond the limit that are told so; further ones are cut off.
_TOLD = 200
_PROBES = ("/livez", "/readyz")

_REASONS = {
    400: ("malformed_request", "the request is not well-formed HTTP/1.1"),
    408: ("too_slow", "request line and headers did not come in time (server.limits.head_time)"),
    431: ("head_too_large", "request line and headers are over the limit (server.limits.head)"),
    501: ("malformed_request", "of the transfer encodings only chunked is understood"),
}


class Crowded(Unavailable):
    """The process has as many connections open as it may."""

    code = "too_many_connections"


def door_protocol(limits: LimitSettings, connections: int, suspects: Suspects) -> type[asyncio.Protocol]:
    """What uvicorn makes for each connection; ``connections`` is how many there may be."""

    class Configured(DoorProtocol):
        def __init__(self, *args: Any, **kwargs: Any) -> None:
            super().__init__(limits, connections, suspects, *args, **kwargs)

    return Configured


class DoorProtocol(H11Protocol):
    """uvicorn bounds the pause between two requests only; this bounds the rest of a connection's life too."""

    def __init__(
        self,
        limits: LimitSettings,
        most: int,
        suspects: Suspects,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._limits = limits
        self._linger = min(_LINGER, limits.head_time)
        self._most = most
        self._suspects = suspects
        self._refused = False
        self._sending = _Timer(self.loop)
        self._taking = _Timer(self.loop)

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn declares it
        super().connection_made(transport)
        self.transport = cast("asyncio.Transport", _PoliteTransport(transport, self._hang_up))
        if len(self.connections) > self._most + _TOLD:
            transport.abort()
            return
        if len(self.connections) > self._most:
            self.app = crowded(self.app)
        self._sending.start(self._limits.head_time, self._head_is_late)

    def connection_lost(self, exc: Exception | None) -> None:
        self._sending.stop()
        self._taking.stop()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        if self._refused:
            return
        super().data_received(data)
        self._mind_the_head()

    def _mind_the_head(self) -> None:
        """Its time begins with its first bytes and ends with its last. A refusal has a time of its own."""
        if self._refused:
            return
        if self.conn.their_state is h11.IDLE:
            self._sending.start(self._limits.head_time, self._head_is_late)
        elif self.conn.our_state is h11.SEND_RESPONSE:
            self._sending.stop()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if self.conn.their_state is h11.SEND_BODY and not self.transport.is_closing():
            self._sending.restart(self._linger, self.transport.close)

    def _hang_up(self, transport: asyncio.Transport) -> None:
        """Close; but to close over bytes that nobody has read resets the connection, and the answer with it."""
        if self.conn.their_state is h11.SEND_BODY and not self._refused:
            self._refused = True
            self.flow.resume_reading()
            transport.write_eof()
            self._sending.restart(self._linger, transport.close)
        else:
            transport.close()

    def pause_writing(self) -> None:
        super().pause_writing()
        self._taking.restart(self._limits.answer_idle, self.transport.abort)

    def resume_writing(self) -> None:
        super().resume_writing()
        self._taking.stop()

    def send_400_response(self, msg: str) -> None:
        """uvicorn calls this while it handles h11's refusal, which knows the status."""
        error = sys.exception()
        self._refuse(error.error_status_hint if isinstance(error, h11.RemoteProtocolError) else 400)

    def _head_is_late(self) -> None:
        if self.conn.trailing_data[0]:
            self._refuse(408)
        else:
            self.transport.close()

    def _refuse(self, status: int) -> None:
        """Answer and close; what the client still sends meanwhile is thrown away, so that it reads the answer."""
        if self.conn.our_state not in (h11.IDLE, h11.SEND_RESPONSE):
            self.transport.close()
            return
        self._refused = True
        if self.cycle is not None:
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        self.flow.resume_reading()
        peer = self.client[0] if self.client else ""
        if self._suspects.has(peer):
            self._sending.restart(_PAUSE, self._write_refusal, status)
        else:
            self._write_refusal(status)
        self._suspects.count(peer)

    def _write_refusal(self, status: int) -> None:
        code, text = _REASONS.get(status, _REASONS[400])
        body = json.dumps({"error": text, "code": code}).encode()
        headers = [
            ("Content-Type", "application/json"),
            ("Content-Length", str(len(body))),
            ("X-Content-Type-Options", "nosniff"),
            ("X-Request-ID", uuid4().hex),
            ("Connection", "close"),
        ]
        events = (h11.Response(status_code=status, headers=headers), h11.Data(data=body), h11.EndOfMessage())
        self.transport.write(b"".join(self.conn.send(event) or b"" for event in events))
        self.transport.write_eof()
        self._sending.restart(self._linger, self.transport.close)


class _PoliteTransport:
    """The transport of a connection, but closed by ``hang_up``."""

    def __init__(self, transport: asyncio.Transport, hang_up: Callable[[asyncio.Transport], None]) -> None:
        self._transport = transport
        self._hang_up = hang_up

    def close(self) -> None:
        self._hang_up(self._transport)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)


class _Timer:
    """One thing that happens later, unless it is stopped."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._handle: asyncio.TimerHandle | None = None

    def start(self, seconds: float, action: Callable[..., None], *arguments: object) -> None:
        """No later than a call that is already under way."""
        if self._handle is None:
            self._handle = self._loop.call_later(seconds, action, *arguments)

    def restart(self, seconds: float, action: Callable[..., None], *arguments: object) -> None:
        self.stop()
        self.start(seconds, action, *arguments)

    def stop(self) -> None:
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None


def crowded(app: ASGIApp) -> ASGIApp:
    """``app`` for a connection over the limit: only the probes are answered, or a crowd would restart the process."""

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] in _PROBES:
            await app(scope, receive, send)
        else:
            error = Crowded("the gateway has as many connections open as it may (server.limits.connections); try again")
            await error_answer(error, {"Connection": "close", "X-Request-ID": uuid4().hex})(scope, receive, send)

    return answer
