"""Parts of several shared caches as they are now, and one place to wait until any of them changes."""

import asyncio
from collections.abc import Iterable, Mapping
from datetime import datetime
from types import TracebackType
from typing import Self

from dag_gateway.clock import Clock

from .errors import ClusterMisconfigured
from .informer import Loss
from .informers import Informers
from .lease import Lease
from .objects import Object
from .resources import Selection

Snapshot = Mapping[Selection, tuple[Object, ...]]
"""What each selection held at one moment; a selection that nobody has read yet is not in it."""


class Live:
    """What one follower looks at. Leaving it releases everything; it has no tasks of its own while nobody waits."""

    def __init__(self, informers: Informers, clock: Clock) -> None:
        self._informers = informers
        self._clock = clock
        self._leases: dict[Selection, Lease] = {}
        self._needed: frozenset[Selection] = frozenset()
        self._changed = asyncio.Event()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.want(())

    def want(self, needed: Iterable[Selection], helpful: Iterable[Selection] = ()) -> None:
        """Looks at exactly these from now on. Of what is only ``helpful`` neither loss nor refusal is told."""
        self._needed = frozenset(needed)
        wanted = self._needed.union(helpful)
        for selection in wanted - self._leases.keys():
            self._leases[selection] = self._informers.lease(selection, self._changed.set)
        for selection in self._leases.keys() - wanted:
            self._leases.pop(selection).release()

    def renew(self) -> None:
        """Tries once more to look at what only helps and was refused, which the cluster may let us see by now."""
        for selection in self._leases.keys() - self._needed:
            if self._leases[selection].refused is not None:
                self._leases[selection].release()
                self._leases[selection] = self._informers.lease(selection, self._changed.set)

    def snapshot(self) -> Snapshot:
        """What is there now. A change after this call wakes ``changed``."""
        self._changed.clear()
        return {selection: lease.objects for selection, lease in self._leases.items() if lease.synced}

    @property
    def loss(self) -> Loss | None:
        """Since when something that is needed can not be followed; None while all of it is."""
        losses = [loss for selection in self._needed if (loss := self._leases[selection].loss)]
        return min(losses, key=lambda loss: loss.since, default=None)

    @property
    def refused(self) -> ClusterMisconfigured | None:
        """What the cluster does not let us look at though it is needed; None while there is no such thing."""
        return next((error for selection in self._needed if (error := self._leases[selection].refused)), None)

    async def changed(self, until: datetime | None) -> None:
        """Returns at the next change, or at ``until``; None waits for a change only.

        Raises RuntimeError when a watch has died of a mistake of ours.
        """
        self._check()
        if until is None:
            await self._changed.wait()
        else:
            await self._changed_before(until)
        self._check()

    async def _changed_before(self, until: datetime) -> None:
        alarm = asyncio.create_task(self._ring(until))
        try:
            await self._changed.wait()
        finally:
            alarm.cancel()
            await asyncio.gather(alarm, return_exceptions=True)

    async def _ring(self, until: datetime) -> None:
        await self._clock.sleep((until - self._clock.now()).total_seconds())
        self._changed.set()

    def _check(self) -> None:
        for lease in self._leases.values():
            lease.check()
