"""The watches of one cluster: one per kind, shared by all who look, started on demand and stopped when idle.

A watch covers the whole cluster where the permissions allow it, otherwise one namespace.
"""

import asyncio
from collections.abc import AsyncGenerator, Coroutine
from dataclasses import dataclass, field
from typing import Any, Literal

from dag_gateway.clock import Clock

from .api import Api
from .cache import Wake
from .errors import Forbidden
from .informer import Informer
from .lease import Lease
from .resources import SECRETS, Resource, Selection
from .watch import Change, Known, as_long_as_wanted, changes_of
from .whole import OWNED_BY_HELM, READ_ONE_BY_ONE, read_at_changes

Scope = Literal["auto", "cluster", "namespace"]

_LINGER = 60.0
"""Seconds that a watch outlives the last who looked: deployments come in rows."""


@dataclass(slots=True, eq=False)
class _Running:
    """An informer at work, who looks at it, and the timer that ends it once nobody does."""

    informer: Informer
    task: asyncio.Task[None] = field(init=False)
    leases: set[Lease] = field(default_factory=set)
    timer: asyncio.Task[None] | None = None


class Informers:
    """One per ``Api``, closed before it."""

    def __init__(self, api: Api, clock: Clock, scope: Scope = "auto", linger: float = _LINGER) -> None:
        self._api = api
        self._clock = clock
        self._scope = scope
        self._linger = linger
        self._running: dict[Selection, _Running] = {}
        self._narrow: set[Resource] = set()
        self._tasks: set[asyncio.Task[None]] = set()

    def lease(self, selection: Selection, wake: Wake) -> Lease:
        """A part in the informer for ``selection``, which is started if there is none. The caller releases it."""
        running = self._for(selection)
        lease = Lease(selection, wake, running.informer, self._released)
        running.leases.add(lease)
        return lease

    def follows(self, selection: Selection) -> bool:
        """Whether it is being watched already, and successfully: that it may be read is shown."""
        running = self._running.get(self._watched(selection))
        return running is not None and running.informer.synced and running.informer.loss is None

    async def aclose(self) -> None:
        """Ends all watches and waits until they are closed."""
        while self._tasks:
            for task in self._tasks:
                task.cancel()
            await asyncio.wait(self._tasks)

    def count(self, place: Selection) -> int | None:
        """How many objects a kind has in one namespace, as far as a watch of all of them knows; None: not known."""
        running = self._running.get(self._watched(place))
        if running is None or not running.informer.synced or _is_read_alone(place):
            return None
        return running.informer.cache.count(place.namespace)

    def _for(self, selection: Selection) -> _Running:
        watched = self._watched(selection)
        running = self._running.get(watched)
        if running is None:
            running = self._running[watched] = _Running(Informer(self._changes(watched), self._clock))
            running.task = self._spawn(self._run(watched, running))
        if running.timer is not None:
            running.timer.cancel()
            running.timer = None
        return running

    def _watched(self, selection: Selection) -> Selection:
        """What is watched so that ``selection`` can be answered; as wide as it may be."""
        resource = selection.resource
        if _is_read_alone(selection):
            return Selection(resource, selection.namespace, name=selection.name)
        of_helm = resource == SECRETS and OWNED_BY_HELM in selection.labels.split(",")
        namespace = "" if self._is_wide(resource) else selection.namespace
        labels = OWNED_BY_HELM if of_helm else ""
        return Selection(resource, namespace, labels, fields=selection.fields, metadata_only=selection.metadata_only)

    def _is_wide(self, resource: Resource) -> bool:
        return not resource.namespaced or (self._scope != "namespace" and resource not in self._narrow)

    def _changes(self, watched: Selection) -> AsyncGenerator[Change, None]:
        if _is_read_alone(watched):
            known: Known = {}
            return as_long_as_wanted(self._clock, lambda: read_at_changes(self._api, watched, self.lease, known))
        return changes_of(self._api, self._clock, watched, may_be_narrowed=self._may_be_narrowed(watched))

    def _may_be_narrowed(self, watched: Selection) -> bool:
        return self._scope == "auto" and watched.resource.namespaced and not watched.namespace

    async def _run(self, watched: Selection, running: _Running) -> None:
        """Until the informer ends by itself: the next who wants it starts another one."""
        await running.informer.run()
        if self._running.get(watched) is running:
            del self._running[watched]
        if running.timer is not None:
            running.timer.cancel()
        if self._may_be_narrowed(watched) and isinstance(running.informer.refused, Forbidden):
            self._narrow.add(watched.resource)
            self._move(running.leases)
        else:
            for lease in running.leases:
                lease.wake()

    def _move(self, leases: set[Lease]) -> None:
        """To informers of single namespaces, where these leases wait until everything was told once more."""
        for lease in leases:
            running = self._for(lease.selection)
            lease.move(running.informer)
            running.leases.add(lease)

    def _released(self, lease: Lease) -> None:
        watched = self._watched(lease.selection)
        running = self._running.get(watched)
        if running is None:
            return
        running.leases.discard(lease)
        if not running.leases and running.timer is None:
            running.timer = self._spawn(self._stop_when_idle(watched, running))

    async def _stop_when_idle(self, watched: Selection, running: _Running) -> None:
        await self._clock.sleep(self._linger)
        self._running.pop(watched, None)
        running.task.cancel()
        await asyncio.wait([running.task])

    def _spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task


def _is_read_alone(selection: Selection) -> bool:
    return selection.resource in READ_ONE_BY_ONE and not selection.metadata_only
