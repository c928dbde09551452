"""Helm's release records: one Secret per revision, encoded as Helm encodes them.

Source: ``pkg/storage/driver/{secrets,util}.go`` and ``pkg/storage/storage.go`` of Helm.
"""

import base64
import gzip
import json
from dataclasses import dataclass, replace
from typing import Any

from . import kinds
from .kinds import Key, Object
from .registry import Registry

_KEPT = 10
"""Helm's default for ``--history-max``."""


@dataclass(frozen=True, slots=True)
class Release:
    """One revision of a release."""

    name: str
    namespace: str
    version: int
    status: str
    chart: Object
    """The metadata of ``Chart.yaml``."""
    config: Object
    manifest: str
    first_deployed: str
    last_deployed: str
    description: str = ""

    def ended(self, status: str, description: str) -> "Release":
        return replace(self, status=status, description=description)

    @property
    def secret_name(self) -> str:
        return f"sh.helm.release.v1.{self.name}.v{self.version}"


def save(registry: Registry, namespace: str, release: Release) -> None:
    """Write a revision into ``namespace`` (the storage namespace), and forget revisions beyond the history limit."""
    labels = {
        "owner": "helm",
        "name": release.name,
        "status": release.status,
        "version": str(release.version),
    }
    secret = {
        "metadata": {"name": release.secret_name, "labels": labels},
        "type": "helm.sh/release.v1",
        "data": {"release": encoded(release)},
    }
    key = Key(kinds.SECRET, namespace, release.secret_name)
    if registry.store.get(*key) is None:
        registry.create(kinds.SECRET, namespace, secret)
    else:
        registry.replace(key, secret)
    for old in history(registry, namespace, release.name)[_KEPT:]:
        registry.delete(Key(kinds.SECRET, namespace, old.secret_name))


def history(registry: Registry, namespace: str, name: str) -> list[Release]:
    """The revisions of a release, newest first."""
    secrets = registry.store.select(kinds.SECRET, namespace, lambda item: _is_of(item, name))
    return sorted((decoded(item) for item in secrets), key=lambda release: -release.version)


def encoded(release: Release) -> str:
    """The value under ``data.release``: base64 twice, the outer one by Kubernetes, around gzip around JSON."""
    document = {
        "name": release.name,
        "namespace": release.namespace,
        "version": release.version,
        "info": {
            "status": release.status,
            "description": release.description,
            "first_deployed": release.first_deployed,
            "last_deployed": release.last_deployed,
            "deleted": "",
        },
        "chart": {"metadata": release.chart, "values": {}, "templates": []},
        "config": release.config,
        "manifest": release.manifest,
        "hooks": [],
    }
    packed = gzip.compress(json.dumps(document).encode(), mtime=0)
    return base64.b64encode(base64.b64encode(packed)).decode()


def decoded(secret: Object) -> Release:
    """The inverse of ``encoded``."""
    packed = base64.b64decode(base64.b64decode(secret["data"]["release"]))
    document: dict[str, Any] = json.loads(gzip.decompress(packed))
    info = document["info"]
    return Release(
        document["name"],
        document["namespace"],
        document["version"],
        info["status"],
        document["chart"]["metadata"],
        document["config"],
        document["manifest"],
        info["first_deployed"],
        info["last_deployed"],
        info["description"],
    )


def _is_of(secret: Object, name: str) -> bool:
    labels = secret["metadata"].get("labels") or {}
    return labels.get("owner") == "helm" and labels.get("name") == name
