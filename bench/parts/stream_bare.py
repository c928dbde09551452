"""The floor: the framework's own streaming response, with the same frames, and nothing behind it."""

import asyncio
import time
from collections.abc import AsyncIterator

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import StreamingResponse
from starlette.routing import Route

from dag_gateway.cli.logs import configure_logs
from dag_gateway.cli.server import GatewayServer
from dag_gateway.clock import SystemClock
from dag_gateway.model.deployment import Deployment, Status
from dag_gateway.model.event import sse, status_news, target_news
from dag_gateway.web.listener import listen
from tests.fakes.deployments import a_deployment

from .stream_process import Stamp, moved, serve


class Told:
    """One deployment: its frames, and an event that is set when there are more."""

    def __init__(self, deployment: Deployment) -> None:
        self.deployment = deployment
        self.frames = [sse(target_news(deployment.targets[0], deployment.accepted_at))]
        self.more = asyncio.Event()
        self.events = 0
        self.tell(deployment)

    def tell(self, deployment: Deployment) -> None:
        self.deployment = deployment
        self.events += 1
        self.frames.append(sse(status_news(deployment, SystemClock().now()), self.events))
        self.more.set()
        self.more = asyncio.Event()

    async def stream(self) -> AsyncIterator[bytes]:
        position = 0
        while True:
            while position < len(self.frames):
                yield self.frames[position]
                position += 1
            if self.deployment.status.terminal:
                return
            await self.more.wait()


class Bare:
    """All of them."""

    def __init__(self) -> None:
        self._told: list[Told] = []

    async def put(self, count: int) -> list[str]:
        now = SystemClock().now()
        self._told = [Told(a_deployment(id=str(number), accepted_at=now)) for number in range(count)]
        return [told.deployment.id for told in self._told]

    async def move(self, number: int, status: Status) -> Stamp:
        told, at = self._told[number], time.monotonic()
        told.tell(moved(told.deployment, status))
        return {"deployment": number, "at": at, "written": at}

    async def stream(self, request: Request) -> StreamingResponse:
        told = self._told[int(request.path_params["id"])]
        return StreamingResponse(told.stream(), media_type="text/event-stream")


async def main() -> None:
    configure_logs()
    bare = Bare()
    application = Starlette(routes=[Route("/api/deployments/{id}/events", bare.stream)])
    config = uvicorn.Config(application, lifespan="off", log_config=None, access_log=False, ws="none")
    await serve(GatewayServer(config, _nothing, _nothing), listen("127.0.0.1", 0), bare)


def _nothing() -> None:
    """There is nothing to drain."""


if __name__ == "__main__":
    asyncio.run(main())
