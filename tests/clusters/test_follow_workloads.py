import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest
from pydantic import SecretStr

from dag_gateway.clusters import Clusters
from dag_gateway.clusters.subset import UNSETTLED
from dag_gateway.config import ClusterSettings
from dag_gateway.model.health import Verdict
from dag_gateway.model.reason import Reason, StepFailed
from dag_gateway.model.target import Baseline
from dag_gateway.simulator.cluster import SimulatedCluster, simulated_cluster
from tests.fakes import flux_cluster as played
from tests.fakes.fast_clock import FastClock
from tests.fakes.flux_cluster import is_ours
from tests.fakes.followed import Followed, followed
from tests.fakes.rendered_chart import TARGET, config_map, deployment, goal, named

PATH = "clusters/web"
DIFFERS = "Deployment shop/web: spec.template.spec.containers[app].image is web:1, not web:2"


@asynccontextmanager
async def opened(sim: SimulatedCluster) -> AsyncIterator[Clusters]:
    settings = {"production": ClusterSettings(server=sim.url, token=SecretStr(sim.token))}
    async with Clusters(settings, FastClock(50)) as clusters:
        yield clusters


@asynccontextmanager
async def following(sim: SimulatedCluster, *expected: dict[str, Any]) -> AsyncIterator[Followed]:
    async with (
        opened(sim) as clusters,
        followed(clusters.follow(TARGET, goal(*expected), is_ours)) as listener,
    ):
        yield listener


async def apply(sim: SimulatedCluster, obj: dict[str, Any]) -> None:
    await sim.apply({**obj, "metadata": {**obj["metadata"], "namespace": "shop"}})


async def test_an_old_healthy_deployment_is_never_taken_for_ours() -> None:
    async with simulated_cluster(controllers=False) as sim:
        await played.deployment(sim, "web:1")
        async with following(sim, deployment("web:2")) as rollout:
            await rollout.message(f"1.1.0 is not live yet: {DIFFERS}")
            await played.deployment(sim, "web:2", ready=2, updated=1)
            await rollout.message("web: 0/2 pods ready (1 of 2 updated)")
            assert all(health.verdict is Verdict.PROGRESSING for health in rollout.told)
            await played.deployment(sim, "web:2")
            end = await rollout.end()

    assert (end.verdict, end.message) == (Verdict.HEALTHY, "web: 2/2 pods ready; live is what Helm rendered")
    assert (end.ready, end.desired) == (2, 2)


async def test_a_new_template_that_no_controller_has_seen_is_not_live() -> None:
    async with simulated_cluster(controllers=False) as sim:
        await played.deployment(sim, "web:1")
        async with following(sim, deployment("web:2")) as rollout:
            await rollout.message(DIFFERS)
            await apply(sim, deployment("web:2"))
            await rollout.message("the controller has not seen the new spec yet")
            await played.deployment(sim, "web:2")
            assert (await rollout.end()).verdict is Verdict.HEALTHY

    assert [health.verdict for health in rollout.told[:-1]] == [Verdict.PROGRESSING] * (len(rollout.told) - 1)


async def test_everything_that_is_compared_has_to_be_there() -> None:
    service = named("v1", "Service", "web", spec={"ports": [{"port": 80}]})
    expected = (deployment("web:2"), config_map(mode="new"), service)
    async with simulated_cluster(controllers=False) as sim, following(sim, *expected) as rollout:
        await rollout.message(
            "1.1.0 is not live yet: Deployment shop/web is missing; ConfigMap shop/settings is missing; and 1 more"
        )
        await played.deployment(sim, "web:2")
        await apply(sim, service)
        await apply(sim, config_map(mode="old"))
        await rollout.message("1.1.0 is not live yet: ConfigMap shop/settings: data.mode")
        await apply(sim, config_map(mode="new"))
        end = await rollout.end()

    assert end.message == "web: 2/2 pods ready; live is what Helm rendered"


