"""The objects of one kind as they were last told, found by name, label or namespace, and who waits for which of them.

Plain data: nothing here waits or asks. As with the watch events that it is fed, what was told last is what counts.
"""

from collections.abc import Callable, Iterable

from .labels import first_pair, matches
from .objects import Object, labels, name, namespace
from .resources import Selection
from .watch import Gone, Seen

Wake = Callable[[], None]
"""Called at a change; looks at nothing itself."""

Address = tuple[str, ...]
"""Where an object is found: ``(namespace,)``, or ``(namespace, label, value)``."""


class Cache:
    """A label is indexed from the first selection on that is expected to ask for one value of it."""

    def __init__(self) -> None:
        self._members: dict[Address, dict[str, Object]] = {}
        self._indexed: set[str] = set()
        self._listeners: dict[Address, dict[tuple[Selection, Wake], None]] = {}

    def note(self, change: Seen | Gone) -> frozenset[Wake]:
        """Who has to look now: whose selection the object is in, or was."""
        known = self._members.get((namespace(change.object),), {}).get(name(change.object))
        states = [change.object] if known is None else [known, change.object]
        if known is not None:
            self._drop(known)
        if isinstance(change, Seen):
            self._add(change.object)
        return frozenset(wake for state in states for wake in self._interested(state))

    def select(self, selection: Selection) -> tuple[Object, ...]:
        """What a selection within one namespace holds, by name."""
        members = self._members.get(self._address(selection), {})
        if selection.name:
            members = {selection.name: members[selection.name]} if selection.name in members else {}
        return tuple(members[key] for key in sorted(members) if matches(selection.labels, labels(members[key])))

    def count(self, place: str) -> int:
        """How many objects there are in a namespace."""
        return len(self._members.get((place,), ()))

    def expect(self, selection: Selection) -> None:
        """``select`` of it need not look at all objects from now on."""
        pair = first_pair(selection.labels)
        if pair and not selection.name:
            self._index(pair[0])

    def listen(self, selection: Selection, wake: Wake) -> None:
        """``wake`` is among those that ``note`` names for objects of ``selection``, until ``ignore`` of the same."""
        self.expect(selection)
        self._listeners.setdefault(self._address(selection), {})[selection, wake] = None

    def ignore(self, selection: Selection, wake: Wake) -> None:
        """The end of ``listen``; nothing when there was none."""
        address = self._address(selection)
        listeners = self._listeners.get(address, {})
        listeners.pop((selection, wake), None)
        if not listeners:
            self._listeners.pop(address, None)

    def everybody(self) -> frozenset[Wake]:
        """All who listen."""
        return frozenset(wake for listeners in self._listeners.values() for _, wake in listeners)

    def _address(self, selection: Selection) -> Address:
        place = selection.namespace if selection.resource.namespaced else ""
        pair = None if selection.name else first_pair(selection.labels)
        return (place, *pair) if pair and pair[0] in self._indexed else (place,)

    def _addresses(self, obj: Object) -> Iterable[Address]:
        place, told = namespace(obj), labels(obj)
        yield (place,)
        yield from ((place, key, told[key]) for key in self._indexed & told.keys())

    def _interested(self, obj: Object) -> Iterable[Wake]:
        for address in self._addresses(obj):
            for selection, wake in self._listeners.get(address, ()):
                if selection.name in ("", name(obj)) and matches(selection.labels, labels(obj)):
                    yield wake

    def _add(self, obj: Object) -> None:
        for address in self._addresses(obj):
            self._members.setdefault(address, {})[name(obj)] = obj

    def _drop(self, obj: Object) -> None:
        for address in self._addresses(obj):
            members = self._members[address]
            del members[name(obj)]
            if not members:
                del self._members[address]

    def _index(self, key: str) -> None:
        if key in self._indexed:
            return
        self._indexed.add(key)
        objects = [obj for address, members in self._members.items() if len(address) == 1 for obj in members.values()]
        for obj in objects:
            if key in labels(obj):
                self._members.setdefault((namespace(obj), key, labels(obj)[key]), {})[name(obj)] = obj
