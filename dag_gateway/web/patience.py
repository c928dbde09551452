"""How long a request may take: its answer once the body is there, and the body itself."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from functools import wraps

from starlette.requests import Request
from starlette.responses import Response

from dag_gateway.config import LimitSettings
from dag_gateway.errors import TooSlow, Unavailable

from .doors import doors

Handler = Callable[[Request], Awaitable[Response]]


class RequestTimeout(Unavailable):
    """The answer took too long; the message says what was waited for."""

    code = "request_timeout"


class Patience:
    """The time of one request. It stands still while the client sends, and ends when something is being stored."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._timeout = asyncio.timeout(seconds)
        self._what = "the gateway itself"

    def waits_for(self, what: str) -> None:
        """Tell what the time is spent on from now on."""
        self._what = what

    @contextmanager
    def paused(self) -> Iterator[None]:
        """The time begins anew after the block; who fails in it needs none."""
        self._timeout.reschedule(None)
        yield
        self._timeout.reschedule(asyncio.get_running_loop().time() + self._seconds)

    def end(self) -> None:
        """From here on the answer comes when it comes: the store has limits of its own, and keeps its word."""
        self._timeout.reschedule(None)

    async def spend(self, work: Awaitable[Response]) -> Response:
        """The answer. Raises RequestTimeout."""
        try:
            async with self._timeout:
                return await work
        except TimeoutError as error:
            if not self._timeout.expired():
                raise
            waited = f"{self._seconds:g} s (server.limits.request_time)"
            raise RequestTimeout(f"gave up waiting for {self._what} after {waited}; try again") from error


def timed(handler: Handler) -> Handler:
    """Bound the time of a handler by ``server.limits.request_time``; for everything that is not a stream."""

    @wraps(handler)
    async def in_time(request: Request) -> Response:
        request.state.patience = Patience(doors(request).config.server.limits.request_time)
        return await patience(request).spend(handler(request))

    return in_time


def patience(request: Request) -> Patience:
    """That of a request whose handler is ``timed``."""
    found = request.state.patience
    if not isinstance(found, Patience):
        raise TypeError("the handler is not timed")
    return found


async def arriving(request: Request) -> AsyncIterator[bytes]:
    """The body piece by piece. Raises TooSlow when a piece, or what came so far, does not come in time."""
    limits = doors(request).config.server.limits
    clock = asyncio.get_running_loop().time
    began, received = clock(), 0
    pieces = request.stream()
    with patience(request).paused():
        while True:
            try:
                async with asyncio.timeout_at(began + _longest(received, clock() - began, limits)):
                    piece = await anext(pieces, None)
            except TimeoutError:
                raise _too_slow(limits) from None
            if piece is None:
                return
            received += len(piece)
            yield piece


def _longest(received: int, passed: float, limits: LimitSettings) -> float:
    """Until when the next piece has to come, in seconds from the first.

    The pace is that of the largest upload within ``body_time``: who holds a place has to make use of it.
    """
    at_this_pace = limits.body_idle + received * limits.body_time / limits.upload
    return min(passed + limits.body_idle, at_this_pace, limits.body_time)


def _too_slow(limits: LimitSettings) -> TooSlow:
    pace = limits.upload / limits.body_time
    return TooSlow(
        f"the body did not come in time: a piece every {limits.body_idle:g} s (server.limits.body_idle), after that "
        f"at least {pace:.0f} bytes a second, all of it within {limits.body_time:g} s (server.limits.body_time)"
    )