async def test_config_maps_of_others_are_not_read() -> None:
    async with simulated_cluster(controllers=False) as sim:
        await apply(sim, config_map(mode="old"))
        await played.deployment(sim, "web:2")
        async with following(sim, deployment("web:2"), config_map(mode="new")) as rollout:
            await rollout.message("ConfigMap shop/settings: data.mode")
            await apply(sim, {**config_map(mode="x"), "metadata": {"name": "neighbour"}})
            await apply(sim, config_map(mode="new"))
            assert (await rollout.end()).verdict is Verdict.HEALTHY

    whole = [path for _, path in sim.request_log if "/namespaces/shop/configmaps" in path]
    assert len(whole) == 3
    assert all(re.search("metadata.name(=|%3D)settings", path) for path in whole)


async def test_a_crash_loop_of_our_pods_fails_the_rollout() -> None:
    async with simulated_cluster(controllers=False) as sim:
        owner = await played.deployment(sim, "web:2", updated=1)
        async with following(sim, deployment("web:2")) as rollout:
            await rollout.message("1 of 2 updated")
            last = {"terminated": {"exitCode": 1, "reason": "Error"}}
            waiting = {"waiting": {"reason": "CrashLoopBackOff"}}
            container = {"name": "app", "restartCount": 3, "state": waiting, "lastState": last}
            await played.pod(sim, owner, {"phase": "Running", "containerStatuses": [container]})
            end = await rollout.end()

    assert end.reason is Reason.CRASH_LOOP


async def test_secrets_are_neither_read_nor_told() -> None:
    secret = named("v1", "Secret", "token", stringData={"token": "s3cret-token"})
    env = [{"name": "TOKEN", "value": "s3cret-value"}]
    container = {"name": "app", "image": "web:2", "env": env}
    expected = deployment("web:2", template={"spec": {"containers": [container]}})
    async with simulated_cluster(controllers=False) as sim:
        await played.deployment(sim, "web:2")
        async with following(sim, expected, secret) as rollout:
            await rollout.message("1.1.0 is not live yet: Deployment shop/web: spec.template.spec.containers[app].env")

    assert "s3cret" not in repr(rollout.told)
    assert "s3cret" not in repr(goal(expected, secret))
    assert not [path for _, path in sim.request_log if "secrets" in path]


async def test_what_is_not_compared_is_said_at_the_end() -> None:
    expected = deployment("web:2")
    expected["metadata"]["annotations"] = {"rollme": UNSETTLED}
    secret, widget = named("v1", "Secret", "token"), named("example.com/v1", "Widget", "web")
    async with simulated_cluster(controllers=False) as sim:
        await played.deployment(sim, "web:2")
        async with following(sim, expected, secret, widget) as rollout:
            end = await rollout.end()

    assert end.message == (
        "web: 2/2 pods ready; live is what Helm rendered; not compared: Secret shop/token, Widget shop/web;"
        " compared in part, because it renders otherwise each time: Deployment shop/web;"
        " not judged: Widget web (no rule for its kind)"
    )


async def test_with_nothing_to_compare_nothing_is_proven() -> None:
    words = "the chart renders nothing that can be compared with the cluster; use another tracker"
    async with simulated_cluster(controllers=False) as sim:
        async with following(sim, named("v1", "Secret", "token")) as rollout:
            end = await rollout.end()
        async with opened(sim) as clusters:
            with pytest.raises(StepFailed, match=words):
                await clusters.baseline(TARGET, PATH, (named("v1", "Secret", "token"),))

    assert (end.reason, end.message) == (Reason.CONFIG_ERROR, words)


async def test_before_the_push_it_is_known_whether_everything_may_be_read() -> None:
    expected = (deployment("web:2"), config_map(a="1"))
    async with simulated_cluster(controllers=False) as sim, opened(sim) as clusters:
        assert await clusters.baseline(TARGET, PATH, expected) == Baseline()
        sim.faults.forbidden.add(("list", "configmaps"))
        with pytest.raises(StepFailed, match=r'resources: \["configmaps"\], verbs: \["list", "watch"\]'):
            await clusters.baseline(TARGET, PATH, expected)


async def test_before_the_push_it_is_known_whether_the_pods_may_be_read() -> None:
    async with simulated_cluster(controllers=False) as sim, opened(sim) as clusters:
        sim.faults.forbidden.add(("list", "pods"))
        with pytest.raises(StepFailed, match=r'resources: \["pods"\], verbs: \["list", "watch"\]'):
            await clusters.baseline(TARGET, PATH, (deployment("web:2"),))


