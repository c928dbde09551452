"""The gateway's own edge to a cluster at some address, opened for one test."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from pydantic import SecretStr

from dag_gateway.clusters.api import Api
from dag_gateway.clusters.connection import connect
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
