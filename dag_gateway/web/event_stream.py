"""Server-Sent Events as an ASGI response: besides the request's own task there is one that waits for the client to go.

sse-starlette's response has four tasks and several timers per stream, which ten thousand idle streams pay for.
"""

import asyncio

from starlette.types import Message, Receive, Scope, Send

from dag_gateway.deployments.subscription import Subscription

_HEADERS = (
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"cache-control", b"no-store"),
    # Otherwise nginx holds events back until its buffer is full.
    (b"x-accel-buffering", b"no"),
)
_END: Message = {"type": "http.response.body", "body": b"", "more_body": False}


class EventStream:
    """The frames of a subscription as they come; it is closed when the client has them all, or has gone.

    A client that takes nothing has gone once the connection says so, see ``connection.DoorProtocol``.
    """

    def __init__(self, frames: Subscription) -> None:
        self._frames = frames

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            # A list of its own: middleware adds to it.
            await send({"type": "http.response.start", "status": 200, "headers": [*_HEADERS]})
            if scope["method"] != "HEAD":
                await self._while_listened_to(receive, send)
            await send(_END)
        finally:
            self._frames.close()

    async def _while_listened_to(self, receive: Receive, send: Send) -> None:
        watching = asyncio.create_task(self._close_once_gone(receive))
        try:
            await self._hand_over(send)
        finally:
            watching.cancel()
            await asyncio.wait([watching])

    async def _hand_over(self, send: Send) -> None:
        async for frame in self._frames:
            await send({"type": "http.response.body", "body": frame, "more_body": True})

    async def _close_once_gone(self, receive: Receive) -> None:
        while (await receive())["type"] != "http.disconnect":
            pass
        self._frames.close()
