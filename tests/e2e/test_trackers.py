"""The same rollouts by every tracker, and the moments at which what is healthy is the old version."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from dag_gateway.model.target import Tracker
from dag_gateway.simulator.behaviours import BEHAVIOUR_ANNOTATION
from dag_gateway.simulator.conditions import holds
from dag_gateway.simulator.keys import key_of
from dag_gateway.simulator.patches import merge_patch
from tests.fakes.simulated import pods_of, until
from tests.fakes.world import Surroundings, World, a_chart, flux_objects, gateway, surroundings

pytestmark = pytest.mark.asyncio(loop_scope="module")

_PATIENCE = 60.0
"""Seconds; only a test that fails waits for so long."""
STALE = 60.0
"""Simulated seconds in which the old status stands beside the new spec."""


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=[tracker.value for tracker in Tracker])
async def running(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    folder = tmp_path_factory.mktemp("world")
    async with surroundings(folder, tracker=request.param, stale=STALE) as around:
        if request.param in ("flux", "helm"):
            await without_waiting(around)
        async with gateway(around) as running:
            yield running


async def without_waiting(around: Surroundings) -> None:
    """Flux calls a release Ready as soon as it is applied, whatever becomes of the pods."""
    release = flux_objects(around.repository)[-1]
    at_once = {"disableWait": True}
    release["spec"] |= {"install": at_once, "upgrade": at_once, "interval": "1m"}
    await around.cluster.apply(release)


async def said(running: World, deployment_id: str, text: str) -> None:
    """Listen until it was said."""
    async with asyncio.timeout(_PATIENCE):
        async with running.http.stream("GET", f"/api/deployments/{deployment_id}/events") as stream:
            async for line in stream.aiter_lines():
                if text in line:
                    return
    raise AssertionError(f"the stream ended before {text!r}: {await running.record(deployment_id)}")


async def started(running: World, tag: str, version: str) -> str:
    deployment_id: str = (await running.upload(a_chart(tag), version)).json()["deploymentId"]
    return deployment_id


def ready_pods(running: World, tag: str) -> list[dict[str, Any]]:
    return [pod for pod in pods_of(running.around.cluster, f"nginx:{tag}") if holds(pod["status"], "Ready")]


async def test_a_sound_chart_is_deployed_once_its_pods_run(running: World) -> None:
    record = await running.deploy(a_chart("1.0.0"), "1.0.0")
    assert (record["status"], record["reason"]) == ("deployed", None), record["message"]
    assert len(ready_pods(running, "1.0.0")) == 2


@pytest.mark.parametrize(
    ("tag", "reason", "words"),
    [("crash", "crash_loop", "CrashLoopBackOff"), ("missing", "image_pull", "nginx:missing")],
)
async def test_what_can_not_work_fails_with_the_reason(running: World, tag: str, reason: str, words: str) -> None:
    record = await running.deploy(a_chart(tag), f"2.0.0-{tag}")
    assert (record["status"], record["reason"]) == ("failed", reason), record["message"]
    assert words in record["message"]


async def test_the_old_health_is_never_taken_for_the_new(running: World) -> None:
    cluster = running.around.cluster
    assert (await running.deploy(a_chart("3.0.0"), "3.0.0"))["status"] == "deployed"
    cluster.faults.slow_start = STALE
    unproven = await started(running, "never-ready", "3.1.0")
    await until(cluster, lambda: len(pods_of(cluster, "nginx:never-ready")) > 0)
    await said(running, unproven, "pods ready")
    cluster.faults.slow_start = 0.0
    newer = await running.deploy(a_chart("3.2.0"), "3.2.0")
    assert newer["status"] == "deployed", newer["message"]
    assert len(ready_pods(running, "3.2.0")) == 2
    record = await running.ended(unproven)
    assert (record["status"], record["reason"]) == ("failed", "superseded"), record["message"]
    assert newer["id"] in record["message"]
    assert "deployed" not in [event.get("status") for event in record["events"]]


async def test_a_cluster_that_is_away_in_the_middle_is_waited_for(running: World) -> None:
    cluster = running.around.cluster
    deployment_id = await started(running, "4.0.0-never-ready", "4.0.0")
    await said(running, deployment_id, "pods ready")
    cluster.refuse_connections = True
    await said(running, deployment_id, "does not answer")
    await until(cluster, lambda: all_are_well(running, "4.0.0-never-ready"))
    assert (await running.record(deployment_id))["status"] == "monitoring"
    cluster.refuse_connections = False
    record = await running.ended(deployment_id)
    assert record["status"] == "deployed", record["message"]


def all_are_well(running: World, tag: str) -> bool:
    """Pods that never got ready do from now on; whether both have."""
    patch = {"metadata": {"annotations": {BEHAVIOUR_ANNOTATION: "ok"}}}
    for pod in pods_of(running.around.cluster, f"nginx:{tag}"):
        running.around.cluster.registry.edit(key_of(pod), lambda item: merge_patch(item, patch))
    return len(ready_pods(running, tag)) == 2