async def test_a_version_of_the_api_that_the_cluster_does_not_serve_is_told_before_the_push() -> None:
    old = named("policy/v1beta1", "PodDisruptionBudget", "web")
    async with simulated_cluster(controllers=False) as sim, opened(sim) as clusters:
        with pytest.raises(StepFailed, match=r"does not know PodDisruptionBudget \(policy/v1beta1\)"):
            await clusters.baseline(TARGET, PATH, (old,))


async def test_a_nudge_means_nothing_where_nobody_is_known_to_apply_the_chart() -> None:
    async with simulated_cluster(controllers=False) as sim:
        await played.deployment(sim, "web:2")
        nudged = replace(TARGET, nudge=True)
        async with (
            opened(sim) as clusters,
            followed(clusters.follow(nudged, goal(deployment("web:2")), is_ours)) as rollout,
        ):
            assert (await rollout.end()).verdict is Verdict.HEALTHY

    assert not [path for method, path in sim.request_log if method == "PATCH"]


async def test_a_definition_of_a_kind_that_may_not_be_read_costs_words_only() -> None:
    crd = named("apiextensions.k8s.io/v1", "CustomResourceDefinition", "widgets.example.com")
    async with simulated_cluster(controllers=False) as sim:
        sim.faults.forbidden.add(("list", "customresourcedefinitions"))
        await played.deployment(sim, "web:2")
        async with following(sim, deployment("web:2"), crd) as rollout:
            end = await rollout.end()

    assert end.verdict is Verdict.HEALTHY
    assert end.message.endswith("not judged: CustomResourceDefinition widgets.example.com (it could not be read)")


async def test_a_chart_that_only_takes_something_away_is_not_live_before_it_is_gone() -> None:
    before, ours = deployment("web:1", minReadySeconds=5), deployment("web:1")
    async with simulated_cluster(controllers=False) as sim:
        live = await played.deployment(sim, "web:1")
        held = played.deployment_spec("web:1")
        held["spec"]["minReadySeconds"] = 5
        await played.put(sim, held, live["status"])
        aim = replace(goal(ours), earlier=(before,))
        async with opened(sim) as clusters, followed(clusters.follow(TARGET, aim, is_ours)) as rollout:
            await rollout.message("1.1.0 is not live yet: Deployment shop/web still has what the chart no longer says")
            assert all(health.verdict is Verdict.PROGRESSING for health in rollout.told)
            await played.deployment(sim, "web:1")
            end = await rollout.end()

    assert end.verdict is Verdict.HEALTHY


async def test_a_chart_that_adds_something_needs_no_such_care() -> None:
    ours = deployment("web:2")
    async with simulated_cluster(controllers=False) as sim:
        await played.deployment(sim, "web:2")
        aim = replace(goal(ours), earlier=(deployment("web:1"),))
        async with opened(sim) as clusters, followed(clusters.follow(TARGET, aim, is_ours)) as rollout:
            assert (await rollout.end()).verdict is Verdict.HEALTHY


async def test_a_change_that_nothing_compared_shows_is_never_called_live() -> None:
    old, new = (named("v1", "Secret", "db", stringData={"password": value}) for value in ("s3cret-1", "s3cret-2"))
    async with simulated_cluster(controllers=False) as sim:
        await played.deployment(sim, "web:1")
        aim = replace(goal(deployment("web:2"), new), earlier=(deployment("web:2"), old))
        async with opened(sim) as clusters, followed(clusters.follow(TARGET, aim, is_ours)) as rollout:
            await rollout.message(f"1.1.0 is not live yet: {DIFFERS}")
            await played.deployment(sim, "web:2")
            end = await rollout.end()

    assert (end.reason, end.message) == (
        Reason.CONFIG_ERROR,
        "1.1.0 changes only what is not compared with the cluster (Secret shop/db), so nothing shows whether it is live"
        "; use another tracker, or let the chart annotate its pods with a checksum of it",
    )
