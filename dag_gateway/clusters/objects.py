"""Reading plain Kubernetes objects: dicts as the API sends them, nothing assumed to be there."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

from .redact import quoted

Object = Mapping[str, Any]


def key(obj: Object) -> str:
    """``apps/Deployment``, or ``Pod`` for the core group: the version of the API does not matter."""
    group, slash, _ = str(obj.get("apiVersion", "")).rpartition("/")
    kind = str(obj.get("kind", ""))
    return f"{group}/{kind}" if slash else kind


def meta(obj: Object) -> Mapping[str, Any]:
    return obj.get("metadata") or {}


def spec(obj: Object) -> Mapping[str, Any]:
    return obj.get("spec") or {}


def status(obj: Object) -> Mapping[str, Any]:
    return obj.get("status") or {}


def name(obj: Object) -> str:
    return str(meta(obj).get("name", ""))


def namespace(obj: Object) -> str:
    """Empty for what belongs to the whole cluster."""
    return str(meta(obj).get("namespace", ""))


def uid(obj: Object) -> str:
    return str(meta(obj).get("uid", ""))


def labels(obj: Object) -> Mapping[str, str]:
    return meta(obj).get("labels") or {}


def label(obj: Object, key: str) -> str:
    return str((meta(obj).get("labels") or {}).get(key, ""))


def annotation(obj: Object, key: str) -> str:
    return str((meta(obj).get("annotations") or {}).get(key, ""))


def created(obj: Object) -> datetime | None:
    return moment(meta(obj).get("creationTimestamp"))


def owned_by(obj: Object, owner: Object) -> bool:
    """Whether ``owner`` is among the owner references of ``obj``; names may be reused, uids are not."""
    return any(ref.get("uid") == uid(owner) for ref in meta(obj).get("ownerReferences") or ())


def condition(obj: Object, kind: str) -> Mapping[str, Any]:
    """The status condition of that type; empty where there is none."""
    entries: Iterable[Mapping[str, Any]] = status(obj).get("conditions") or ()
    return next((entry for entry in entries if entry.get("type") == kind), {})


def holds(obj: Object, kind: str) -> bool:
    """Whether the condition is there and ``True``."""
    return condition(obj, kind).get("status") == "True"


def observed(obj: Object) -> bool:
    """Whether the controller has seen the newest spec. An absent ``observedGeneration`` is taken as seen (kstatus).

    Argo Rollouts writes it as text, and before 1.0 wrote a hash, which says nothing.
    """
    seen = str(status(obj).get("observedGeneration", ""))
    return not seen.isdecimal() or seen == str(meta(obj).get("generation"))


def moment(text: object) -> datetime | None:
    """An RFC 3339 time of the API; None where there is none or it can not be read.

    Always with a zone, so that any two can be compared: controllers that leave it out write UTC.
    """
    try:
        told = datetime.fromisoformat(str(text)) if text else None
    except ValueError:
        return None
    return told.replace(tzinfo=UTC) if told and told.tzinfo is None else told


def title(obj: Object) -> str:
    """``HelmRelease flux-system/web``; ``CustomResourceDefinition gadgets.example.com`` without a namespace."""
    place = f"{namespace(obj)}/" if namespace(obj) else ""
    return f"{obj.get('kind', 'object')} {place}{name(obj)}"


def why(source: Mapping[str, Any]) -> str:
    """`` (Reason: message)`` of a condition or a status, as far as it has them; messages are cut and redacted."""
    words = ": ".join(quoted(str(source[part])) for part in ("reason", "message") if source.get(part))
    return f" ({words})" if words else ""


def slim(obj: Object) -> Object:
    """Without what is large and judged by nobody: field ownership, and most of the spec of a pod with a controller."""
    told = {part: value for part, value in meta(obj).items() if part != "managedFields"}
    if obj.get("kind") == "Pod" and told.get("ownerReferences"):
        return {**obj, "metadata": told, "spec": {"nodeName": spec(obj).get("nodeName"), **_images(spec(obj))}}
    return {**obj, "metadata": told}


def images(pod_spec: Mapping[str, Any]) -> Mapping[str, Any]:
    """The image of each container by its name, of those that run before the others too."""
    named = (entry for part in _CONTAINERS for entry in pod_spec.get(part) or ())
    return {str(entry.get("name", "")): entry.get("image") for entry in named}


_CONTAINERS = ("initContainers", "containers")


def _images(pod_spec: Mapping[str, Any]) -> Mapping[str, Any]:
    return {
        part: [{"name": entry.get("name"), "image": entry.get("image")} for entry in pod_spec[part]]
        for part in _CONTAINERS
        if pod_spec.get(part)
    }
