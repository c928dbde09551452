"""Events about objects; the same thing happening again raises a count, as the real recorder does."""

import hashlib
from dataclasses import dataclass

from . import kinds
from .kinds import Key, Object
from .refusals import Refused
from .registry import Registry


@dataclass(frozen=True, slots=True)
class Happening:
    """What to tell; ``type`` is ``Normal`` or ``Warning``."""

    type: str
    reason: str
    message: str


def record(registry: Registry, item: Object, happening: Happening, component: str) -> None:
    """Write an Event about ``item``; nothing when its namespace takes no more objects."""
    metadata = item["metadata"]
    text = "/".join([metadata["uid"], happening.reason, happening.message])
    name = f"{metadata['name']}.{hashlib.sha256(text.encode()).hexdigest()[:16]}"
    namespace = metadata.get("namespace", "default")
    key, now = Key(kinds.EVENT, namespace, name), registry.now()
    known = registry.store.get(*key)
    if known is not None:
        registry.store.put(key, {**known, "count": known["count"] + 1, "lastTimestamp": now})
        return
    event = {
        "metadata": {"name": name},
        "involvedObject": _involved(item),
        "type": happening.type,
        "reason": happening.reason,
        "message": happening.message,
        "source": {"component": component},
        "reportingComponent": component,
        "firstTimestamp": now,
        "lastTimestamp": now,
        "count": 1,
    }
    try:
        registry.create(kinds.EVENT, namespace, event)
    except Refused:
        return  # the namespace is ending; nobody will read it


def _involved(item: Object) -> Object:
    metadata = item["metadata"]
    return {
        "apiVersion": item["apiVersion"],
        "kind": item["kind"],
        "name": metadata["name"],
        "namespace": metadata.get("namespace", ""),
        "uid": metadata["uid"],
        "resourceVersion": metadata["resourceVersion"],
    }
