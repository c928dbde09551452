"""The discovery documents: which groups, versions and resources there are."""

from collections.abc import Iterable, Mapping
from typing import Any

from dag_gateway.simulator.kinds import KINDS, POD, Kind
from dag_gateway.simulator.refusals import no_such_resource

Document = Mapping[str, Any]

_VERBS = ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"]
VERSION: Document = {
    "major": "1",
    "minor": "34",
    "gitVersion": "v1.34.0+simulated",
    "gitCommit": "",
    "gitTreeState": "clean",
    "buildDate": "2025-08-27T00:00:00Z",
    "goVersion": "",
    "compiler": "",
    "platform": "simulated",
}


def document(path: str, missing_groups: Iterable[str] = ()) -> Document | None:
    """The document at a discovery path, or None for any other path. Groups that are not installed are not there."""
    kinds = [kind for kind in KINDS if kind.group not in set(missing_groups)]
    match [part for part in path.split("/") if part]:
        case ["version"]:
            return VERSION
        case ["api"]:
            return {"kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": []}
        case ["apis"]:
            return {"kind": "APIGroupList", "apiVersion": "v1", "groups": _groups(kinds)}
        case ["apis", group]:
            return {"kind": "APIGroup", "apiVersion": "v1", **_group(group, kinds)}
        case ["api", version]:
            return _resources("", version, kinds)
        case ["apis", group, version]:
            return _resources(group, version, kinds)
        case _:
            return None


def _groups(kinds: list[Kind]) -> list[Document]:
    names = dict.fromkeys(kind.group for kind in kinds if kind.group)
    return [_group(name, kinds) for name in names]


def _group(name: str, kinds: list[Kind]) -> Document:
    versions = dict.fromkeys(kind.version for kind in kinds if kind.group == name)
    listed = [{"groupVersion": f"{name}/{version}", "version": version} for version in versions]
    if not listed:
        raise no_such_resource()
    return {"name": name, "versions": listed, "preferredVersion": listed[0]}


def _resources(group: str, version: str, kinds: list[Kind]) -> Document:
    found = [kind for kind in kinds if (kind.group, kind.version) == (group, version)]
    if not found:
        raise no_such_resource()
    resources = [resource for kind in found for resource in _described(kind)]
    return {
        "kind": "APIResourceList",
        "apiVersion": "v1",
        "groupVersion": found[0].api_version,
        "resources": resources,
    }


def _described(kind: Kind) -> Iterable[Document]:
    shared = {"kind": kind.name, "namespaced": kind.namespaced, "singularName": kind.name.lower()}
    short = {"shortNames": [kind.short]} if kind.short else {}
    yield {**shared, **short, "name": kind.plural, "verbs": _VERBS}
    if kind.has_status:
        yield {**shared, "name": f"{kind.plural}/status", "singularName": "", "verbs": ["get", "patch", "update"]}
    if kind is POD:
        yield {**shared, "name": f"{kind.plural}/log", "singularName": "", "verbs": ["get"]}
