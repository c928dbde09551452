"""A Helm release as a rollout: what runs must be what was released, and others may take their time."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from dag_gateway.clusters import helm_record
from dag_gateway.clusters.helm_rollout import HelmRollout
from dag_gateway.clusters.live import Snapshot
from dag_gateway.clusters.resources import DEPLOYMENTS, SECRETS, Selection
from dag_gateway.model.health import Verdict
from dag_gateway.model.reason import Reason
from dag_gateway.simulator.cluster import simulated_cluster
from tests.fakes import flux_cluster
from tests.fakes.cluster_api import api_of
from tests.fakes.flux_cluster import deployment_spec, is_ours
from tests.fakes.followed import following
from tests.fakes.helm_cluster import GOAL, TARGET, manifest_deployment, release, release_secret

CREATED = "2026-01-31T12:00:00Z"
REVISIONS = Selection(SECRETS, "shop", "owner=helm,name=web", metadata_only=True)
NEWEST = Selection(SECRETS, "shop", name="sh.helm.release.v1.web.v2")
WEB = Selection(DEPLOYMENTS, "shop", name="web")


def snapshot(version: str, status: str, *objects: dict[str, Any]) -> Snapshot:
    secret = release_secret(2, version, status, *objects)
    secret["metadata"]["creationTimestamp"] = CREATED
    opened = helm_record.opened(secret)
    return {REVISIONS: (opened,), NEWEST: (opened,)}


@pytest.mark.parametrize(("timeout", "patience"), [(60, 600), (1800, 1800)])
def test_an_operation_of_somebody_else_may_outlast_a_short_timeout_of_ours(timeout: int, patience: int) -> None:
    rollout, seen = HelmRollout(replace(TARGET, timeout=timeout)), snapshot("1.0.1", "pending-upgrade")
    began = datetime.fromisoformat(CREATED)

    before = rollout.released(seen, GOAL, (), began + timedelta(seconds=patience - 1))
    after = rollout.released(seen, GOAL, (), began + timedelta(seconds=patience))

    assert (before.reason, after.reason) == (None, Reason.STALLED)


@pytest.mark.parametrize(("image", "told"), [("web:2", []), ("web:1", ["web:1"])])
def test_another_image_than_was_released_is_as_good_as_missing(image: str, told: list[str]) -> None:
    seen = {**snapshot("1.1.0", "deployed", manifest_deployment("web:2")), WEB: (deployment_spec(image),)}

    missing = HelmRollout(TARGET).workloads(seen).missing

    assert [health.message for health in missing] == [
        f"Deployment shop/web: container app has {old}, released was web:2" for old in told
    ]


async def test_an_image_that_somebody_else_has_set_is_not_what_was_released() -> None:
    async with simulated_cluster(controllers=False) as sim, api_of(sim.url, sim.token) as api:
        await release(sim, 2, "1.1.0", "deployed", manifest_deployment("web:2"))
        await flux_cluster.deployment(sim, "web:1")
        async with following(api, TARGET, GOAL, is_ours) as rollout:
            await rollout.message("Deployment shop/web: container app has web:1, released was web:2")
            await flux_cluster.deployment(sim, "web:2")
            assert (await rollout.end()).verdict is Verdict.HEALTHY
