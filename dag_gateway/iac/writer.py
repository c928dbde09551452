"""The one writer of a branch: all that waits goes out in one push, in the order it came, until its time is up."""

import asyncio
import logging
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial

from dag_gateway.clock import Clock
from dag_gateway.model.reason import Reason, StepFailed

from .backoff import WHILE_AWAY, jitter, wait_after_race
from .change import Change, Published, RemoteUnavailable
from .refusal import PushRefused, Race
from .repository import Outcome, Repository
from .threads import Threads

log = logging.getLogger(__name__)

MOST = 100
"""Changes in one push: what a forge's hooks look at in a moment, and what is lost when the answer is."""

Trouble = Race | RemoteUnavailable


@dataclass(eq=False, slots=True)
class Waiting:
    """A change that somebody waits for; ``trouble`` is what came between so far."""

    change: Change
    deadline: datetime
    done: "asyncio.Future[Published]"
    begun: bool = False
    trouble: Trouble | None = field(default=None)


class Writer:
    """Publishes to one branch of one repository (None: the remote's HEAD)."""

    def __init__(self, name: str, branch: str | None, repository: Repository, threads: Threads, clock: Clock) -> None:
        self._name = name
        self._branch = branch
        self._repository = repository
        self._threads = threads
        self._clock = clock
        self._queue: deque[Waiting] = deque()
        self._work: asyncio.Task[None] | None = None
        self._renewal: asyncio.Task[None] | None = None

    async def publish(self, change: Change, deadline: datetime) -> Published:
        """As ``Iac.publish``."""
        waiting = Waiting(change, deadline, asyncio.get_running_loop().create_future())
        self._queue.append(waiting)
        if self._work is None or self._work.done():
            self._work = asyncio.create_task(self._empty_the_queue(), name=f"git-{self._name}")
        try:
            async with asyncio.timeout(self._left(waiting)):
                return await waiting.done
        except TimeoutError as error:
            raise self._given_up(waiting) from error

    async def aclose(self) -> None:
        """Begin nothing more. What is under way in a thread goes on to its end."""
        tasks = [task for task in (self._work, self._renewal) if task]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        while self._queue:
            self._queue.popleft().done.cancel()

    async def _empty_the_queue(self) -> None:
        while self._queue:
            await self._deliver([self._queue.popleft() for _ in range(min(MOST, len(self._queue)))])

    async def _deliver(self, batch: Sequence[Waiting]) -> None:
        """Until each of the batch has its answer. A push that is refused is cut in halves, so that what the remote
        does not want fails alone and costs the others two pushes for each halving."""
        try:
            await self._publish(batch)
        except PushRefused as refused:
            half = len(batch) // 2
            if not half:
                _fail(batch, refused)
                return
            log.info("%s: %d changes in one push were refused, so they go in two", self._name, len(batch))
            await self._deliver(batch[:half])
            await self._deliver(batch[half:])
        except asyncio.CancelledError:
            for waiting in batch:
                waiting.done.cancel()
            raise
        except Exception as error:
            _fail(batch, error)

    async def _publish(self, batch: Sequence[Waiting]) -> None:
        """Again and again, while the remote is away or others are faster. Raises PushRefused and StepFailed."""
        failures = 0
        while live := self._live(batch):
            try:
                # Only the first one speculates: after a failure nobody knows whether the push arrived.
                outcomes = await self._attempt(live, speculate=failures == 0)
            except (Race, RemoteUnavailable) as trouble:
                wait = _wait(trouble, failures)
                failures += 1
                self._note(live, trouble, wait)
                if any(not waiting.done.done() for waiting in live):
                    await self._clock.sleep(wait)
            else:
                _settle(live, outcomes)
                self._tidy()
                return

    async def _attempt(self, batch: Sequence[Waiting], *, speculate: bool) -> list[Outcome]:
        changes = [waiting.change for waiting in batch]
        return await self._threads.run(partial(self._repository.attempt, self._branch, changes, speculate=speculate))

    def _live(self, batch: Sequence[Waiting]) -> list[Waiting]:
        """Those that somebody still waits for, with time left."""
        for waiting in batch:
            if self._left(waiting) <= 0 and not waiting.done.done():
                waiting.done.set_exception(self._given_up(waiting))
        live = [waiting for waiting in batch if not waiting.done.done()]
        for waiting in live:
            waiting.begun = True
        return live

    def _note(self, batch: Sequence[Waiting], trouble: Trouble, wait: float) -> None:
        """Those that the next attempt would come too late for are told now."""
        for waiting in batch:
            waiting.trouble = trouble
            if self._left(waiting) <= wait and not waiting.done.done():
                waiting.done.set_exception(self._given_up(waiting))

    def _tidy(self) -> None:
        """Beside the work: the old cache serves until the new one is there."""
        if self._repository.overgrown and (self._renewal is None or self._renewal.done()):
            self._renewal = asyncio.create_task(self._renew(), name=f"git-{self._name}-cache")

    async def _renew(self) -> None:
        try:
            await self._threads.run(self._repository.renew)
        except (RemoteUnavailable, StepFailed) as error:
            log.warning("the cache of the IaC repository %r stays large: %s", self._name, error)

    def _given_up(self, waiting: Waiting) -> StepFailed:
        if not waiting.begun:
            return StepFailed(
                Reason.TIMEOUT,
                f"not pushed: the deadline passed while earlier changes went to the IaC repository {self._name!r}",
            )
        if isinstance(waiting.trouble, Race):
            return StepFailed(
                Reason.TIMEOUT,
                f"not pushed before the deadline: others kept moving the branch in the IaC repository {self._name!r} "
                f"({waiting.trouble.message})",
            )
        why = waiting.trouble.message if waiting.trouble else f"the IaC repository {self._name!r} is silent"
        return StepFailed(Reason.UNREACHABLE, f"not confirmed before the deadline: {why}")

    def _left(self, waiting: Waiting) -> float:
        return (waiting.deadline - self._clock.now()).total_seconds()


def _wait(trouble: Trouble, failures: int) -> float:
    if isinstance(trouble, Race):
        return wait_after_race(failures, jitter())
    return WHILE_AWAY.wait(failures, jitter())


def _settle(batch: Sequence[Waiting], outcomes: Sequence[Outcome]) -> None:
    for waiting, outcome in zip(batch, outcomes, strict=True):
        if waiting.done.done():
            continue
        if isinstance(outcome, Published):
            waiting.done.set_result(outcome)
        else:
            waiting.done.set_exception(outcome)


def _fail(batch: Sequence[Waiting], error: Exception) -> None:
    for waiting in batch:
        if not waiting.done.done():
            waiting.done.set_exception(error)
