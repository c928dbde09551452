"""Owner references: who made this object, and what did I make."""

from collections.abc import Iterable

from dag_gateway.simulator.kinds import Key, Kind, Object, by_name
from dag_gateway.simulator.store import Change, ObjectStore


def reference(owner: Object) -> Object:
    """The reference that makes ``owner`` the controller of another object."""
    return {
        "apiVersion": owner["apiVersion"],
        "kind": owner["kind"],
        "name": owner["metadata"]["name"],
        "uid": owner["metadata"]["uid"],
        "controller": True,
        "blockOwnerDeletion": True,
    }


def controller_of(item: Object) -> Object | None:
    """The reference to the controller of an object, None when nobody controls it."""
    references: list[Object] = item["metadata"].get("ownerReferences") or []
    return next((found for found in references if found.get("controller")), None)


def owned(store: ObjectStore, kind: Kind, owner: Object) -> list[Object]:
    """What ``owner`` controls, oldest first."""
    uid = owner["metadata"]["uid"]
    found = store.select(kind, owner["metadata"]["namespace"], lambda item: _controlled_by(item, uid))
    return sorted(found, key=lambda item: (item["metadata"]["creationTimestamp"], item["metadata"]["name"]))


def itself_and_owner(change: Change, kind: Kind, dependents: Iterable[Kind]) -> Iterable[Key]:
    """The keys of ``kind`` that a change concerns: the object itself, or the controller of a dependent."""
    if change.key.kind is kind:
        return [change.key]
    owner = controller_of(change.item) if change.key.kind in dependents else None
    if owner is None or by_name(owner["apiVersion"], owner["kind"]) is not kind:
        return []
    return [Key(kind, change.key.namespace, owner["name"])]


def alive(items: Iterable[Object]) -> list[Object]:
    """Without those that are on their way out."""
    return [item for item in items if "deletionTimestamp" not in item["metadata"]]


def _controlled_by(item: Object, uid: str) -> bool:
    found = controller_of(item)
    return found is not None and found["uid"] == uid
