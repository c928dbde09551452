from typing import Any

from dag_gateway.simulator import kinds
from dag_gateway.simulator.cluster import SimulatedCluster
from dag_gateway.simulator.kinds import DEPLOYMENT, REPLICA_SET, Object
from tests.fakes.simulated import pods_of, reason_of, status_of, until, warnings, workload

REVISION = "deployment.kubernetes.io/revision"


def _is_done(sim: SimulatedCluster) -> bool:
    item = sim.store.get(DEPLOYMENT, "shop", "web") or {}
    status = item.get("status") or {}
    reason = reason_of(sim, DEPLOYMENT, "Progressing")
    observed = status.get("observedGeneration") == item["metadata"]["generation"]
    return reason == "NewReplicaSetAvailable" and observed


async def _rolled_out(sim: SimulatedCluster, image: str, **spec: Any) -> None:
    await sim.apply(workload(DEPLOYMENT, image, **spec))
    await until(sim, lambda: _is_done(sim) and len(pods_of(sim, image)) == len(pods_of(sim)))


def _history(sim: SimulatedCluster) -> list[Object]:
    return [change.item for change in sim.store.since(0) if change.key.kind is DEPLOYMENT]


def _replica_set(sim: SimulatedCluster, image: str) -> Object:
    (found,) = [
        item
        for item in sim.store.select(REPLICA_SET, "shop")
        if item["spec"]["template"]["spec"]["containers"][0]["image"] == image
    ]
    return found


async def test_a_rollout_goes_through_the_reasons_of_the_real_controller(sim: SimulatedCluster) -> None:
    await _rolled_out(sim, "web:1", replicas=2)
    seen = [condition["reason"] for item in _history(sim) for condition in item["status"].get("conditions", [])]
    assert list(dict.fromkeys(reason for reason in seen if not reason.startswith("Minimum"))) == [
        "NewReplicaSetCreated",
        "ReplicaSetUpdated",
        "NewReplicaSetAvailable",
    ]
    status = status_of(sim, DEPLOYMENT)
    counts = {status[f"{name}Replicas"] for name in ("updated", "ready", "available")} | {status["replicas"]}
    assert (counts, status["unavailableReplicas"]) == ({2}, 0)


async def test_a_new_spec_is_seen_beside_the_old_status(sim: SimulatedCluster) -> None:
    await _rolled_out(sim, "web:1")
    await sim.apply(workload(DEPLOYMENT, "web:2"))
    item = sim.store.get(DEPLOYMENT, "shop", "web") or {}
    assert (item["metadata"]["generation"], item["status"]["observedGeneration"]) == (2, 1)
    assert reason_of(sim, DEPLOYMENT, "Progressing") == "NewReplicaSetAvailable"


async def test_an_update_keeps_to_surge_and_availability(sim: SimulatedCluster) -> None:
    rolling = {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1, "maxUnavailable": 1}}
    await _rolled_out(sim, "web:1", replicas=4, strategy=rolling)
    before = len(_history(sim))
    await _rolled_out(sim, "web:2", replicas=4, strategy=rolling)
    during = [item["status"] for item in _history(sim)[before:]]
    assert max(status["replicas"] for status in during) <= 5
    assert min(status["availableReplicas"] for status in during) >= 3
    assert {1, 2, 3, 4} & {status["updatedReplicas"] for status in during} != {4}
    assert _replica_set(sim, "web:1")["spec"]["replicas"] == 0


async def test_a_broken_update_leaves_the_old_pods_alone(sim: SimulatedCluster) -> None:
    await _rolled_out(sim, "web:1", replicas=2)
    await sim.apply(workload(DEPLOYMENT, "web:never-ready", replicas=2, progressDeadlineSeconds=1))
    await until(sim, lambda: reason_of(sim, DEPLOYMENT, "Progressing") == "ProgressDeadlineExceeded")
    status = status_of(sim, DEPLOYMENT)
    assert (len(pods_of(sim, "web:1")), len(pods_of(sim, "web:never-ready"))) == (2, 1)
    assert (status["updatedReplicas"], status["availableReplicas"]) == (1, 2)
    assert reason_of(sim, DEPLOYMENT, "Available") == "MinimumReplicasAvailable"


