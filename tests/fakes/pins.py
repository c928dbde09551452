"""A verifier with pins that are forgotten at its end, for tests that are about something else."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from dag_gateway.clock import SystemClock
from dag_gateway.config import Config
from dag_gateway.forges import Verifier
from dag_gateway.model.identity import SourceProject


class PinsInMemory:
    """As the store keeps them, without a store."""

    def __init__(self) -> None:
        self.pinned: dict[SourceProject, str] = {}

    async def find(self, source: SourceProject) -> str | None:
        return self.pinned.get(source)

    async def pin(self, source: SourceProject, project_id: str, *, replace: bool = False) -> str:
        if replace:
            self.pinned[source] = project_id
        return self.pinned.setdefault(source, project_id)


@asynccontextmanager
async def a_verifier(config: Config) -> AsyncIterator[Verifier]:
    async with Verifier(config, PinsInMemory(), SystemClock()) as verifier:
        yield verifier
