"""The objects of several watches as they are now, and one place to wait until any of them changes."""

import asyncio
from collections.abc import Iterable, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from datetime import datetime
from types import TracebackType
from typing import Any, Literal, Self

from dag_gateway.clock import Clock

from .errors import ClusterMisconfigured
from .objects import Object, name, namespace
from .resources import Selection
from .watch import Gone, Lost, Seen, Synced, Watch

Snapshot = Mapping[Selection, tuple[Object, ...]]
"""What each selection held at one moment; a selection that nobody has read yet is not in it."""


@dataclass(slots=True)
class _View:
    """What one watch has told so far."""

    task: asyncio.Task[None]
    objects: dict[tuple[str, str], Object] = field(default_factory=dict)
    synced: bool = False
    lost: str | None = None
    refused: str | None = None


class Live:
    """Owns the tasks of its watches; leaving it closes them all, and waits until they are closed."""

    def __init__(self, watch: Watch, clock: Clock) -> None:
        self._watch = watch
        self._clock = clock
        self._views: dict[Selection, _View] = {}
        self._changed = asyncio.Event()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stop(list(self._views))

    async def want(self, selections: Iterable[Selection]) -> None:
        """Watches exactly these from now on."""
        wanted = set(selections)
        await self._stop([selection for selection in self._views if selection not in wanted])
        for selection in wanted - self._views.keys():
            self._views[selection] = _View(asyncio.create_task(self._follow(selection)))

    def snapshot(self) -> Snapshot:
        """What the watches show now. A change after this call wakes ``changed``."""
        self._changed.clear()
        return {selection: tuple(view.objects.values()) for selection, view in self._views.items() if view.synced}

    @property
    def complete(self) -> bool:
        """Whether every watch has said everything that was there."""
        return all(view.synced for view in self._views.values())

    @property
    def lost(self) -> str | None:
        """Which cluster can not be reached; None while all watches are fine."""
        return next((view.lost for view in self._views.values() if view.lost), None)

    @property
    def refused(self) -> str | None:
        """What the cluster does not let us watch; None while all watches are fine."""
        return next((view.refused for view in self._views.values() if view.refused), None)

    async def changed(self, until: datetime | None) -> None:
        """Returns at the next change, or at ``until``; None waits for a change only. Raises what a watch died of."""
        waits = [asyncio.ensure_future(self._changed.wait())]
        if until is not None:
            waits.append(asyncio.ensure_future(self._slept(until)))
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            await _cancel(waits)
        for view in self._views.values():
            if view.task.done():
                view.task.result()

    async def _slept(self, until: datetime) -> Literal[True]:
        await self._clock.sleep((until - self._clock.now()).total_seconds())
        return True

    async def _follow(self, selection: Selection) -> None:
        try:
            async with aclosing(self._watch(selection)) as changes:
                async for change in changes:
                    self._note(self._views[selection], change)
                    self._changed.set()
        except ClusterMisconfigured as error:
            self._views[selection].refused = error.message
        finally:
            self._changed.set()

    @staticmethod
    def _note(view: _View, change: Seen | Gone | Synced | Lost) -> None:
        match change:
            case Seen(obj):
                view.objects[namespace(obj), name(obj)] = obj
            case Gone(obj):
                view.objects.pop((namespace(obj), name(obj)), None)
            case Synced():
                view.synced, view.lost = True, None
            case _:
                view.lost = change.message

    async def _stop(self, selections: Iterable[Selection]) -> None:
        await _cancel([self._views.pop(selection).task for selection in selections])


async def _cancel(tasks: Iterable[asyncio.Future[Any]]) -> None:
    listed = list(tasks)
    for task in listed:
        task.cancel()
    await asyncio.gather(*listed, return_exceptions=True)
