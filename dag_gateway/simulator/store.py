"""The objects in memory, their numbered changes, and a way to wait for the next one."""

import asyncio
from bisect import bisect_right
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeVar, cast

from .kinds import Key, Kind, Object
from .refusals import expired, version_too_large

_Json = TypeVar("_Json")
ChangeType = Literal["ADDED", "MODIFIED", "DELETED"]


@dataclass(frozen=True, slots=True)
class Change:
    """One write. ``item`` is the object after it (for DELETED: as it was last), ``previous`` the one before."""

    version: int
    type: ChangeType
    key: Key
    item: Object
    previous: Object | None


def copied(value: _Json) -> _Json:
    """A deep copy of JSON data."""
    return cast("_Json", _copied(value))


def _copied(value: object) -> object:
    if isinstance(value, dict):
        return {key: _copied(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_copied(item) for item in value]
    return value


class ObjectStore:
    """Like etcd under an API server: no rules, only versions. What comes out may be changed freely, as it is a copy,
    unless it says that it is not."""

    def __init__(self, history: int = 10_000) -> None:
        self._objects: dict[Kind, dict[str, dict[str, Object]]] = {}
        self._history: list[Change] = []
        self._kept = history
        self._forgotten = 0
        self._version = 0
        self._moved = asyncio.Event()

    @property
    def version(self) -> int:
        """The resource version of the newest write."""
        return self._version

    def get(self, kind: Kind, namespace: str, name: str) -> Object | None:
        """The object, or None when there is no such thing."""
        found = self._of(kind, namespace).get(name)
        return copied(found) if found is not None else None

    def select(
        self, kind: Kind, namespace: str | None = None, where: Callable[[Object], bool] | None = None
    ) -> list[Object]:
        """All objects of a kind, by namespace and name. ``namespace`` None: of all; ``where`` must not change them."""
        return [copied(item) for item in self.stored(kind, namespace, where)]

    def stored(
        self, kind: Kind, namespace: str | None = None, where: Callable[[Object], bool] | None = None
    ) -> list[Object]:
        """As ``select``, but no copies: for who only reads them."""
        spaces = self._objects.get(kind, {})
        chosen = sorted(spaces) if namespace is None else [namespace]
        found = (spaces[space][name] for space in chosen if space in spaces for name in sorted(spaces[space]))
        return [item for item in found if where is None or where(item)]

    def keys(self, namespace: str) -> list[Key]:
        """Everything in a namespace."""
        return [
            Key(kind, namespace, name) for kind, spaces in self._objects.items() for name in spaces.get(namespace, ())
        ]

    def everything(self) -> list[Change]:
        """All objects, as if they had just been added."""
        return [
            Change(int(item["metadata"]["resourceVersion"]), "ADDED", Key(kind, namespace, name), item, None)
            for kind, spaces in self._objects.items()
            for namespace, held in spaces.items()
            for name, item in held.items()
        ]

    def put(self, key: Key, item: Object) -> Object:
        """Write; a write that changes nothing makes no new version, as in Kubernetes."""
        held = self._of(key.kind, key.namespace)
        previous = held.get(key.name)
        metadata = {**item["metadata"], "resourceVersion": previous and previous["metadata"]["resourceVersion"]}
        if previous is not None and {**item, "metadata": metadata} == previous:
            return copied(previous)
        stored = held[key.name] = self._numbered(item)
        self._record(Change(self._version, "MODIFIED" if previous else "ADDED", key, stored, previous))
        return copied(stored)

    def remove(self, key: Key) -> None:
        """Delete; the DELETED change carries a version of its own. Nothing happens when it is not there."""
        previous = self._of(key.kind, key.namespace).pop(key.name, None)
        if previous is not None:
            last = self._numbered(previous)
            self._record(Change(self._version, "DELETED", key, last, previous))

    def since(self, version: int) -> list[Change]:
        """The changes after a version; refused when it is older than the history, or not there yet."""
        if self.forgot(version):
            raise expired(f"too old resource version: {version} ({self._forgotten})")
        if version > self._version:
            raise version_too_large(version, self._version)
        return self._history[bisect_right(self._history, version, key=lambda change: change.version) :]

    def forgot(self, version: int) -> bool:
        """Whether the changes after a version are no longer known."""
        return version < self._forgotten

    async def moved(self) -> None:
        """Return at the next write, or when ``wake`` is called."""
        await self._moved.wait()

    def wake(self) -> None:
        """Let everybody who waits look again."""
        self._moved.set()
        self._moved = asyncio.Event()

    def forget(self) -> None:
        """Drop the whole history: every version but the newest is too old from now on."""
        self._history = []
        self._forgotten = self._version

    def _of(self, kind: Kind, namespace: str) -> dict[str, Object]:
        """By name."""
        return self._objects.setdefault(kind, {}).setdefault(namespace, {})

    def _numbered(self, item: Object) -> Object:
        self._version += 1
        numbered: Object = copied(item)
        numbered["metadata"]["resourceVersion"] = str(self._version)
        return numbered

    def _record(self, change: Change) -> None:
        self._history.append(change)
        if len(self._history) > self._kept:
            self._history = self._history[self._kept // 2 :]
            self._forgotten = self._history[0].version - 1
        self.wake()
