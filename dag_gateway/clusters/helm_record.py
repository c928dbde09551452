"""Helm's own record of a release, as it lies in its Secrets.

Helm ``pkg/storage/driver/{secrets,util}.go``: one Secret per revision, ``sh.helm.release.v1.<release>.v<revision>``,
with the record as base64 of gzip of JSON, and base64 once more, as all Secret data. Very old ones are not compressed.
"""

import base64
import binascii
import json
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import yaml

from dag_gateway.errors import Invalid

from .objects import Object, created, label, name, namespace, spec

_GZIP = b"\x1f\x8b\x08"
_LARGEST = 32 * 1024**2
"""Bytes of a record once unpacked. A Secret holds 1 MiB; a manifest does not compress a hundredfold by accident."""

_CONTAINERS = ("initContainers", "containers")

_LIFETIME = "ttlSecondsAfterFinished"

IMAGES = "images"
"""Where an object of a release has its ``images``; not a field of Kubernetes."""

_RECORD = "record"
"""Where an opened Secret has what was read; not a field of Kubernetes."""


class UnreadableRelease(Invalid):
    """A release Secret that does not hold what Helm writes."""

    code = "unreadable_release"


@dataclass(frozen=True, slots=True)
class Release:
    """One revision of a release. ``created`` is when the API server stored it, before Helm touched any object.

    ``objects`` are those of its manifest, of which no more is kept than what they are called, the images of their
    containers and how long a Job stays: a manifest may have megabytes, and be of many targets. Hooks are not among
    them, Helm keeps those apart.
    """

    revision: int
    status: str
    description: str
    chart_name: str
    chart_version: str
    objects: tuple[Object, ...]
    created: datetime | None


def opened(secret: Object) -> Object:
    """The Secret with ``record_of`` instead of its data, which is large, and secret. Takes a second for a large one."""
    told = {part: value for part, value in secret.items() if part != "data"}
    try:
        return {**told, _RECORD: decode(secret, with_objects=label(secret, "status") != "superseded")}
    except UnreadableRelease as error:
        return {**told, _RECORD: UnreadableRelease(error.message)}  # without the frames that hold the values


def record_of(secret: Object) -> Release | UnreadableRelease:
    """What an ``opened`` Secret holds; of a superseded release without its objects."""
    record: Release | UnreadableRelease = secret[_RECORD]
    return record


def decode(secret: Object, *, with_objects: bool) -> Release:
    """Raises UnreadableRelease, which names the Secret and says nothing of its content.

    Without its objects a record is read faster by far.
    """
    try:
        record = json.loads(_unpacked(base64.b64decode(base64.b64decode(secret["data"]["release"], validate=True))))
        return _release(record, secret, manifest_objects(record.get("manifest")) if with_objects else ())
    except yaml.YAMLError:
        raise UnreadableRelease(
            f"the manifest in Secret {name(secret)} is not YAML; `helm get manifest` shows it"
        ) from None
    except (KeyError, TypeError, ValueError, AttributeError, binascii.Error, zlib.error) as error:
        raise UnreadableRelease(
            f"Secret {name(secret)} does not hold a Helm release that can be read ({type(error).__name__});"
            " `helm history` shows whether Helm can"
        ) from None  # the cause may quote the record, which holds the values of the release


def revision_of(secret: Object) -> int:
    """The revision that the label names; 0 where Helm did not write it."""
    text = label(secret, "version")
    return int(text) if text.isdecimal() else 0


def newest_first(secrets: Iterable[Object]) -> list[Object]:
    return sorted(secrets, key=revision_of, reverse=True)


def manifest_objects(text: str | None) -> tuple[Object, ...]:
    """What the objects of a manifest are called, with ``IMAGES``; those of a List one by one. Raises yaml.YAMLError."""
    documents = yaml.load_all(text or "", Loader=_LOADER)
    return tuple(_called(obj) for document in documents for obj in _flat(document))


def _called(obj: Object) -> Object:
    metadata = {"name": name(obj), "namespace": namespace(obj)}
    called = {"apiVersion": str(obj.get("apiVersion", "")), "kind": str(obj["kind"]), "metadata": metadata}
    found, lifetime = images(obj), spec(obj).get(_LIFETIME)
    kept = {IMAGES: found} if found else {}
    return {**called, **kept, **({} if lifetime is None else {"spec": {_LIFETIME: lifetime}})}


def images(obj: Object) -> dict[str, str]:
    """Container to image, init containers too, of what runs pods by a template; empty for all else."""
    template = spec(obj).get("template")
    pod = template.get("spec") if isinstance(template, dict) else None
    groups = [pod.get(group) for group in _CONTAINERS] if isinstance(pod, dict) else []
    containers = [one for group in groups if isinstance(group, list) for one in group if isinstance(one, dict)]
    return {str(one.get("name")): str(one["image"]) for one in containers if one.get("image")}


def _flat(document: Any, depth: int = 0) -> Iterator[Object]:
    """The objects of one document, which may be a List. Raises ValueError for one that holds itself."""
    if depth > _DEEPEST:
        raise ValueError("lists within lists")
    if not isinstance(document, dict) or not document.get("kind"):
        return
    if str(document["kind"]).endswith("List") and isinstance(document.get("items"), list):
        for item in document["items"]:
            yield from _flat(item, depth + 1)
    else:
        yield document


_DEEPEST = 10
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def _unpacked(data: bytes) -> bytes:
    if not data.startswith(_GZIP):
        return data
    inflate = zlib.decompressobj(wbits=31)
    plain = inflate.decompress(data, _LARGEST)
    if inflate.unconsumed_tail:
        raise ValueError("too large")
    return plain


def _release(record: Any, secret: Object, objects: tuple[Object, ...]) -> Release:
    info, chart = record["info"], record["chart"]["metadata"]
    return Release(
        revision=int(record["version"]),
        status=str(info["status"]),
        description=str(info.get("description") or ""),
        chart_name=str(chart["name"]),
        chart_version=str(chart["version"]),
        objects=objects,
        created=created(secret),
    )
