import asyncio

import httpx
import pytest

from dag_gateway.simulator import kinds
from dag_gateway.simulator.behaviours import BEHAVIOUR_ANNOTATION, LOG_ANNOTATION, Behaviour, of_image
from dag_gateway.simulator.cluster import SimulatedCluster
from tests.fakes.simulated import (
    container_state,
    pod,
    reason_of,
    status_of,
    until,
    waiting_reason,
    warnings,
)

LOG = "/api/v1/namespaces/shop/pods/alone/log"


def _phases(sim: SimulatedCluster) -> list[str]:
    changes = [change.item for change in sim.store.since(0) if change.key.kind is kinds.POD]
    return list(dict.fromkeys(item["status"]["phase"] for item in changes))


async def _log_ends_with(http: httpx.AsyncClient, words: str) -> None:
    """Seen while the container waits; a run that has just begun has not said anything yet, so it is asked again."""
    async with asyncio.timeout(20):
        while not (await http.get(LOG, params={"container": "main"})).text.endswith(words):
            pass


def _is_ready(sim: SimulatedCluster) -> bool:
    return bool(container_state(sim).get("ready"))


@pytest.mark.parametrize(
    ("image", "behaviour"),
    [
        ("web:1.4.2", Behaviour.OK),
        ("web", Behaviour.OK),
        ("web:crash", Behaviour.CRASH),
        ("registry.example.com:5000/shop/web:1.4.2-crash-once", Behaviour.CRASH_ONCE),
        ("registry.example.com:5000/shop/crash", Behaviour.OK),
        ("web:never-ready@sha256:abc", Behaviour.NEVER_READY),
    ],
)
def test_the_image_tag_chooses_the_behaviour(image: str, behaviour: Behaviour) -> None:
    assert of_image(image) is behaviour


async def test_a_pod_is_scheduled_created_run_and_ready(sim: SimulatedCluster) -> None:
    await sim.apply(pod("web:1"))
    await until(sim, lambda: _is_ready(sim))
    conditions = {item["type"]: item["status"] for item in status_of(sim, kinds.POD, "alone")["conditions"]}
    assert _phases(sim) == ["Pending", "Running"]
    assert conditions == {
        "PodScheduled": "True",
        "PodReadyToStartContainers": "True",
        "Initialized": "True",
        "ContainersReady": "True",
        "Ready": "True",
    }
    assert container_state(sim)["restartCount"] == 0
    assert warnings(sim) == set()


async def test_a_slow_pod_runs_for_a_while_before_it_is_ready(sim: SimulatedCluster) -> None:
    await sim.apply(pod("web:slow"))
    await until(sim, lambda: "running" in container_state(sim).get("state", {}))
    assert reason_of(sim, kinds.POD, "Ready", "alone") == "ContainersNotReady"
    await until(sim, lambda: _is_ready(sim))


async def test_a_crashing_pod_backs_off_and_keeps_its_last_words(
    sim: SimulatedCluster, http: httpx.AsyncClient
) -> None:
    words = "starting\nfatal: no database"
    await sim.apply(pod("web:crash", annotations={LOG_ANNOTATION: words}))
    await until(sim, lambda: waiting_reason(sim) == "CrashLoopBackOff")
    state = container_state(sim)
    ended = state["lastState"]["terminated"]
    assert (ended["exitCode"], ended["reason"], state["restartCount"]) == (1, "Error", 1)
    assert "restarting failed container=main pod=alone_shop" in state["state"]["waiting"]["message"]
    assert "BackOff" in warnings(sim)
    previous = await http.get(LOG, params={"previous": "true", "tailLines": "1"})
    assert previous.text == "fatal: no database\n"
    await _log_ends_with(http, f"{words}\n")


async def test_a_pod_that_runs_out_of_memory_says_so(sim: SimulatedCluster) -> None:
    await sim.apply(pod("web:oom"))
    await until(sim, lambda: waiting_reason(sim) == "CrashLoopBackOff")
    ended = container_state(sim)["lastState"]["terminated"]
    assert (ended["exitCode"], ended["reason"]) == (137, "OOMKilled")


async def test_a_pod_that_crashes_once_recovers(sim: SimulatedCluster) -> None:
    await sim.apply(pod("web:crash-once"))
    await until(sim, lambda: _is_ready(sim))
    assert container_state(sim)["restartCount"] == 1


async def test_an_image_that_is_missing_is_tried_again_and_again(
    sim: SimulatedCluster, http: httpx.AsyncClient
) -> None:
    await sim.apply(pod("web:missing"))
    await until(sim, lambda: waiting_reason(sim) == "ErrImagePull")
    message = container_state(sim)["state"]["waiting"]["message"]
    await until(sim, lambda: waiting_reason(sim) == "ImagePullBackOff")
    refused = await http.get(LOG)
    await until(sim, lambda: waiting_reason(sim) == "ErrImagePull")
    assert 'failed to pull and unpack image "web:missing"' in message
    assert 'container "main" in pod "alone" is waiting to start' in refused.json()["message"]
    assert "Failed" in warnings(sim)


