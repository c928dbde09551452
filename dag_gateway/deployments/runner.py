"""Carries every accepted deployment to its end: picks up from the store, one lane per environment until the push."""

import asyncio
from weakref import WeakValueDictionary

import structlog

from dag_gateway.errors import Temporary
from dag_gateway.model.deployment import BEFORE_PUSH, Deployment
from dag_gateway.store import LostRace, StoreUnavailable

from .journal import Journal, environment_key
from .pipeline import advance
from .tools import Tools

log = structlog.get_logger(__name__)

_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 30.0
ACCEPTED = "accepted"


class Runner:
    """``run`` lives as long as the process; cancelling it leaves all work to the next start."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools
        self._lanes: WeakValueDictionary[tuple[str, str], asyncio.Lock] = WeakValueDictionary()
        self._picked_up = 0

    async def run(self) -> None:
        """Pick up what a former process left, then whatever is accepted, in order of acceptance."""
        resumed = True
        async with asyncio.TaskGroup() as group:
            while True:
                ticket = self._tools.signals.ticket(ACCEPTED)
                for deployment in await self._accepted():
                    group.create_task(self._carry(deployment, resumed=resumed))
                    self._picked_up = deployment.number
                resumed = False
                await ticket.wait()

    async def _accepted(self) -> list[Deployment]:
        pauses = _Pauses(self._tools)
        while True:
            try:
                return list(await self._tools.store.unfinished(after=self._picked_up))
            except StoreUnavailable as error:
                await pauses.after(error)

    async def _carry(self, deployment: Deployment, *, resumed: bool) -> None:
        tools, pauses = self._tools, _Pauses(self._tools)
        while not deployment.status.terminal:
            journal = Journal(deployment, tools.store, tools.signals, tools.clock, resumed=resumed)
            try:
                return await self._to_the_end(journal)
            except LostRace as error:
                log.warning("left to whoever moved it", deployment=deployment.id, why=error.message)
                return None
            except Temporary as error:
                await pauses.after(error)
            except Exception as error:
                log.exception("a deployment could not be carried on; trying again", deployment=deployment.id)
                await pauses.after(error)
            # Whether the last write arrived is not known: only the store can tell where the deployment stands.
            deployment, resumed = await self._reload(deployment), True
        return None

    async def _reload(self, deployment: Deployment) -> Deployment:
        pauses = _Pauses(self._tools)
        while True:
            try:
                return (await self._tools.store.get(deployment.id)).deployment
            except StoreUnavailable as error:
                await pauses.after(error)

    async def _to_the_end(self, journal: Journal) -> None:
        if journal.deployment.status in BEFORE_PUSH:
            async with self._lane(journal.deployment):
                while journal.deployment.status in BEFORE_PUSH:
                    await advance(journal, self._tools)
        while not journal.deployment.status.terminal:
            await advance(journal, self._tools)

    def _lane(self, deployment: Deployment) -> asyncio.Lock:
        """asyncio's lock is first come, first served: the order of acceptance becomes the order of pushes."""
        key = environment_key(deployment)
        lane = self._lanes.get(key)
        if lane is None:
            lane = self._lanes[key] = asyncio.Lock()
        return lane


class _Pauses:
    """Growing pauses between tries."""

    def __init__(self, tools: Tools) -> None:
        self._clock = tools.clock
        self._next = _FIRST_PAUSE

    async def after(self, error: Exception) -> None:
        log.warning("going on later", seconds=self._next, why=str(error))
        await self._clock.sleep(self._next)
        self._next = min(2 * self._next, _LONGEST_PAUSE)
