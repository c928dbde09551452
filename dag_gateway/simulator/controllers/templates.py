"""Pods from templates: names, hashes, and the numbers that are given as percentages."""

import hashlib
import json
import math

from dag_gateway.simulator.kinds import Object
from dag_gateway.simulator.store import copied

from .owners import reference

_LETTERS = "bcdfghjklmnpqrstvwxz2456789"
HASH_LABEL = "pod-template-hash"
REVISION_LABEL = "controller-revision-hash"


def template_hash(template: Object) -> str:
    """Ten letters that depend on the content of a pod template, without the hash label itself."""
    digest = hashlib.sha256(json.dumps(without_hash(template), sort_keys=True).encode()).digest()
    return "".join(_LETTERS[byte % len(_LETTERS)] for byte in digest[:10])


def without_hash(template: Object) -> Object:
    """The template without the labels that controllers add."""
    bare = copied(template)
    labels = (bare.get("metadata") or {}).get("labels") or {}
    for label in (HASH_LABEL, REVISION_LABEL):
        labels.pop(label, None)
    return bare


def labelled(template: Object, labels: dict[str, str]) -> Object:
    """The template with more labels."""
    metadata = template.get("metadata") or {}
    return {**template, "metadata": {**metadata, "labels": {**(metadata.get("labels") or {}), **labels}}}


def pod_of(owner: Object, template: Object, **metadata: str) -> Object:
    """A pod made from a template for its controller; ``metadata`` is ``name`` or ``generateName``."""
    wanted = copied(template)
    return {
        **wanted,
        "metadata": {**(wanted.get("metadata") or {}), **metadata, "ownerReferences": [reference(owner)]},
    }


def count_of(value: int | str, total: int, *, up: bool) -> int:
    """``3`` or ``"25%"`` of a total; percentages of surge are rounded up, those of unavailability down."""
    if isinstance(value, int):
        return value
    share = int(value.rstrip("%")) * total / 100
    return math.ceil(share) if up else math.floor(share)
