from collections.abc import AsyncIterator
from functools import partial

import pytest

from dag_gateway.simulator import kinds
from dag_gateway.simulator.cluster import SimulatedCluster, simulated_cluster
from dag_gateway.simulator.kinds import DAEMON_SET, JOB, NAMESPACE, STATEFUL_SET, Object
from tests.fakes.simulated import config_map, job, pods_of, reason_of, status_of, until, warnings, workload


@pytest.fixture
async def sim() -> AsyncIterator[SimulatedCluster]:
    async with simulated_cluster(pace=0.001, nodes=2) as sim:
        yield sim


def _image(pod: Object) -> str:
    return str(pod["spec"]["containers"][0]["image"])


def _images(sim: SimulatedCluster) -> list[str]:
    return [_image(pod) for pod in pods_of(sim)]


def _settled(sim: SimulatedCluster, replicas: int) -> bool:
    item = sim.store.get(STATEFUL_SET, "shop", "web") or {}
    status = item["status"]
    rolled = status.get("currentRevision") == status.get("updateRevision")
    observed = status.get("observedGeneration") == item["metadata"]["generation"]
    counts = (status.get("readyReplicas"), status.get("replicas"))
    return bool(observed and rolled) and counts == (replicas, replicas)


def _runs(sim: SimulatedCluster, image: str) -> bool:
    return _settled(sim, 1) and _images(sim) == [image]


async def test_a_stateful_set_starts_its_pods_one_after_the_other(sim: SimulatedCluster) -> None:
    await sim.apply(workload(STATEFUL_SET, replicas=3, serviceName="web"))
    await until(sim, lambda: _settled(sim, 3))
    added = [change for change in sim.store.since(0) if change.key.kind is kinds.POD and change.type == "ADDED"]
    assert [change.key.name for change in added] == ["web-0", "web-1", "web-2"]
    seen = [change.item["status"] for change in sim.store.since(0) if change.key.kind is STATEFUL_SET]
    assert all(status["replicas"] - status["readyReplicas"] <= 1 for status in seen if status)


async def test_a_stateful_set_is_updated_from_its_last_pod_down(sim: SimulatedCluster) -> None:
    await sim.apply(workload(STATEFUL_SET, "web:1", replicas=2))
    await until(sim, lambda: _settled(sim, 2))
    old = status_of(sim, STATEFUL_SET)["currentRevision"]
    await sim.apply(workload(STATEFUL_SET, "web:2", replicas=2))
    await until(sim, lambda: _images(sim) == ["web:1", "web:2"])
    assert status_of(sim, STATEFUL_SET)["currentRevision"] == old
    await until(sim, lambda: _settled(sim, 2))
    assert _images(sim) == ["web:2", "web:2"]
    assert status_of(sim, STATEFUL_SET)["currentRevision"] != old


async def test_a_partition_keeps_the_first_pods_as_they_are(sim: SimulatedCluster) -> None:
    strategy = {"type": "RollingUpdate", "rollingUpdate": {"partition": 1}}
    await sim.apply(workload(STATEFUL_SET, "web:1", replicas=2, updateStrategy=strategy))
    await until(sim, lambda: _settled(sim, 2))
    await sim.apply(workload(STATEFUL_SET, "web:2", replicas=2, updateStrategy=strategy))
    await until(sim, lambda: _images(sim) == ["web:1", "web:2"])
    await until(sim, lambda: status_of(sim, STATEFUL_SET)["readyReplicas"] == 2)
    assert status_of(sim, STATEFUL_SET)["updatedReplicas"] == 1
    sim.delete(kinds.POD, "shop", "web-0")
    await until(sim, lambda: len(pods_of(sim)) == 1)
    await until(sim, lambda: len(pods_of(sim)) == 2)
    assert _images(sim) == ["web:1", "web:2"]


async def test_parallel_pods_start_together_and_claims_outlive_them(sim: SimulatedCluster) -> None:
    claim = {"metadata": {"name": "data"}, "spec": {"accessModes": ["ReadWriteOnce"]}}
    item = workload(STATEFUL_SET, replicas=2, podManagementPolicy="Parallel", volumeClaimTemplates=[claim])
    await sim.apply(item)
    await until(sim, lambda: _settled(sim, 2))
    item["spec"]["replicas"] = 0
    await sim.apply(item)
    await until(sim, lambda: not pods_of(sim))
    claims = sim.store.select(kinds.VOLUME_CLAIM, "shop")
    assert [claim["metadata"]["name"] for claim in claims] == ["data-web-0", "data-web-1"]
    assert {claim["status"]["phase"] for claim in claims} == {"Bound"}


async def test_a_stateful_set_shrinks_from_the_end(sim: SimulatedCluster) -> None:
    await sim.apply(workload(STATEFUL_SET, replicas=3))
    await until(sim, lambda: _settled(sim, 3))
    await sim.apply(workload(STATEFUL_SET, replicas=1))
    await until(sim, lambda: _settled(sim, 1))
    assert [pod["metadata"]["name"] for pod in pods_of(sim)] == ["web-0"]


