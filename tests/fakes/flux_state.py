"""The state of the Flux objects in a simulated cluster, and changes of them."""

from typing import Any

from dag_gateway.simulator.cluster import SimulatedCluster
from dag_gateway.simulator.kinds import GIT_REPOSITORY, HELM_CHART, HELM_RELEASE, Key, Kind, Object
from dag_gateway.simulator.patches import merge_patch
from tests.fakes.flux_iac import FluxIac
from tests.fakes.simulated import until

PLACES = {
    GIT_REPOSITORY: ("flux-system", "iac"),
    HELM_CHART: ("flux-system", "shop-web"),
    HELM_RELEASE: ("shop", "web"),
}


def status_of_flux(sim: SimulatedCluster, kind: Kind = HELM_RELEASE) -> Object:
    item = sim.store.get(kind, *PLACES[kind]) or {}
    status: Object = item.get("status") or {}
    return status


def flux_condition(sim: SimulatedCluster, name: str, kind: Kind = HELM_RELEASE) -> tuple[str, str]:
    """Value and reason."""
    conditions = status_of_flux(sim, kind).get("conditions", [])
    return next(((item["status"], item["reason"]) for item in conditions if item["type"] == name), ("", ""))


def release_history(sim: SimulatedCluster) -> list[tuple[str, str]]:
    return [(entry["chartVersion"], entry["status"]) for entry in status_of_flux(sim).get("history", [])]


def change_spec(sim: SimulatedCluster, kind: Kind, **changes: Any) -> None:
    sim.registry.edit(Key(kind, *PLACES[kind]), lambda item: {**item, "spec": {**item["spec"], **changes}})


def request(sim: SimulatedCluster, kind: Kind, token: str) -> None:
    patch = {"metadata": {"annotations": {"reconcile.fluxcd.io/requestedAt": token}}}
    sim.registry.edit(Key(kind, *PLACES[kind]), lambda item: merge_patch(item, patch))


async def another_fetch(sim: SimulatedCluster) -> None:
    """Another GitRepository, made now, was fetched: what was asked for before it had its turn too."""
    source = (sim.store.get(GIT_REPOSITORY, "flux-system", "iac") or {})["spec"]
    metadata = {"name": "probe", "namespace": "flux-system"}
    await sim.apply(
        {
            "apiVersion": GIT_REPOSITORY.api_version,
            "kind": "GitRepository",
            "metadata": metadata,
            "spec": {**source, "suspend": False},
        }
    )
    await until(
        sim, lambda: (sim.store.get(GIT_REPOSITORY, "flux-system", "probe") or {}).get("status", {}).get("artifact")
    )


async def released(sim: SimulatedCluster, version: str) -> None:
    def done() -> bool:
        return release_history(sim)[:1] == [(version, "deployed")] and flux_condition(sim, "Ready")[0] == "True"

    await until(sim, done)


async def installed(sim: SimulatedCluster, iac: FluxIac, **release: Any) -> str:
    commit = iac.deploy("1.0.0")
    await sim.apply(*iac.flux_objects(**release))
    await released(sim, "1.0.0")
    return commit
