from typing import Any

import pytest

from dag_gateway.clusters.in_place import Containers
from dag_gateway.clusters.workloads import Workloads
from dag_gateway.model.health import Health, Verdict, progressing
from dag_gateway.simulator.cluster import SimulatedCluster, simulated_cluster
from tests.fakes import flux_cluster as played
from tests.fakes.cluster_api import api_of
from tests.fakes.followed import following

OLD, NEW = "registry.example.com/web:1", "registry.example.com/web:2"
WAITING = progressing(f"Pod shop/one: container app was not restarted with image {NEW} yet")
RUNNING = {"running": {"startedAt": "2026-01-31T11:00:00Z"}}
ENDED = {"terminated": {"exitCode": 0}}


def pod(image: str, container: str, state: dict[str, Any] = RUNNING, **metadata: Any) -> dict[str, Any]:
    """A ready Pod without an owner; ``container`` is the id of the one that runs in it."""
    told = {"name": "app", "image": "registry.example.com/web:0", "containerID": container, "state": state}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "one", "namespace": "shop", "labels": played.LABELS, **metadata},
        "spec": {"containers": [{"name": "app", "image": image}]},
        "status": {"phase": "Running", "conditions": [played.READY], "containerStatuses": [told]},
    }


def missing(*seen: dict[str, Any]) -> list[Health]:
    """What is missing in the last of what was seen."""
    containers = Containers()
    return [list(containers.seeing(Workloads([each])).missing) for each in seen][-1]


def test_a_container_that_ran_before_its_image_was_changed_is_not_of_the_new_one() -> None:
    assert missing(pod(OLD, "c1"), pod(NEW, "c1")) == [WAITING]
    assert missing(pod(OLD, "c1"), pod(NEW, "c1"), pod(NEW, "c2")) == []


@pytest.mark.parametrize(
    "seen",
    [
        [pod(NEW, "c1")],
        [pod(NEW, "c1"), pod(NEW, "c1")],
        [pod(OLD, "c1"), pod(NEW, "c1"), pod(OLD, "c1")],
        [pod(OLD, "c1"), pod(NEW, "c1", ENDED)],
        [pod(OLD, ""), pod(NEW, "")],
    ],
)
def test_nothing_is_said_of_containers_that_are_not_known_to_be_old(seen: list[dict[str, Any]]) -> None:
    assert missing(*seen) == []


def test_what_is_missing_otherwise_stays() -> None:
    other = progressing("Job shop/migrate is missing")

    assert Containers().seeing(Workloads([pod(NEW, "c1")], missing=[other])).missing == [other]


async def test_a_pod_that_is_changed_in_place_is_not_live_before_its_container_is_restarted() -> None:
    async with simulated_cluster(controllers=False) as sim, api_of(sim.url, sim.token) as api:
        await played.old_release(sim)
        await stored(sim, pod(OLD, "c1"))
        async with following(api, played.TARGET, played.GOAL, played.is_ours) as rollout:
            await rollout.message("waits for c0ffee000000")
            await played.upgrading(sim)
            await played.deployment(sim, "web:2")
            await rollout.message("Running 'upgrade' action")
            await stored(sim, pod(NEW, "c1"))
            await played.our_release(sim)
            await rollout.message(WAITING.message)
            await stored(sim, pod(NEW, "c2"))
            end = await rollout.end()

    assert (end.verdict, end.message) == (Verdict.HEALTHY, "web: 2/2 pods ready; one: ready")


async def stored(sim: SimulatedCluster, obj: dict[str, Any]) -> None:
    """Written twice: the status of a new object is dropped."""
    await sim.apply(obj)
    await sim.apply(obj)
