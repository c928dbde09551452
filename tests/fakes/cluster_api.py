"""The gateway's own edge to a cluster at some address, opened for one test."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import aclosing, asynccontextmanager
from typing import Any

from pydantic import SecretStr

from dag_gateway.clusters.api import Api
from dag_gateway.clusters.connection import connect
from dag_gateway.clusters.resources import DEPLOYMENTS, Selection
from dag_gateway.config import ClusterSettings


@asynccontextmanager
async def api_of(url: str, token: str, timeout: str = "10s", kind: type[Api] = Api) -> AsyncIterator[Api]:
    """The cluster ``production`` at ``url``; ``kind`` may be one that misbehaves."""
    settings = ClusterSettings.model_validate({"server": url, "token": SecretStr(token), "timeout": timeout})
    api = kind("production", await connect("production", settings), settings.timeout)
    try:
        yield api
    finally:
        await api.close()


def lagging(behind: asyncio.Event) -> type[Api]:
    """An edge whose watch of Deployments tells nothing before ``behind`` is set."""

    class LaggingApi(Api):
        async def events(self, selection: Selection, version: str) -> AsyncGenerator[Mapping[str, Any], None]:
            if selection.resource == DEPLOYMENTS:
                await behind.wait()
            async with aclosing(super().events(selection, version)) as events:
                async for event in events:
                    yield event

    return LaggingApi
