"""A whole simulated cluster: objects, API server and controllers, opened and closed together."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import yaml

from dag_gateway.clock import SystemClock
from dag_gateway.helm import Helm

from . import kinds
from .api.app import ApiServer
from .argocd.applications import ApplicationController
from .controllers.everything import housekeeping, running, without_workloads, workloads
from .controllers.loop import Controller
from .faults import Faults
from .flux.agent import flux
from .flux.kustomizations import KustomizationController
from .helm_actions import helm_upgrade
from .helm_storage import Release
from .keys import key_of
from .kinds import Key, Kind, Object
from .logbook import Logbook
from .pace import Pace
from .registry import Registry
from .server import serving
from .store import ObjectStore

DEFAULT_TOKEN = "simulated-token"  # noqa: S105 - opens nothing but the simulation
_MANAGER = "simulator"
_FIRST_NAMESPACES = ("default", "kube-system")


class SimulatedCluster:
    """The handle of a running cluster; ``registry`` and ``store`` are in-process shortcuts past HTTP."""

    def __init__(self, registry: Registry, faults: Faults, url: str, token: str, pace: Pace) -> None:
        self.registry = registry
        self.store = registry.store
        self.faults = faults
        self.url = url
        self.token = token
        self._pace = pace

    @property
    def request_log(self) -> list[tuple[str, str]]:
        """Method and path with query of every request so far."""
        return self.faults.request_log

    @property
    def unavailable(self) -> bool:
        """While True every request is answered with 503, and open watches end."""
        return self.faults.unavailable

    @unavailable.setter
    def unavailable(self, value: bool) -> None:
        self.faults.unavailable = value
        if value:
            self.drop_watches()

    @property
    def refuse_connections(self) -> bool:
        """While True every connection is reset before it is answered, and open watches end."""
        return self.faults.refuse_connections

    @refuse_connections.setter
    def refuse_connections(self, value: bool) -> None:
        self.faults.refuse_connections = value
        if value:
            self.drop_watches()

    @property
    def open_watches(self) -> int:
        """How many watch requests are being answered."""
        return self.faults.open_watches

    def kubeconfig(self) -> str:
        """A kubeconfig with the one context ``simulated``, as YAML."""
        return yaml.safe_dump(
            {
                "apiVersion": "v1",
                "kind": "Config",
                "clusters": [{"name": "simulated", "cluster": {"server": self.url}}],
                "users": [{"name": "simulated", "user": {"token": self.token}}],
                "contexts": [{"name": "simulated", "context": {"cluster": "simulated", "user": "simulated"}}],
                "current-context": "simulated",
            }
        )

    async def apply(self, *objects: Object) -> None:
        """Server-side apply, by force, of whole objects; a missing namespace is made.

        A ``status`` in an object is written as a second request to the status subresource would.
        """
        for item in objects:
            key = key_of(item)
            self.ensure_namespace(key.namespace)
            config = {name: value for name, value in item.items() if name != "status" or not key.kind.has_status}
            self.registry.apply(key, config, _MANAGER, force=True)
            if key.kind.has_status and "status" in item:
                self.registry.set_status(key, item["status"])

    def ensure_namespace(self, name: str) -> None:
        """Create the namespace unless it is there; nothing for the empty name."""
        if name and self.store.get(kinds.NAMESPACE, "", name) is None:
            self.registry.create(kinds.NAMESPACE, "", {"metadata": {"name": name}})

    def follow_flux(self, helm: Helm) -> AbstractAsyncContextManager[None]:
        """Run the Flux-like agent for as long as the block runs; charts are rendered by ``helm``."""
        return self._running(flux(self.registry, helm, self._pace))

    def follow_kustomize(self) -> AbstractAsyncContextManager[None]:
        """Run kustomize-controller beside ``follow_flux``, whose GitRepositories it takes its folders from."""
        return self._running([KustomizationController(self.registry, self._pace)])

    def follow_argocd(self, helm: Helm, *, stale: float = 0.0) -> AbstractAsyncContextManager[None]:
        """Run the agent that is like Argo CD for as long as the block runs.

        ``stale`` are the simulated seconds after a sync in which an Application still shows the health from before.
        """
        return self._running([ApplicationController(self.registry, helm, self._pace, stale)])

    def _running(self, controllers: Sequence[Controller]) -> AbstractAsyncContextManager[None]:
        return running(self.registry, controllers, self._pace, self.faults)

    async def helm_upgrade(
        self, helm: Helm, files: Mapping[str, bytes], *, release: str, namespace: str, values: Object | None = None
    ) -> Release:
        """``helm upgrade --install --create-namespace`` of a chart folder, without ``--wait``."""
        self.ensure_namespace(namespace)
        return await helm_upgrade(self.registry, helm, files, release=release, namespace=namespace, values=values)

    def furnish(self, nodes: Sequence[str]) -> None:
        """What a new cluster has: its first namespaces and nodes."""
        for name in _FIRST_NAMESPACES:
            self.ensure_namespace(name)
        for name in nodes:
            self.registry.create(kinds.NODE, "", {"metadata": {"name": name}})
            ready = {"type": "Ready", "status": "True", "reason": "KubeletReady"}
            self.registry.set_status(Key(kinds.NODE, "", name), {"conditions": [ready]})

    def delete(self, kind: Kind, namespace: str, name: str) -> None:
        """Delete as a request would."""
        self.registry.delete(Key(kind, namespace, name))

    def drop_watches(self) -> None:
        """End every open watch connection."""
        self.faults.watch_era += 1
        self.store.wake()

    def expire_history(self) -> None:
        """Every resourceVersion handed out so far, but the newest, is too old from now on (410)."""
        self.store.forget()


@asynccontextmanager
async def simulated_cluster(
    *, pace: float = 0.005, token: str = DEFAULT_TOKEN, port: int = 0, controllers: bool = True, nodes: int = 1
) -> AsyncIterator[SimulatedCluster]:
    """A cluster on a loopback port for as long as the block runs.

    ``pace`` is the real time in seconds that one simulated second takes (see ``Pace`` for time limits). Without
    ``controllers`` workloads stay as they are written: whoever tests writes their status. ``nodes`` is how many
    there are, one pod of a DaemonSet on each.
    """
    registry, logbook, faults = Registry(ObjectStore(), SystemClock()), Logbook(), Faults()
    names = [f"node-{number}" for number in range(1, nodes + 1)]
    speed = Pace(pace)
    chosen = workloads(registry, logbook, names, speed) if controllers else without_workloads(registry)
    async with (
        serving(ApiServer(registry, logbook, faults, token).app(), port, lambda: faults.refuse_connections) as url,
        running(registry, [*housekeeping(registry), *chosen], speed, faults),
    ):
        cluster = SimulatedCluster(registry, faults, url, token, speed)
        cluster.furnish(names)
        try:
            yield cluster
        finally:
            cluster.drop_watches()
