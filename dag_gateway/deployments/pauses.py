"""What a task that must not end does after an error: tell it, wait a little longer each time, and go on."""

import structlog

from dag_gateway.clock import Clock
from dag_gateway.errors import Temporary

log = structlog.get_logger(__name__)

_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 30.0


class Pauses:
    """Growing pauses between tries."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._next = _FIRST_PAUSE

    async def after(self, error: Exception, **about: str) -> None:
        """Tell what went wrong and wait; with a traceback where nobody expected it."""
        unexpected = None if isinstance(error, Temporary) else error
        log.warning("going on later", seconds=self._next, why=str(error), exc_info=unexpected, **about)
        await self._clock.sleep(self._next)
        self._next = min(2 * self._next, _LONGEST_PAUSE)