async def test_pods_on_delete_wait_for_somebody_to_delete_them(sim: SimulatedCluster) -> None:
    strategy = {"type": "OnDelete"}
    await sim.apply(workload(STATEFUL_SET, "web:1", replicas=1, updateStrategy=strategy))
    await until(sim, lambda: _settled(sim, 1))
    await sim.apply(workload(STATEFUL_SET, "web:2", replicas=1, updateStrategy=strategy))
    await until(sim, lambda: status_of(sim, STATEFUL_SET)["observedGeneration"] == 2)
    assert _images(sim) == ["web:1"]
    sim.delete(kinds.POD, "shop", "web-0")
    await until(sim, lambda: _images(sim) == ["web:2"])


async def test_going_back_to_an_earlier_template_takes_its_revision(sim: SimulatedCluster) -> None:
    for image in ("web:1", "web:2", "web:1"):
        await sim.apply(workload(STATEFUL_SET, image, replicas=1))
        await until(sim, partial(_runs, sim, image))
    revisions = sim.store.select(kinds.CONTROLLER_REVISION, "shop")
    assert sorted(revision["revision"] for revision in revisions) == [2, 3]


async def test_a_daemon_set_runs_on_every_node_and_is_replaced_node_by_node(sim: SimulatedCluster) -> None:
    def done(image: str) -> bool:
        status = status_of(sim, DAEMON_SET)
        return status.get("numberReady") == status.get("updatedNumberScheduled") == 2 and _images(sim) == [image] * 2

    await sim.apply(workload(DAEMON_SET, "web:1"))
    await until(sim, lambda: done("web:1"))
    before = sim.store.version
    await sim.apply(workload(DAEMON_SET, "web:2"))
    await until(sim, lambda: done("web:2"))
    during = [change.item["status"] for change in sim.store.since(before) if change.key.kind is DAEMON_SET]
    assert min(status["numberReady"] for status in during) >= 1
    assert {pod["spec"]["nodeName"] for pod in pods_of(sim)} == {"node-1", "node-2"}


async def test_a_daemon_set_on_delete_leaves_its_pods_alone(sim: SimulatedCluster) -> None:
    strategy = {"type": "OnDelete"}
    await sim.apply(workload(DAEMON_SET, "web:1", updateStrategy=strategy))
    await until(sim, lambda: status_of(sim, DAEMON_SET).get("numberReady") == 2)
    await sim.apply(workload(DAEMON_SET, "web:2", updateStrategy=strategy))
    await until(sim, lambda: status_of(sim, DAEMON_SET)["observedGeneration"] == 2)
    assert status_of(sim, DAEMON_SET)["updatedNumberScheduled"] == 0


async def test_a_job_completes(sim: SimulatedCluster) -> None:
    await sim.apply(job(completions=2, parallelism=2))
    await until(sim, lambda: reason_of(sim, JOB, "Complete", "task") == "CompletionsReached")
    status = status_of(sim, JOB, "task")
    assert (status["succeeded"], status["active"]) == (2, 0)
    assert {"startTime", "completionTime"} <= status.keys()


@pytest.mark.parametrize("policy", ["Never", "OnFailure"])
async def test_a_job_that_keeps_failing_gives_up(sim: SimulatedCluster, policy: str) -> None:
    await sim.apply(job("task:crash", policy, backoffLimit=1))
    await until(sim, lambda: reason_of(sim, JOB, "Failed", "task") == "BackoffLimitExceeded")
    assert reason_of(sim, JOB, "FailureTarget", "task") == "BackoffLimitExceeded"
    assert "BackoffLimitExceeded" in warnings(sim)


async def test_a_job_that_takes_too_long_fails(sim: SimulatedCluster) -> None:
    await sim.apply(job("task:never-ready", activeDeadlineSeconds=1))
    await until(sim, lambda: reason_of(sim, JOB, "Failed", "task") == "DeadlineExceeded")
    await until(sim, lambda: not pods_of(sim))


async def test_a_suspended_job_does_nothing_until_it_is_resumed(sim: SimulatedCluster) -> None:
    await sim.apply(job(suspend=True))
    await until(sim, lambda: reason_of(sim, JOB, "Suspended", "task") == "JobSuspended")
    assert pods_of(sim) == []
    await sim.apply(job(suspend=False))
    await until(sim, lambda: reason_of(sim, JOB, "Complete", "task"))


async def test_a_deleted_namespace_takes_everything_along(sim: SimulatedCluster) -> None:
    await sim.apply(config_map(), workload(STATEFUL_SET, replicas=1))
    sim.delete(NAMESPACE, "", "shop")
    phase = (sim.store.get(NAMESPACE, "", "shop") or {})["status"]["phase"]
    assert phase == "Terminating"
    await until(sim, lambda: sim.store.get(NAMESPACE, "", "shop") is None and not sim.store.keys("shop"))
