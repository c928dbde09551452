"""Whether a Pod whose image was changed in place runs the new one already: its status alone does not tell.

The kubelet replaces a container once its image in the spec is another (``kuberuntime_manager.go``,
``computePodActions``). What a status calls the image may be another name of the same one (kubernetes#51017), and before
Kubernetes 1.34 it does not say of which spec it speaks.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from dag_gateway.model.health import Health, progressing

from .objects import Object, images, spec, status, title
from .workloads import Workloads


class Containers:
    """Remembers the image of the spec with which each running container was first seen: it has no other while it runs.

    Of one that was first seen after the change nothing is known, and nothing is said.
    """

    def __init__(self) -> None:
        self._made_from: dict[str, object] = {}

    def seeing(self, held: Workloads) -> Workloads:
        """With what is missing where a Pod of the release itself still runs a container of the image before."""
        pods = [owner for owner in held.owners if owner.get("kind") == "Pod"]
        return replace(held, missing=[*held.missing, *(gap for pod in pods for gap in self._gaps(pod))])

    def _gaps(self, pod: Object) -> Iterator[Health]:
        wanted = images(spec(pod))
        for entry in _running(pod):
            name = str(entry.get("name", ""))
            image = wanted.get(name)
            if self._made_from.setdefault(str(entry["containerID"]), image) != image:
                yield progressing(f"{title(pod)}: container {name} was not restarted with image {image} yet")


def _running(pod: Object) -> list[Mapping[str, Any]]:
    told = ((entry, entry.get("state") or {}) for entry in status(pod).get("containerStatuses") or ())
    return [entry for entry, state in told if entry.get("containerID") and state.get("running") is not None]