async def test_going_back_takes_the_old_replica_set_with_a_new_revision(sim: SimulatedCluster) -> None:
    await _rolled_out(sim, "web:1")
    await _rolled_out(sim, "web:2")
    await _rolled_out(sim, "web:1")
    sets = {item["metadata"]["annotations"][REVISION] for item in sim.store.select(REPLICA_SET, "shop")}
    item = sim.store.get(DEPLOYMENT, "shop", "web") or {}
    assert sets == {"2", "3"}
    assert _replica_set(sim, "web:1")["metadata"]["annotations"][REVISION] == "3"
    assert item["metadata"]["annotations"][REVISION] == "3"


async def test_recreate_ends_the_old_pods_first(sim: SimulatedCluster) -> None:
    recreate = {"type": "Recreate"}
    await _rolled_out(sim, "web:1", replicas=2, strategy=recreate)
    await sim.apply(workload(DEPLOYMENT, "web:2", replicas=2, strategy=recreate))
    await until(sim, lambda: pods_of(sim, "web:2"))
    assert pods_of(sim, "web:1") == []
    await until(sim, lambda: _is_done(sim))


async def test_a_paused_deployment_does_not_roll_out(sim: SimulatedCluster) -> None:
    await _rolled_out(sim, "web:1")
    await sim.apply(workload(DEPLOYMENT, "web:2", paused=True))
    await until(sim, lambda: status_of(sim, DEPLOYMENT)["observedGeneration"] == 2)
    assert (len(pods_of(sim, "web:1")), pods_of(sim, "web:2")) == (1, [])


async def test_scaling_makes_no_new_replica_set(sim: SimulatedCluster) -> None:
    await _rolled_out(sim, "web:1", replicas=3)
    await sim.apply(workload(DEPLOYMENT, "web:1", replicas=1))
    await until(sim, lambda: len(pods_of(sim)) == 1)
    assert len(sim.store.select(REPLICA_SET, "shop")) == 1


async def test_old_replica_sets_are_forgotten_beyond_the_limit(sim: SimulatedCluster) -> None:
    for image in ("web:1", "web:2", "web:3"):
        await _rolled_out(sim, image, revisionHistoryLimit=1)
    await until(sim, lambda: len(sim.store.select(REPLICA_SET, "shop")) == 2)
    assert _replica_set(sim, "web:2")["spec"]["replicas"] == 0


async def test_a_quota_that_is_used_up_is_a_replica_failure(sim: SimulatedCluster) -> None:
    metadata = {"name": "small", "namespace": "shop"}
    await sim.apply(
        {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": metadata, "spec": {"hard": {"pods": "1"}}}
    )
    await sim.apply(workload(DEPLOYMENT, replicas=2))
    await until(sim, lambda: reason_of(sim, DEPLOYMENT, "ReplicaFailure") == "FailedCreate")
    (condition,) = [item for item in status_of(sim, DEPLOYMENT)["conditions"] if item["type"] == "ReplicaFailure"]
    assert "exceeded quota: small, requested: pods=1, used: pods=1, limited: pods=1" in condition["message"]
    assert "FailedCreate" in warnings(sim)


async def test_a_deleted_deployment_takes_everything_along(sim: SimulatedCluster) -> None:
    await _rolled_out(sim, "web:1", replicas=2)
    sim.delete(DEPLOYMENT, "shop", "web")
    await until(sim, lambda: not pods_of(sim))
    assert sim.store.select(REPLICA_SET, "shop") == []


async def test_a_deleted_pod_is_replaced(sim: SimulatedCluster) -> None:
    await _rolled_out(sim, "web:1")
    (old,) = pods_of(sim)
    sim.delete(kinds.POD, "shop", old["metadata"]["name"])
    await until(
        sim, lambda: pods_of(sim) and old["metadata"]["name"] not in {p["metadata"]["name"] for p in pods_of(sim)}
    )
    await until(sim, lambda: status_of(sim, DEPLOYMENT)["availableReplicas"] == 1)


async def test_controllers_survive_a_lost_history(sim: SimulatedCluster) -> None:
    await sim.apply(workload(DEPLOYMENT, "web:1", replicas=2))
    sim.expire_history()
    await until(sim, lambda: _is_done(sim))
