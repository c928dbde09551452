"""The one writer of a branch: changes in the order they came, each attempted until it is in or its time is up."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime

from dag_gateway.clock import Clock
from dag_gateway.model.reason import Reason, StepFailed

from .backoff import AFTER_RACE, WHILE_AWAY, jitter
from .change import Change, Published, RemoteUnavailable
from .refusal import Race
from .repository import Repository
from .threads import Threads


class Writer:
    """Publishes to one branch of one repository (None: the remote's HEAD)."""

    def __init__(self, name: str, branch: str | None, repository: Repository, threads: Threads, clock: Clock) -> None:
        self._name = name
        self._branch = branch
        self._repository = repository
        self._threads = threads
        self._clock = clock
        self._turn = asyncio.Lock()  # wakes those who wait in the order they came

    async def publish(self, change: Change, deadline: datetime) -> Published:
        """As ``Iac.publish``."""
        trouble: Race | RemoteUnavailable = RemoteUnavailable(f"the IaC repository {self._name!r} is silent")
        attempt = 0
        async with self._turn_before(deadline):
            while True:
                try:
                    return await self._attempt(change, attempt, deadline)
                except TimeoutError as error:
                    raise self._given_up(trouble) from error
                except (Race, RemoteUnavailable) as error:
                    trouble = error
                wait = (AFTER_RACE if isinstance(trouble, Race) else WHILE_AWAY).wait(attempt, jitter())
                if wait >= self._left(deadline):
                    raise self._given_up(trouble) from trouble
                await self._clock.sleep(wait)
                attempt += 1

    async def _attempt(self, change: Change, attempt: int, deadline: datetime) -> Published:
        """Only the first one speculates: after a failure nobody knows whether the push arrived."""
        async with asyncio.timeout(self._left(deadline)):
            return await self._threads.run(
                lambda: self._repository.attempt(self._branch, change, speculate=attempt == 0)
            )

    @asynccontextmanager
    async def _turn_before(self, deadline: datetime) -> AsyncIterator[None]:
        try:
            async with asyncio.timeout(self._left(deadline)):
                await self._turn.acquire()
        except TimeoutError as error:
            raise self._too_late() from error
        try:
            if self._left(deadline) <= 0:
                raise self._too_late()
            yield
        finally:
            self._turn.release()

    def _too_late(self) -> StepFailed:
        return StepFailed(
            Reason.TIMEOUT,
            f"not pushed: the deadline passed while earlier changes went to the IaC repository {self._name!r}",
        )

    def _given_up(self, error: Race | RemoteUnavailable) -> StepFailed:
        if isinstance(error, Race):
            return StepFailed(
                Reason.TIMEOUT,
                f"not pushed before the deadline: others kept moving the branch in the IaC repository {self._name!r} "
                f"({error.message})",
            )
        return StepFailed(Reason.UNREACHABLE, f"not confirmed before the deadline: {error.message}")

    def _left(self, deadline: datetime) -> float:
        return (deadline - self._clock.now()).total_seconds()
