"""Group commit: what waits at the same time shares one transaction."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from .uninterrupted import settled

T = TypeVar("T")
R = TypeVar("R")


@dataclass(slots=True)
class _Waiting(Generic[T, R]):
    item: T
    result: "asyncio.Future[R]" = field(default_factory=lambda: asyncio.get_running_loop().create_future())


class Together(Generic[T, R]):
    """Gives ``work`` all items that wait, at most ``most`` at once, in the order in which they came.

    ``work`` returns a result or an exception for each item. When it raises, no item is done: then each half is tried
    alone, so that an item that can not be done fails alone; but an exception of ``for_all`` concerns every item, also
    those that wait by then: ``work`` was patient for all of them.
    Whoever comes alone does not wait for others. Nothing runs while nobody waits, so there is nothing to close.
    """

    def __init__(
        self,
        work: Callable[[Sequence[T]], Awaitable[Sequence[R | Exception]]],
        *,
        most: int,
        for_all: tuple[type[Exception], ...],
    ) -> None:
        self._work = work
        self._most = most
        self._for_all = for_all
        self._waiting: deque[_Waiting[T, R]] = deque()
        self._worker: asyncio.Task[None] | None = None

    async def do(self, item: T) -> R:
        """The item's result. A cancellation waits until it is there, and disturbs nobody else."""
        waiting = _Waiting[T, R](item)
        self._waiting.append(waiting)
        if self._worker is None:
            self._worker = asyncio.create_task(self._until_nobody_waits())
        return await settled(waiting.result)

    async def _until_nobody_waits(self) -> None:
        batch: Sequence[_Waiting[T, R]] = ()
        try:
            while self._waiting:
                batch = self._take(min(self._most, len(self._waiting)))
                await self._finish(batch)
        finally:
            # Without another await since the last result was given: whoever got it finds no task left behind.
            self._worker = None
            # Only when this task was cancelled, as all are when the loop ends, there is one without a result.
            for waiting in (*batch, *self._waiting):
                waiting.result.cancel()
            self._waiting.clear()

    def _take(self, size: int) -> Sequence[_Waiting[T, R]]:
        return [self._waiting.popleft() for _ in range(size)]

    async def _finish(self, batch: Sequence[_Waiting[T, R]]) -> None:
        """Every one of the batch has its result when this returns."""
        try:
            results = await self._work([waiting.item for waiting in batch])
        except Exception as error:
            middle = len(batch) // 2
            if isinstance(error, self._for_all):
                batch = (*batch, *self._take(len(self._waiting)))
                results = [error] * len(batch)
            elif middle == 0:
                results = [error]
            else:
                await self._finish(batch[:middle])
                await self._finish(batch[middle:])
                return
        for waiting, result in zip(batch, results, strict=True):
            if isinstance(result, Exception):
                waiting.result.set_exception(result)
            else:
                waiting.result.set_result(result)
