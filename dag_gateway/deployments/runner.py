"""Carries accepted deployments to their end: claims its share of what nobody carries, and hands back what is left."""

import asyncio
from collections.abc import Collection, Coroutine, Mapping
from functools import partial
from types import TracebackType
from typing import Any, Self

import structlog

from dag_gateway.clock import Clock
from dag_gateway.errors import GatewayError
from dag_gateway.store import ACCEPTED, Claim, Leases

from .carrying import Carrying
from .claiming import Claiming
from .pauses import Pauses
from .renewal import Renewal
from .tools import Tools

log = structlog.get_logger(__name__)

LAST_PUSH = 1.5
"""Seconds for a push that is under way at the end. What takes longer is left: whoever goes on finds the commit."""


class Runner:
    """An async context manager, at work inside of its block. At the end everything that is left goes to the others.

    ``limit`` is how many deployments are carried at once. ``clock`` measures the leases, so it is the machine's: the
    database's goes with it.
    """

    def __init__(self, tools: Tools, leases: Leases, limit: int, clock: Clock) -> None:
        self._tools = tools
        self._leases = leases
        self._clock = clock
        self._claiming = Claiming(leases, clock, limit)
        self._renewal = Renewal(leases, clock, tools.signals, self._lease_numbers, self._lose)
        self._under_way: dict[int, tuple[Carrying, asyncio.Task[None]]] = {}
        self._draining = False
        self._hurried = asyncio.Event()
        self._work: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        self._work = asyncio.create_task(self._run())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.drain()
        await self._end_pushes()
        if self._work is not None:
            self._work.cancel()
            await asyncio.wait([self._work])
        await self._hand_back()

    def drain(self) -> None:
        """Claim nothing new."""
        self._draining = True

    def hurry(self) -> None:
        """At the end wait for no push."""
        self._hurried.set()

    async def _run(self) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(self._renewal.run())
            pauses = Pauses(self._tools.clock)
            while True:
                ticket = self._tools.signals.ticket(ACCEPTED)
                try:
                    await self._claim(group)
                except Exception as error:
                    await pauses.after(error)
                    continue
                pauses = Pauses(self._tools.clock)
                await _first(ticket.wait(), self._clock.sleep(self._claiming.pause))

    async def _claim(self, group: asyncio.TaskGroup) -> None:
        if self._draining or not self._renewal.held():
            return
        apps = {number: carrying.claim.app for number, (carrying, _) in self._under_way.items()}
        for claim in await self._claiming.round(apps):
            carrying = Carrying(claim, self._tools, self._renewal.held)
            task = group.create_task(carrying.run())
            self._under_way[claim.number] = carrying, task
            task.add_done_callback(partial(self._ended, claim))

    def _ended(self, claim: Claim, _: asyncio.Task[None]) -> None:
        carrying, _ = self._under_way.pop(claim.number)
        if not carrying.ended:
            # It may be this replica's still: then nobody else could ever claim it.
            self._claiming.doubt()
        if self._claiming.left_some or not carrying.ended:
            self._tools.signals.wake(ACCEPTED)

    def _lease_numbers(self) -> Mapping[int, int]:
        return {number: carrying.claim.lease for number, (carrying, _) in self._under_way.items()}

    def _lose(self, numbers: Collection[int]) -> None:
        for number in numbers:
            if number in self._under_way:
                self._under_way[number][1].cancel()

    async def _end_pushes(self) -> None:
        """Let nothing else be begun, and wait for what may be writing to a repository."""
        for carrying, _ in self._under_way.values():
            carrying.end_after_this_step()
        pushing = [task for carrying, task in self._under_way.values() if carrying.pushing]
        if pushing:
            await _first(asyncio.wait(pushing), self._clock.sleep(LAST_PUSH), self._hurried.wait())

    async def _hand_back(self) -> None:
        try:
            await self._leases.leave()
        except GatewayError as error:
            log.warning("the others have to wait until the leases end", why=error.message)


async def _first(*waits: Coroutine[Any, Any, object]) -> None:
    """Wait until one of them is done, and give up the others."""
    tasks = [asyncio.create_task(one) for one in waits]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
