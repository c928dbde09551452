"""Questions to a history that wait at the same time are asked together, in one look."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence

from .lineage import Answer, Question

Look = Callable[[Sequence[Question]], Awaitable[Sequence[Answer]]]


class Questions:
    """One look at a time; who asks while one is under way has the answer of the next. Closed by whoever opened it."""

    def __init__(self, look: Look) -> None:
        self._look = look
        self._waiting: dict[Question, asyncio.Future[bool | None]] = {}
        self._work: asyncio.Task[None] | None = None

    async def ask(self, question: Question) -> bool | None:
        """Raises the error that is the answer, and what the look raises. Who gives up waiting disturbs nobody else."""
        if question not in self._waiting:
            self._waiting[question] = asyncio.get_running_loop().create_future()
        if self._work is None:
            self._work = asyncio.create_task(self._until_nobody_waits())
        return await asyncio.shield(self._waiting[question])

    async def aclose(self) -> None:
        """Begin nothing more, and let nobody wait."""
        if self._work is not None:
            self._work.cancel()
            await asyncio.gather(self._work, return_exceptions=True)

    async def _until_nobody_waits(self) -> None:
        asked: Mapping[Question, asyncio.Future[bool | None]] = {}
        try:
            while self._waiting:
                asked, self._waiting = self._waiting, {}
                for answer, told in zip(asked.values(), await self._answers([*asked]), strict=True):
                    _settle(answer, told)
        finally:
            # Only when this task was cancelled there is one without an answer.
            for answer in (*asked.values(), *self._waiting.values()):
                answer.cancel()
            self._work = None

    async def _answers(self, questions: Sequence[Question]) -> Sequence[bool | Exception | None]:
        try:
            return await self._look(questions)
        except Exception as error:
            return [error] * len(questions)


def _settle(answer: "asyncio.Future[bool | None]", told: bool | Exception | None) -> None:
    if isinstance(told, Exception):
        answer.set_exception(told)
    else:
        answer.set_result(told)
