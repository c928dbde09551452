"""URLs of the Kubernetes API: which object or collection a path means."""

from dataclasses import dataclass

from dag_gateway.simulator.kinds import NAMESPACE, Key, Kind, by_plural
from dag_gateway.simulator.refusals import no_such_resource

_SUBRESOURCES = ("status", "log")


@dataclass(frozen=True, slots=True)
class Address:
    """``namespace`` None: all namespaces. ``name`` empty: the collection. ``subresource``: empty, status or log."""

    kind: Kind
    namespace: str | None
    name: str = ""
    subresource: str = ""

    @property
    def key(self) -> Key:
        return Key(self.kind, self.namespace or "", self.name)


def address_of(path: str) -> Address:
    """Parse ``/api/v1/...`` and ``/apis/<group>/<version>/...``; refused with 404 when nothing can be there."""
    parts = [part for part in path.split("/") if part]
    if parts[:1] == ["api"] and len(parts) > 2:
        return _within("", parts[1], parts[2:])
    if parts[:1] == ["apis"] and len(parts) > 3:
        return _within(parts[1], parts[2], parts[3:])
    raise no_such_resource()


def _within(group: str, version: str, rest: list[str]) -> Address:
    if rest[0] == "namespaces" and len(rest) > 2 and rest[2] != "status":
        namespace, rest = rest[1], rest[2:]
        address = _address(group, version, rest, namespace)
        if address.kind.namespaced:
            return address
        raise no_such_resource()
    address = _address(group, version, rest, None)
    if address.name and address.kind.namespaced:
        raise no_such_resource()
    return address


def _address(group: str, version: str, rest: list[str], namespace: str | None) -> Address:
    kind = by_plural(group, version, rest[0])
    subresource = rest[2] if len(rest) == 3 else ""
    if kind is None or len(rest) > 3 or (subresource and subresource not in _SUBRESOURCES):
        raise no_such_resource()
    if subresource == "status" and not kind.has_status:
        raise no_such_resource()
    if kind is NAMESPACE:
        namespace = None
    return Address(kind, namespace, rest[1] if len(rest) > 1 else "", subresource)
