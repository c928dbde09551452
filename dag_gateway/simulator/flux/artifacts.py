"""What source-controller keeps on its disk: which commit a source is at, and the packaged charts."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from dag_gateway.simulator.kinds import Object
from dag_gateway.simulator.registry import Registry


@dataclass(frozen=True, slots=True)
class Checkout:
    """A commit of a bare repository."""

    path: Path
    commit: str


@dataclass(frozen=True, slots=True)
class PackagedChart:
    """A chart at the version that it is released as."""

    metadata: Object
    files: Mapping[str, bytes]

    @property
    def version(self) -> str:
        return str(self.metadata["version"])


@dataclass(slots=True)
class Artifacts:
    """By the uid of the object that produced them."""

    checkouts: dict[str, Checkout] = field(default_factory=dict)
    charts: dict[str, PackagedChart] = field(default_factory=dict)


def described(registry: Registry, item: Object, revision: str) -> Object:
    """The ``status.artifact`` of a source."""
    metadata = item["metadata"]
    path = f"{item['kind'].lower()}/{metadata['namespace']}/{metadata['name']}/{revision.rpartition(':')[2]}.tar.gz"
    return {
        "path": path,
        "url": f"http://source-controller.flux-system.svc.cluster.local./{path}",
        "revision": revision,
        "digest": f"sha256:{hashlib.sha256(path.encode()).hexdigest()}",
        "lastUpdateTime": registry.now(),
        "size": 0,
    }
