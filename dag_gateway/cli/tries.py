"""One question over HTTP, asked again while its trouble may pass."""

import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import httpx

from dag_gateway.clock import Clock

from .answers import Answer
from .exits import OutcomeUnknown
from .retry import retry_after, wait_before
from .transport import described_error

_RETRIES = 3


@dataclass(frozen=True, slots=True)
class Tries:
    """``who`` is asked, as messages name it; ``note`` is told of each failed try, in the words of ``describe``."""

    who: str
    clock: Clock
    note: Callable[[str], None]
    describe: Callable[[Answer], str]

    async def answer(self, attempt: Callable[[], Awaitable[Answer]]) -> Answer:
        """The first answer that another try would not change, or that of the last try.

        Raises OutcomeUnknown when the last try has none.
        """
        for failures in range(1, _RETRIES + 1):
            problem, asked = "", None
            try:
                answer = await attempt()
                if not answer.passing:
                    return answer
                problem, asked = self.describe(answer), retry_after(answer.headers.get("retry-after"))
            except httpx.RequestError as error:
                problem = described_error(error)
            await self._pause(problem, wait_before(failures, asked, random.random()))  # noqa: S311 (no secret)
        return await self._last(attempt)

    async def _last(self, attempt: Callable[[], Awaitable[Answer]]) -> Answer:
        try:
            return await attempt()
        except httpx.RequestError as error:
            tries = _RETRIES + 1
            raise OutcomeUnknown(f"{self.who} does not answer ({tries} tries): {described_error(error)}") from error

    async def _pause(self, problem: str, seconds: float) -> None:
        self.note(f"{self.who}: {problem}; trying again in {seconds:.0f} s")
        await self.clock.sleep(seconds)
