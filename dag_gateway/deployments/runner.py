"""Carries every accepted deployment to its end: picks up from the store, one lane per environment until the push."""

import asyncio
from collections.abc import Callable, Sequence
from weakref import WeakValueDictionary

import structlog

from dag_gateway.errors import Temporary
from dag_gateway.model.deployment import BEFORE_PUSH, Deployment, Status
from dag_gateway.store import DeploymentNotFound, LostRace

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

    async def _accepted(self) -> Sequence[Deployment]:
        pauses = _Pauses(self._tools)
        while True:
            try:
                return await self._tools.store.unfinished(after=self._picked_up)
            except Exception as error:
                await pauses.after(error)

    async def _carry(self, deployment: Deployment, *, resumed: bool) -> None:
        tools = self._tools
        journal = Journal(deployment, tools.store, tools.signals, tools.clock, resumed=resumed)
        try:
            if deployment.status in BEFORE_PUSH:
                # Held through every pause: otherwise a later deployment would be pushed first, and overwritten.
                async with self._lane(deployment):
                    await self._advance_until(journal, lambda status: status not in BEFORE_PUSH)
            await self._advance_until(journal, lambda status: status.terminal)
        except (LostRace, DeploymentNotFound) as error:
            log.warning("left to whoever moved it", deployment=deployment.id, why=error.message)

    async def _advance_until(self, journal: Journal, reached: Callable[[Status], bool]) -> None:
        """Go on until the status is ``reached``, however often it takes. Raises LostRace or DeploymentNotFound."""
        pauses, in_doubt = _Pauses(self._tools), False
        while not reached(journal.deployment.status):
            try:
                if in_doubt:
                    await journal.reload()
                    in_doubt = False
                else:
                    await advance(journal, self._tools)
            except (LostRace, DeploymentNotFound):
                raise
            except Exception as error:
                in_doubt = True
                await pauses.after(error, deployment=journal.deployment.id)

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

    async def after(self, error: Exception, **about: str) -> None:
        """Tell what went wrong and wait; with a traceback where nobody expected it."""
        unexpected = None if isinstance(error, Temporary) else error
        log.warning("going on later", seconds=self._next, why=str(error), exc_info=unexpected, **about)
        await self._clock.sleep(self._next)
        self._next = min(2 * self._next, _LONGEST_PAUSE)
