"""The rules that the API server holds objects to, as far as deployments can trip over them."""

import re
from typing import Any

from . import kinds
from .kinds import Kind, Object
from .refusals import Refused, invalid
from .selectors import matches_selector

_SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_RBAC = (kinds.ROLE, kinds.ROLE_BINDING)
_SELECTING = (kinds.DEPLOYMENT, kinds.REPLICA_SET, kinds.STATEFUL_SET, kinds.DAEMON_SET)
_FIXED_FIELDS = {
    kinds.DEPLOYMENT: ("selector",),
    kinds.REPLICA_SET: ("selector",),
    kinds.DAEMON_SET: ("selector",),
    kinds.STATEFUL_SET: ("selector", "serviceName", "podManagementPolicy", "volumeClaimTemplates"),
    kinds.JOB: ("selector", "template", "completions", "completionMode"),
}


def check_new(kind: Kind, item: Object) -> None:
    """Refuse an object that could not be created: bad name, workload without containers, selector that misses."""
    name = item["metadata"]["name"]
    if kind not in _RBAC and (len(name) > 253 or not _SUBDOMAIN.fullmatch(name)):
        problem = f'Invalid value: "{name}": a lowercase RFC 1123 subdomain must consist of lower case alphanumeric'
        raise invalid(kind, name, "metadata.name", f"{problem} characters, '-' or '.'")
    spec = item.get("spec") or {}
    if kind in _SELECTING:
        _check_selector(kind, name, spec)
    if kind in (*_SELECTING, kinds.JOB):
        _check_containers(kind, name, (spec.get("template") or {}).get("spec") or {}, "spec.template.spec.containers")
    if kind is kinds.POD:
        _check_containers(kind, name, spec, "spec.containers")


def check_change(kind: Kind, old: Object, new: Object) -> None:
    """Refuse a change of a field that is fixed at creation."""
    check_new(kind, new)
    name = new["metadata"]["name"]
    for field in _FIXED_FIELDS.get(kind, ()):
        if old["spec"].get(field) != new["spec"].get(field):
            raise _immutable(kind, name, f"spec.{field}")


def _immutable(kind: Kind, name: str, field: str) -> Refused:
    return invalid(kind, name, field, "Invalid value: field is immutable")


def _check_selector(kind: Kind, name: str, spec: Object) -> None:
    selector = spec.get("selector")
    if not selector:
        raise invalid(kind, name, "spec.selector", "Required value")
    labels = ((spec.get("template") or {}).get("metadata") or {}).get("labels") or {}
    if not matches_selector(selector, labels):
        problem = "Invalid value: `selector` does not match template `labels`"
        raise invalid(kind, name, "spec.template.metadata.labels", problem)


def _check_containers(kind: Kind, name: str, pod: Object, field: str) -> None:
    containers: list[Any] = pod.get("containers") or []
    if not containers:
        raise invalid(kind, name, field, "Required value")
    for index, container in enumerate(containers):
        for part in ("name", "image"):
            if not container.get(part):
                raise invalid(kind, name, f"{field}[{index}].{part}", "Required value")
