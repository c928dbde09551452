"""One stream of changes, kept as a cache that many read: what it holds, whether that is all, and what is wrong."""

from collections.abc import AsyncGenerator, Iterable
from contextlib import aclosing
from dataclasses import dataclass
from datetime import datetime

import structlog

from dag_gateway.clock import Clock

from .cache import Cache, Wake
from .errors import ClusterMisconfigured
from .watch import Change, Gone, Seen, Synced

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Loss:
    """The cluster is away; ``message`` names it, ``since`` is by the gateway's clock."""

    message: str
    since: datetime


class Informer:
    """Owns nothing but what it was told; who starts ``run`` ends it."""

    def __init__(self, changes: AsyncGenerator[Change, None], clock: Clock) -> None:
        self._changes = changes
        self._clock = clock
        self.cache = Cache()
        self.synced = False
        """Whether everything that was there has been said once."""
        self.loss: Loss | None = None
        self.refused: ClusterMisconfigured | None = None
        """Why it has ended for good."""
        self.died: Exception | None = None
        """What it has died of: a mistake of ours."""

    async def run(self) -> None:
        """Until it is cancelled, refused, or dies. Whoever has to look at a change is woken; at the end nobody is."""
        try:
            async with aclosing(self._changes) as changes:
                async for change in changes:
                    for wake in self._note(change):
                        wake()
        except ClusterMisconfigured as error:
            self.refused = error
        except Exception as error:
            log.exception("a watch died of something unforeseen")
            self.died = error

    def _note(self, change: Change) -> Iterable[Wake]:
        match change:
            case Seen() | Gone():
                return self.cache.note(change)
            case Synced():
                news = not self.synced or self.loss is not None
                self.synced, self.loss = True, None
            case _:
                news = self.loss is None
                self.loss = Loss(change.message, self.loss.since if self.loss else self._clock.now())
        return self.cache.everybody() if news else ()