async def test_a_pull_that_failed_once_succeeds_later(sim: SimulatedCluster) -> None:
    await sim.apply(pod("web:flaky-pull"))
    await until(sim, lambda: waiting_reason(sim) == "ErrImagePull")
    await until(sim, lambda: _is_ready(sim))
    assert container_state(sim)["restartCount"] == 0


@pytest.mark.parametrize(
    ("tag", "reason", "message"),
    [
        ("invalid-image", "InvalidImageName", "couldn't parse image name"),
        ("bad-config", "CreateContainerConfigError", 'configmap "main-missing" not found'),
    ],
)
async def test_a_container_that_can_not_be_made_waits_for_ever(
    sim: SimulatedCluster, tag: str, reason: str, message: str
) -> None:
    await sim.apply(pod(f"web:{tag}"))
    await until(sim, lambda: waiting_reason(sim) == reason)
    assert message in container_state(sim)["state"]["waiting"]["message"]
    assert "Failed" in warnings(sim)


async def test_a_pod_that_fits_no_node_stays_pending(sim: SimulatedCluster, http: httpx.AsyncClient) -> None:
    await sim.apply(pod("web:unschedulable"))
    await until(sim, lambda: reason_of(sim, kinds.POD, "PodScheduled", "alone") == "Unschedulable")
    assert _phases(sim) == ["Pending"]
    assert warnings(sim) == {"FailedScheduling"}
    assert "is waiting to start: ContainerCreating" in (await http.get(LOG)).json()["message"]


async def test_a_pod_that_never_gets_ready_fails_its_probe(sim: SimulatedCluster) -> None:
    await sim.apply(pod("web:never-ready"))
    await until(sim, lambda: "Unhealthy" in warnings(sim))
    assert not _is_ready(sim)


async def test_the_annotation_overrides_the_tag(sim: SimulatedCluster) -> None:
    await sim.apply(pod("web:1", annotations={BEHAVIOUR_ANNOTATION: "bad-config"}))
    await until(sim, lambda: waiting_reason(sim) == "CreateContainerConfigError")


async def test_init_containers_run_first_and_block_when_they_crash(sim: SimulatedCluster) -> None:
    good = [{"name": "first", "image": "task:1"}]
    await sim.apply(pod("web:1", "good", initContainers=good))
    await sim.apply(pod("web:1", "bad", initContainers=[{"name": "first", "image": "task:crash"}]))
    await until(sim, lambda: container_state(sim, "good").get("ready"))

    def first() -> str:
        statuses = status_of(sim, kinds.POD, "bad").get("initContainerStatuses") or [{"state": {}}]
        return str(statuses[0]["state"].get("waiting", {}).get("reason"))

    await until(sim, lambda: first() == "CrashLoopBackOff")
    assert waiting_reason(sim, "bad") == "PodInitializing"
    assert reason_of(sim, kinds.POD, "Initialized", "bad") == "ContainersNotInitialized"
    assert status_of(sim, kinds.POD, "good")["initContainerStatuses"][0]["state"]["terminated"]["reason"] == "Completed"


async def test_a_pod_without_restarts_ends_as_failed(sim: SimulatedCluster) -> None:
    await sim.apply(pod("web:crash", restartPolicy="Never"))
    await sim.apply(pod("web:1", "fine", restartPolicy="Never"))
    await sim.apply(pod("web:1", "init", restartPolicy="Never", initContainers=[{"name": "i", "image": "i:crash"}]))
    await until(sim, lambda: status_of(sim, kinds.POD, "alone").get("phase") == "Failed")
    await until(sim, lambda: status_of(sim, kinds.POD, "fine").get("phase") == "Succeeded")
    await until(sim, lambda: status_of(sim, kinds.POD, "init").get("phase") == "Failed")


async def test_a_deleted_pod_ends_gracefully(sim: SimulatedCluster) -> None:
    await sim.apply(pod("web:1"))
    await until(sim, lambda: _is_ready(sim))
    sim.delete(kinds.POD, "shop", "alone")
    assert "deletionTimestamp" in (sim.store.get(kinds.POD, "shop", "alone") or {})["metadata"]
    await until(sim, lambda: sim.store.get(kinds.POD, "shop", "alone") is None)


async def test_which_logs_can_be_read_is_said_as_the_kubelet_does(
    sim: SimulatedCluster, http: httpx.AsyncClient
) -> None:
    two = pod("web:1")
    two["spec"]["containers"].append({"name": "side", "image": "side:1"})
    await sim.apply(two)
    await until(sim, lambda: _is_ready(sim))
    unnamed = await http.get(LOG)
    unknown = await http.get(LOG, params={"container": "other"})
    previous = await http.get(LOG, params={"container": "side", "previous": "true"})
    current = await http.get(LOG, params={"container": "side", "limitBytes": "13"})
    assert "a container name must be specified for pod alone, choose one of: [main side]" in unnamed.text
    assert "container other is not valid for pod alone" in unknown.text
    assert 'previous terminated container \\"side\\" in pod \\"alone\\" not found' in previous.text
    assert current.text == "side: started"
