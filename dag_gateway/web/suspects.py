"""Who was refused several times lately is a suspect: its requests wait for a turn, so that nobody else has to."""

from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager

from dag_gateway.config import LimitSettings

from .allowance import Allowance
from .client_address import neighbourhood
from .refusals import TooManyRefusals
from .turns import NoTurn, Turns

# Client addresses that are remembered; each is a few hundred bytes.
_ROOM = 10_000


class Suspects:
    """Counts the refusals of each client address. All suspects share a few places; everybody else needs none."""

    def __init__(self, limits: LimitSettings, now: Callable[[], float]) -> None:
        """``now`` is a clock that does not go back, in seconds."""
        self._refused = Allowance(limits.suspect_after, _ROOM)
        self._turns = Turns(limits.suspects, limits.suspects_waiting, limits.upload_wait)
        self._limits = limits
        self._now = now

    def count(self, address: str) -> None:
        """A request was refused."""
        self._refused.use(neighbourhood(address), self._now())

    def has(self, address: str) -> bool:
        """Whether the client was refused so often, and not long ago."""
        return self._refused.wait(neighbourhood(address), self._now()) > 0

    @asynccontextmanager
    async def turn(self, address: str) -> AsyncIterator[None]:
        """Waits where a suspect asks. Raises TooManyRefusals."""
        async with AsyncExitStack() as stack:
            if self.has(address):
                try:
                    await stack.enter_async_context(self._turns.one(neighbourhood(address)))
                except NoTurn:
                    raise self._refusal(address) from None
            yield

    def _refusal(self, address: str) -> TooManyRefusals:
        limits = self._limits
        return TooManyRefusals(
            f"requests from {address} were refused {limits.suspect_after} times within a minute "
            f"(server.limits.suspect_after), so they wait for a turn: none came within {limits.upload_wait:g} s "
            f"(upload_wait), or {limits.suspects_waiting} wait already (suspects_waiting); try again",
            retry_after=limits.upload_wait,
        )
