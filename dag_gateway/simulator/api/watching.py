"""The watch verb: changes after a resource version as a stream of JSON lines."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from math import inf

from dag_gateway.simulator.faults import Faults
from dag_gateway.simulator.kinds import Kind, Object
from dag_gateway.simulator.refusals import Refused
from dag_gateway.simulator.selectors import Selector
from dag_gateway.simulator.store import Change, ObjectStore

Event = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Watch:
    """One watch request. ``after`` None: begin with an ADDED for everything there is; ``namespace`` None: all."""

    kind: Kind
    namespace: str | None
    selector: Selector
    after: int | None
    seconds: float | None = None
    bookmark_every: float | None = None
    initial_bookmark: bool = False
    metadata_only: bool = False

    def event(self, change: Change) -> Event | None:
        """The event for a change, None when it is not of this watch. Leaving the selector is a deletion."""
        if change.key.kind is not self.kind or self.namespace not in (None, change.key.namespace):
            return None
        item = metadata_of(change.item) if self.metadata_only else change.item
        now = change.type != "DELETED" and self.selector(change.item)
        before = change.previous is not None and self.selector(change.previous)
        match before, now:
            case False, True:
                return {"type": "ADDED", "object": item}
            case True, True:
                return {"type": "MODIFIED", "object": item}
            case True, False:
                return {"type": "DELETED", "object": item}
            case _:
                return None


async def stream(watch: Watch, store: ObjectStore, faults: Faults) -> AsyncIterator[bytes]:
    """The lines of the answer, until the time is over, the watch is dropped, or the version is too old."""
    faults.open_watches += 1
    try:
        async for event in _events(watch, store, faults):
            yield json.dumps(event, separators=(",", ":")).encode() + b"\n"
    except Refused as refusal:
        # As the watch cache does: the request itself succeeds, the stream tells the error.
        yield json.dumps({"type": "ERROR", "object": refusal.body()}).encode() + b"\n"
    finally:
        faults.open_watches -= 1


async def _events(watch: Watch, store: ObjectStore, faults: Faults) -> AsyncIterator[Event]:
    era, patience = faults.watch_era, _Patience(watch)
    version = store.version if watch.after is None else watch.after
    if watch.after is None:
        for item in store.stored(watch.kind, watch.namespace, watch.selector):
            yield {"type": "ADDED", "object": metadata_of(item) if watch.metadata_only else item}
        if watch.initial_bookmark:
            yield _bookmark(watch.kind, version, initial=True)
    told = version
    while era == faults.watch_era and not patience.over:
        for change in store.since(version):
            version = change.version
            if event := watch.event(change):
                told = version
                yield event
        if version < store.version or era != faults.watch_era:
            continue  # something happened while the events were sent
        if not await patience.movement(store) and told < version and watch.bookmark_every:
            told = version
            yield _bookmark(watch.kind, version)


def metadata_of(item: Object) -> Object:
    """What a client gets that asks for metadata only."""
    return {"kind": "PartialObjectMetadata", "apiVersion": "meta.k8s.io/v1", "metadata": item["metadata"]}


class _Patience:
    """How long a watch stays open, and how long it is silent before it bookmarks."""

    def __init__(self, watch: Watch) -> None:
        self._loop = asyncio.get_running_loop()
        self._end = self._loop.time() + (inf if watch.seconds is None else watch.seconds)
        self._pause = watch.bookmark_every or inf

    @property
    def over(self) -> bool:
        return self._loop.time() >= self._end

    async def movement(self, store: ObjectStore) -> bool:
        """Wait for the next write; False when none came for so long."""
        wait = min(self._pause, self._end - self._loop.time())
        try:
            async with asyncio.timeout(wait if wait < inf else None):
                await store.moved()
        except TimeoutError:
            return False
        return True


def _bookmark(kind: Kind, version: int, *, initial: bool = False) -> Event:
    metadata: Object = {"resourceVersion": str(version)}
    if initial:
        metadata["annotations"] = {"k8s.io/initial-events-end": "true"}
    return {"type": "BOOKMARK", "object": {"apiVersion": kind.api_version, "kind": kind.name, "metadata": metadata}}
