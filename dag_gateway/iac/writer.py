"""The one writer of a branch: all that waits goes out in one push, in the order it came, until its time is up."""

import asyncio
import itertools
import logging
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
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

LARGEST = 64 * 1024**2
"""Bytes of files in one push of more than one change: all of it is in memory until the remote has it."""

_ALONE = 4
"""Pushes in a row without trouble, after which nobody else is thought to push."""

Trouble = Race | RemoteUnavailable


@dataclass(eq=False, slots=True)
class Waiting:
    """A change that somebody waits for. ``begun``: it is in the push that is under way; ``trouble`` is what came
    between the last time."""

    change: Change
    deadline: datetime
    done: "asyncio.Future[Published]"
    begun: bool = False
    trouble: Trouble | None = None


class Writer:
    """Publishes to one branch of one repository (None: the remote's HEAD). ``tidy`` is called after every attempt."""

    def __init__(
        self,
        name: str,
        branch: str | None,
        repository: Repository,
        threads: Threads,
        clock: Clock,
        tidy: Callable[[], None],
    ) -> None:
        self._name = name
        self._branch = branch
        self._repository = repository
        self._threads = threads
        self._clock = clock
        self._tidy = tidy
        self._queue: deque[Waiting] = deque()
        self._work: asyncio.Task[None] | None = None
        self._most = MOST
        self._wins = 0

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
        """Begin nothing more, and let nobody wait. What is under way in a thread goes on to its end."""
        if self._work is not None:
            self._work.cancel()
            await asyncio.gather(self._work, return_exceptions=True)
        for waiting in self._queue:
            waiting.done.cancel()

    async def _empty_the_queue(self) -> None:
        """One push after the other. What is in a push stays in the queue until it has its answer."""
        failures = 0
        while batch := self._batch():
            try:
                # Only the first one speculates: after a failure nobody knows whether the push arrived.
                outcomes = await self._attempt(batch, speculate=failures == 0)
            except (Race, RemoteUnavailable) as trouble:
                await self._wait_after(trouble, batch, failures)
                failures += 1
            except PushRefused as refused:
                self._cut(batch, refused)
                failures = 0
            except Exception as error:
                _fail(batch, error)
                failures = 0
            else:
                _settle(batch, outcomes)
                self._won()
                failures = 0
            self._tidy()

    def _batch(self) -> list[Waiting]:
        """The next of those that somebody still waits for, with time left."""
        for waiting in self._queue:
            waiting.begun = False
            if self._left(waiting) <= 0 and not waiting.done.done():
                waiting.done.set_exception(self._given_up(waiting))
        self._queue = deque(waiting for waiting in self._queue if not waiting.done.done())
        batch = _first(self._queue, self._most)
        for waiting in batch:
            waiting.begun = True
        return batch

    def _won(self) -> None:
        """Grow carefully while somebody else pushes too or the remote has trouble, and fast when neither seems so."""
        self._wins += 1
        self._most = min(MOST, 2 * self._most if self._wins > _ALONE else self._most + max(1, self._most // 4))

    def _cut(self, batch: Sequence[Waiting], refused: PushRefused) -> None:
        """What the remote does not want is found by halves, and fails alone."""
        for waiting in batch:
            waiting.trouble = None
        if len(batch) > 1:
            log.info("%s: %d changes in one push were refused, so fewer go in the next", self._name, len(batch))
            self._most = len(batch) // 2
            return
        _fail(batch, refused)

    async def _wait_after(self, trouble: Trouble, batch: Sequence[Waiting], failures: int) -> None:
        """Those that the next attempt would come too late for are told now. Whoever loses again and again has to be
        quicker, and fewer commits are; and a remote without an answer in time may have been given too many to check.
        """
        self._wins = 0
        again = isinstance(trouble, Race) and not failures
        self._most = len(batch) if again else max(1, len(batch) // 2)
        wait = _wait(trouble, failures)
        # The traceback of the original holds all that was in the push.
        told = type(trouble)(trouble.message)
        for waiting in batch:
            waiting.trouble = told
            if self._left(waiting) <= wait and not waiting.done.done():
                waiting.done.set_exception(self._given_up(waiting))
        if any(not waiting.done.done() for waiting in batch):
            if not isinstance(trouble, Race):
                log.warning("%d changes wait, next try in %.1f s: %s", len(self._queue), wait, trouble.message)
            await self._clock.sleep(wait)

    async def _attempt(self, batch: Sequence[Waiting], *, speculate: bool) -> list[Outcome]:
        changes = [waiting.change for waiting in batch]
        return await self._threads.run(partial(self._repository.attempt, self._branch, changes, speculate=speculate))

    def _given_up(self, waiting: Waiting) -> StepFailed:
        if not waiting.begun and waiting.trouble is None:
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


def _first(queue: Iterable[Waiting], most: int) -> list[Waiting]:
    """One at least, then as many as may go together."""
    batch: list[Waiting] = []
    size = 0
    for waiting in itertools.islice(queue, most):
        size += waiting.change.size
        if batch and size > LARGEST:
            break
        batch.append(waiting)
    return batch


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
