"""The objects that Helm rendered: which of them are looked at, under which names, and what the cluster has of them."""

from collections.abc import Callable, Container, Iterable, Sequence
from dataclasses import replace

from dag_gateway.model.health import Health, progressing

from .gone_jobs import expires
from .live import Snapshot
from .objects import Object, key, meta, name, namespace
from .other_kind_rules import EXISTING
from .pods_of import pods_of, workloads_of
from .resources import FOLLOWED, OPTIONAL, Selection, resource_of
from .warnings import refused_pods
from .workloads import Workloads, is_hook


class Manifest:
    """Plain objects as Helm rendered them; ``namespace`` is that of the objects which name none. Hooks do not count.

    ``may_be_gone`` says of which objects it is no news that they are not there any more.
    """

    def __init__(
        self, objects: Sequence[Object], namespace: str, may_be_gone: Callable[[Object], bool] = expires
    ) -> None:
        self._namespace = namespace
        self._may_be_gone = may_be_gone
        own = [obj for obj in objects if not is_hook(obj)]
        self.followed = self._placed(own, FOLLOWED)
        """What is looked at, each object under the selection that gives exactly it."""
        self.optional = self._placed(own, OPTIONAL)
        """What is looked at where that is permitted."""
        known = FOLLOWED.keys() | OPTIONAL.keys() | EXISTING
        self.unknown = tuple(obj for obj in own if key(obj) not in known)
        """Of kinds without a rule: nobody looks at them."""

    def running(self, seen: Snapshot) -> tuple[Selection, ...]:
        """What is looked at, and the pods of what was seen of it."""
        return (*self.followed, *pods_of(_read(self.followed, seen)))

    def helpful(self, seen: Snapshot) -> tuple[Selection, ...]:
        """What is looked at where that is permitted, and the warnings of controllers that create no pods."""
        return (*self.optional, *refused_pods(_read(self.followed, seen)))

    def workloads(self, seen: Snapshot) -> Workloads:
        """What the cluster has of it; what was read and is not there is missing, what could not be read not judged."""
        wanted = {**self.followed, **self.optional}
        absent = [(selection, obj) for selection, obj in wanted.items() if selection in seen and not seen[selection]]
        return replace(
            workloads_of(_read(wanted, seen), seen),
            missing=[_missing(selection) for selection, obj in absent if not self._may_be_gone(obj)],
            gone=[_placed_at(selection, obj) for selection, obj in absent if self._may_be_gone(obj)],
            unjudged=[*self.unknown, *(obj for selection, obj in self.optional.items() if selection not in seen)],
        )

    def _placed(self, objects: Iterable[Object], kinds: Container[str]) -> dict[Selection, Object]:
        found = ((resource_of(obj), obj) for obj in objects if key(obj) in kinds)
        return {
            Selection(resource, (namespace(obj) or self._namespace) if resource.namespaced else "", name=name(obj)): obj
            for resource, obj in found
            if resource
        }


def _placed_at(selection: Selection, obj: Object) -> Object:
    return {**obj, "metadata": {**meta(obj), "namespace": selection.namespace}}


def _read(selections: Iterable[Selection], seen: Snapshot) -> list[Object]:
    return [obj for selection in selections for obj in seen.get(selection, ())]


def _missing(selection: Selection) -> Health:
    place = f"{selection.namespace}/" if selection.namespace else ""
    return progressing(f"{selection.resource.kind} {place}{selection.name} is missing")
