"""Whoever presents job after job in vain has to wait, and the forge is not asked meanwhile."""

import math
from collections.abc import Callable

from dag_gateway.errors import TooMany

from .allowance import Allowance
from .client_address import neighbourhood

# Keys that are remembered; each is a few hundred bytes.
_ROOM = 10_000


class TooManyRefusals(TooMany):
    """The client was refused too often."""

    code = "too_many_refusals"


class Refusals:
    """Counts what could not be verified, by client address and by repository; what could be counts nowhere.

    One repository takes no more than half of what an address may, so that a job that fails over and over does not lock
    out the other projects of its network. A repository that is tried too often from everywhere is closed to those only
    who have failed themselves: else anybody could lock its owners out.
    """

    def __init__(self, per_address: int, per_repository: int, now: Callable[[], float]) -> None:
        """How many a minute; ``now`` is a clock that does not go back, in seconds."""
        self._addresses = Allowance(per_address, _ROOM)
        self._pairs = Allowance(max(1, per_address // 2), _ROOM)
        self._repositories = Allowance(per_repository, _ROOM)
        self._now = now

    def check(self, address: str, repository: str | None = None) -> None:
        """Raises TooManyRefusals."""
        now, client = self._now(), neighbourhood(address)
        if wait := self._addresses.wait(client, now):
            raise _refused(f"from {address}", wait)
        if repository is None or not self._addresses.is_used(client, now):
            return
        if wait := self._pairs.wait(f"{client} {repository}", now):
            raise _refused(f"from {address} for this repository", wait)
        if wait := self._repositories.wait(repository, now):
            raise _refused("for this repository", wait)

    def count(self, address: str, repository: str | None = None) -> None:
        """An identity was refused."""
        now, client = self._now(), neighbourhood(address)
        self._addresses.use(client, now)
        if repository is not None:
            self._pairs.use(f"{client} {repository}", now)
            self._repositories.use(repository, now)


def _refused(whose: str, wait: float) -> TooManyRefusals:
    text = f"too many requests {whose} could not be verified; try again in {math.ceil(wait)} s"
    return TooManyRefusals(text, retry_after=wait)
