"""What Helm rendered from a chart: which objects are compared with the cluster, and where they differ. Pure."""

from collections.abc import Collection, Iterator, Sequence

from .gone_jobs import expires
from .live import Snapshot
from .manifest import Manifest
from .objects import Object, holds, key, meta, name, namespace, spec
from .resources import CONFIG_MAPS, Resource, Selection, resource_of
from .subset import difference, is_unsettled

_SCALERS = frozenset({"autoscaling/HorizontalPodAutoscaler", "keda.sh/ScaledObject"})
_NAMED = 5
"""Objects that a message names; the others are counted."""


class RenderedChart:
    """The objects of a chart, without its hooks; ``home`` is the namespace of those which name none.

    Not compared are Secrets, which nobody needs to read for this, CustomResourceDefinitions, which Helm does not
    upgrade, kinds that are not known, and what has another name each time it is rendered.
    """

    def __init__(self, objects: Sequence[Object], home: str) -> None:
        self._home = home
        self._others = [obj for obj in objects if _resource(obj) is None]
        self.manifest = Manifest([obj for obj in objects if _is_named(obj)], home)
        scaled = {_scaled(obj, home) for obj in objects if key(obj) in _SCALERS}
        placed = ((obj, resource, namespace(obj) or home) for obj in objects if (resource := _resource(obj)))
        self.compared = {
            Selection(resource, place, name=name(obj)): _unscaled(obj, (resource.kind, place, name(obj)) in scaled)
            for obj, resource, place in placed
        }
        """Each under the selection that gives exactly it."""
        self.expiring = frozenset(selection for selection, obj in self.compared.items() if expires(obj))
        """The Jobs that Kubernetes removes once they have finished."""

    def differences(self, seen: Snapshot, done: Collection[Selection] = ()) -> list[str]:
        """``Deployment shop/web: spec.template...``, one for each object that is missing or differs; what is ``done``
        need not be there any more."""
        return list(self._differences(seen, done))

    def jobs(self, seen: Snapshot) -> dict[Selection, bool]:
        """Of the expiring Jobs that are there, whether it is ours and complete."""
        held = ((selection, live) for selection in self.expiring for live in seen.get(selection, ()))
        return {
            selection: holds(live, "Complete") and difference(self.compared[selection], live) is None
            for selection, live in held
        }

    def changed(self, earlier: "RenderedChart") -> frozenset[Selection]:
        """What is compared and the earlier chart did not have, or not in the same form."""
        held = ((selection, new, earlier.compared.get(selection)) for selection, new in self.compared.items())
        return frozenset(selection for selection, new, old in held if old is None or not _is_same(new, old))

    def less_than(self, earlier: "RenderedChart") -> dict[Selection, Object]:
        """The earlier form of each object that ours only takes something away from: what was live before has all that
        ours asks for."""
        both = ((selection, old, self.compared.get(selection)) for selection, old in earlier.compared.items())
        return {selection: old for selection, old, new in both if new and _is_less(new, old)}

    def unprovable(self, earlier: "RenderedChart") -> str:
        """The names of the objects that changed since ``earlier`` where none of them is compared: then what was live
        before has all that ours asks for, and nothing shows whether ours was applied. Empty otherwise."""
        if self.changed(earlier):
            return ""
        changed = [obj for obj in self._others if obj not in earlier._others]
        gone = [obj for obj in earlier._others if obj not in self._others]
        return self._named([*changed, *gone])

    def notes(self) -> tuple[str, ...]:
        """What to say beside success: what it does not stand for."""
        partly = [obj for obj in self.compared.values() if is_unsettled(obj)]
        told = (
            ("not compared", self._others),
            ("compared in part, because it renders otherwise each time", partly),
        )
        return ("live is what Helm rendered", *(f"{words}: {self._named(found)}" for words, found in told if found))

    def _differences(self, seen: Snapshot, done: Collection[Selection]) -> Iterator[str]:
        for selection, expected in self.compared.items():
            where = f"{selection.resource.kind} {selection.namespace}/{selection.name}"
            live = next(iter(seen.get(selection, ())), None)
            if live is None:
                if selection not in done:
                    yield f"{where} is missing"
            elif found := difference(expected, live):
                yield f"{where}: {found}"

    def _named(self, objects: Sequence[Object]) -> str:
        named = list(dict.fromkeys(f"{obj.get('kind')} {namespace(obj) or self._home}/{name(obj)}" for obj in objects))
        others = len(named) - _NAMED
        return ", ".join(named[:_NAMED]) + (f" and {others} more" if others > 0 else "")


def _is_less(new: Object, old: Object) -> bool:
    return difference(new, old) is None and difference(old, new) is not None


def _is_same(new: Object, old: Object) -> bool:
    """Whether what is live can not tell one from the other."""
    return difference(new, old) is None and difference(old, new) is None


def _resource(obj: Object) -> Resource | None:
    """Where it is read to be compared; None for what is not compared."""
    if not _is_named(obj):
        return None
    if key(obj) == CONFIG_MAPS.key:
        return CONFIG_MAPS
    resource = resource_of(obj)
    return resource if resource and resource.namespaced else None


def _is_named(obj: Object) -> bool:
    """Whether it has the same name each time."""
    return isinstance(meta(obj).get("name"), str)


def _scaled(scaler: Object, home: str) -> tuple[object, str, object]:
    """Kind, namespace and name of what an autoscaler sets the replicas of; KEDA's default is a Deployment."""
    target = spec(scaler).get("scaleTargetRef") or {}
    return target.get("kind") or "Deployment", namespace(scaler) or home, target.get("name")


def _unscaled(obj: Object, is_scaled: bool) -> Object:
    """Without the number of replicas where somebody else decides it."""
    if not is_scaled:
        return obj
    return {**obj, "spec": {field: value for field, value in spec(obj).items() if field != "replicas"}}
