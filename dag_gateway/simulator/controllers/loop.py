"""Drives a controller by the changes of the store: one task per key, no polling."""

import asyncio
import logging
from collections.abc import Callable, Iterable
from typing import Protocol

from dag_gateway.simulator.kinds import Key
from dag_gateway.simulator.refusals import Refused
from dag_gateway.simulator.store import Change, ObjectStore

_log = logging.getLogger(__name__)


class Controller(Protocol):
    """Moves one object at a time towards what its spec asks for."""

    def concerned(self, change: Change) -> Iterable[Key]:
        """The keys to reconcile after a change."""
        ...

    async def reconcile(self, key: Key) -> float | None:
        """Do the next step. Returns the real seconds after which to look again; None: not before the next change."""
        ...


class ControlLoop:
    """Runs one controller. ``pause`` tells how long, in real seconds, it takes now to notice a change."""

    def __init__(self, store: ObjectStore, controller: Controller, pause: Callable[[], float]) -> None:
        self._store = store
        self._controller = controller
        self._pause = pause
        self._attended: dict[Key, asyncio.Event] = {}

    async def run(self) -> None:
        """Until cancelled. A controller that raises anything but a refusal ends the loop with that error."""
        async with asyncio.TaskGroup() as group:
            changes = self._store.everything()
            while True:
                version = self._store.version
                for change in changes:
                    self._wake(change, group)
                await self._store.moved()
                changes = self._news(version)

    def _news(self, version: int) -> list[Change]:
        try:
            return self._store.since(version)
        except Refused:
            return self._store.everything()

    def _wake(self, change: Change, group: asyncio.TaskGroup) -> None:
        for key in self._controller.concerned(change):
            known = self._attended.get(key)
            if known is not None:
                known.set()
            else:
                self._attended[key] = asyncio.Event()
                group.create_task(self._attend(key, self._attended[key]))

    async def _attend(self, key: Key, changed: asyncio.Event) -> None:
        again: float | None = 0.0
        while again is not None or changed.is_set():
            await _either(changed, again)
            await asyncio.sleep(self._pause())
            changed.clear()
            again = await self._reconciled(key)
        del self._attended[key]

    async def _reconciled(self, key: Key) -> float | None:
        try:
            return await self._controller.reconcile(key)
        except Refused as refusal:
            # The world moved on (a namespace that ends, an object that is gone); the next change wakes us.
            _log.info("%s of %s was refused: %s", type(self._controller).__name__, key.name, refusal)
            return None
        except Exception:
            _log.exception("%s failed on %s; the simulation stops here", type(self._controller).__name__, key.name)
            raise


async def _either(changed: asyncio.Event, seconds: float | None) -> None:
    try:
        async with asyncio.timeout(seconds):
            await changed.wait()
    except TimeoutError:
        return
