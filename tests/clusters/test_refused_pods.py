"""Pods that a StatefulSet can not create: its controller tells it by an event, and by nothing else."""

from typing import Any

import pytest
from pydantic import SecretStr

from dag_gateway.clusters import Clusters
from dag_gateway.config import ClusterSettings
from dag_gateway.model.health import Health
from dag_gateway.model.reason import Reason
from dag_gateway.simulator.cluster import SimulatedCluster, simulated_cluster
from tests.fakes import flux_cluster as flux
from tests.fakes.fast_clock import FastClock
from tests.fakes.flux_cluster import GOAL, TARGET, is_ours, put
from tests.fakes.followed import followed

DB = {
    "apiVersion": "apps/v1",
    "kind": "StatefulSet",
    "metadata": {"name": "db", "namespace": "shop", "labels": flux.LABELS},
    "spec": {
        "replicas": 1,
        "serviceName": "db",
        "selector": {"matchLabels": {"app": "db"}},
        "template": {
            "metadata": {"labels": {"app": "db"}},
            "spec": {"containers": [{"name": "app", "image": "db:1"}]},
        },
    },
}


def refusal(owner: dict[str, Any], message: str) -> dict[str, Any]:
    metadata = owner["metadata"]
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": "db.refused", "namespace": "shop"},
        "involvedObject": {"kind": "StatefulSet", "namespace": "shop", "name": "db", "uid": metadata["uid"]},
        "type": "Warning",
        "reason": "FailedCreate",
        "message": message,
        "lastTimestamp": metadata["creationTimestamp"],
        "count": 1,
    }


async def end_of_rollout(sim: SimulatedCluster) -> Health:
    settings = {"production": ClusterSettings(server=sim.url, token=SecretStr(sim.token))}
    async with (
        Clusters(settings, FastClock(50)) as clusters,
        followed(clusters.follow(TARGET, GOAL, is_ours)) as rollout,
    ):
        return await rollout.end()


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        ('pods "db-0" is forbidden: exceeded quota: small', Reason.QUOTA),
        ('pods "db-0" is forbidden: violates PodSecurity "restricted:latest"', Reason.CONFIG_ERROR),
    ],
)
async def test_pods_that_are_refused_fail_the_rollout_once_it_has_lasted(message: str, reason: Reason) -> None:
    async with simulated_cluster(controllers=False) as sim:
        await flux.our_release(sim)
        stored = await put(sim, DB, {"replicas": 0})
        await put(sim, refusal(stored, message))
        end = await end_of_rollout(sim)

    assert end.reason is reason
    assert end.message == f"db in namespace shop can not create pods: {message}"
