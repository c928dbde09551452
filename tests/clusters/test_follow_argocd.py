from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta

import pytest
from pydantic import SecretStr

from dag_gateway.clock import Clock, SystemClock
from dag_gateway.clusters import Clusters
from dag_gateway.clusters.argocd_rollout import ArgocdRollout
from dag_gateway.clusters.objects import Object
from dag_gateway.clusters.resources import APPLICATIONS, DEPLOYMENTS, SERVICES, Selection
from dag_gateway.config import ClusterSettings
from dag_gateway.model.health import Verdict
from dag_gateway.model.reason import Reason, StepFailed
from dag_gateway.model.target import Baseline, Target
from dag_gateway.simulator.cluster import SimulatedCluster, simulated_cluster
from tests.fakes import flux_cluster as played
from tests.fakes.argocd_cluster import GOAL, OURS, PATH, TARGET, annotations, application
from tests.fakes.fast_clock import FastClock
from tests.fakes.flux_cluster import is_ours
from tests.fakes.followed import Followed, followed
from tests.fakes.kubernetes_objects import load
from tests.fakes.simulated import until

AGAIN = "comparison-error-again"
REFRESH = "argocd.argoproj.io/refresh"
NUDGED = replace(TARGET, nudge=True)


@asynccontextmanager
async def opened(sim: SimulatedCluster, clock: Clock | None = None) -> AsyncIterator[Clusters]:
    settings = {"production": ClusterSettings(server=sim.url, token=SecretStr(sim.token))}
    async with Clusters(settings, clock or FastClock(50)) as clusters:
        yield clusters


@asynccontextmanager
async def following(
    sim: SimulatedCluster, clock: Clock | None = None, target: Target = TARGET
) -> AsyncIterator[Followed]:
    async with opened(sim, clock) as clusters, followed(clusters.follow(target, GOAL, is_ours)) as listener:
        yield listener


async def test_an_old_healthy_application_is_never_taken_for_ours() -> None:
    async with simulated_cluster(controllers=False) as sim:
        await application(sim, "old-healthy")
        await played.deployment(sim, "web:1")
        async with following(sim) as rollout:
            await rollout.message("has not seen our commit c0ffee000000 yet")
            await application(sim, "syncing")
            await rollout.message("is being synced (waiting for healthy state of apps/Deployment/web)")
            await application(sim, "health-before-sync")
            await rollout.message("has synced our commit and not told its health since")
            await played.deployment(sim, "web:2", updated=1)
            await application(sim, "deployed")
            await rollout.message("web: 0/2 pods ready (1 of 2 updated)")
            assert all(health.verdict is Verdict.PROGRESSING for health in rollout.told)
            await played.deployment(sim, "web:2")
            end = await rollout.end()

    assert (end.verdict, end.message) == (Verdict.HEALTHY, "web: 2/2 pods ready")
    assert (end.ready, end.desired) == (2, 2)


async def test_an_application_that_comes_later_is_waited_for_and_then_nudged() -> None:
    async with simulated_cluster(controllers=False) as sim, following(sim, target=NUDGED) as rollout:
        await rollout.message("the Application does not exist yet")
        await played.deployment(sim, "web:2")
        await application(sim, "deployed")
        end = await rollout.end()

    assert (end.verdict, end.message) == (Verdict.HEALTHY, "web: 2/2 pods ready")
    assert annotations(sim) == {REFRESH: "normal"}


async def test_a_crash_loop_while_argo_cd_waits_fails_the_rollout() -> None:
    async with simulated_cluster(controllers=False) as sim:
        await application(sim, "syncing")
        owner = await played.deployment(sim, "web:2", updated=1)
        async with following(sim) as rollout:
            await rollout.message("is being synced")
            last = {"terminated": {"exitCode": 1, "reason": "Error"}}
            waiting = {"waiting": {"reason": "CrashLoopBackOff"}}
            container = {"name": "app", "restartCount": 3, "state": waiting, "lastState": last}
            await played.pod(sim, owner, {"phase": "Running", "containerStatuses": [container]})
            end = await rollout.end()

    assert end.reason is Reason.CRASH_LOOP
    assert end.message.startswith("pod web-2-a (namespace shop), container app: CrashLoopBackOff after 3 restarts")


async def test_a_sync_that_failed_fails_the_rollout_at_once() -> None:
    async with simulated_cluster(controllers=False) as sim:
        await application(sim, "syncing")
        async with following(sim) as rollout:
            await rollout.message("is being synced")
            await application(sim, "hook-failed")
            end = await rollout.end()

    assert end.reason is Reason.HOOK_FAILED
    assert "Job migrate: Job has reached the specified backoff limit" in end.message


async def test_degraded_for_too_long_fails_the_rollout() -> None:
    async with simulated_cluster(controllers=False) as sim:
        await application(sim, "degraded")
        await played.deployment(sim, "web:2")
        async with following(sim, FastClock(200)) as rollout:
            end = await rollout.end()

    assert end.reason is Reason.ROLLOUT_FAILED
    assert "Application argocd/web is Degraded (Deployment web: " in end.message
    assert len(rollout.told) > 1, "it was a verdict at once"


async def test_an_error_that_argo_cd_finds_again_fails_the_rollout() -> None:
    async with simulated_cluster(controllers=False) as sim:
        await application(sim, "comparison-error")
        await played.deployment(sim, "web:2")
        async with following(sim, FastClock(200)) as rollout:
            await rollout.message("Unknown at our commit (ComparisonError: ")
            await application(sim, "comparison-error-again")
            end = await rollout.end()

    assert end.reason is Reason.RENDER_FAILED
    assert "(ComparisonError: Failed to load target state" in end.message


def test_an_error_is_looked_at_once_more_and_fails_only_if_it_is_still_there() -> None:
    selection = Selection(APPLICATIONS, "argocd", name="web")
    first, again, mended = ((load(f"argocd-{state}"),) for state in ("comparison-error", AGAIN, "deployed"))
    rollout = ArgocdRollout(TARGET, 30.0)

    def looks(seen: tuple[Object, ...]) -> list[str]:
        return [nudge.key for nudge in rollout.nudges({selection: seen}, GOAL, SystemClock().now())]

    def graces(seen: tuple[Object, ...]) -> list[float | None]:
        return [problem.grace for problem in rollout.problems({selection: seen}, GOAL, [OURS])]

    assert (graces(first), looks(first)) == ([None], ["refresh", "error/2026-01-31T12:00:06Z"])
    assert (graces(again), looks(again)) == ([30.0], ["refresh", "error/2026-01-31T12:00:06Z"])
    assert (graces(mended), looks(mended)) == ([], ["refresh"])
    assert (graces(again), looks(again)) == ([None], ["refresh", "error/2026-01-31T12:00:36Z"])


async def test_content_whose_sync_failed_before_may_be_deployed_again() -> None:
    async with simulated_cluster(controllers=False) as sim:
        await application(sim, "sync-failed")
        async with opened(sim) as clusters:
            baseline = await clusters.baseline(TARGET, PATH)
            again = replace(GOAL, baseline=baseline)
            async with followed(clusters.follow(TARGET, again, is_ours)) as rollout:
                await rollout.message("before this deployment; it is tried again when you sync it by hand")
                await played.deployment(sim, "web:2")
                await application(sim, "syncing")
                await rollout.message("is being synced")
                await application(sim, "deployed")
                end = await rollout.end()

    assert baseline.finished_at == "2026-01-31T12:00:05Z"
    assert (end.verdict, end.message) == (Verdict.HEALTHY, "web: 2/2 pods ready")


async def test_degraded_for_a_moment_is_no_verdict() -> None:
    async with simulated_cluster(controllers=False) as sim:
        await application(sim, "degraded")
        await played.deployment(sim, "web:2")
        async with following(sim, SystemClock()) as rollout:
            await rollout.message("its health is Degraded")
            await application(sim, "deployed")
            end = await rollout.end()

    assert end.verdict is Verdict.HEALTHY


async def test_a_nudge_asks_for_a_look_and_for_a_thorough_one_when_the_health_is_old() -> None:
    async with simulated_cluster(controllers=False) as sim:
        await application(sim, "old-healthy")
        await played.deployment(sim, "web:2")
        async with following(sim, target=NUDGED) as rollout:
            await rollout.message("has not seen our commit")
            assert annotations(sim)[REFRESH] == "normal"
            await application(sim, "health-before-sync")
            await rollout.message("not told its health since")
            assert annotations(sim)[REFRESH] == "hard"
            await application(sim, "deployed")
            assert (await rollout.end()).verdict is Verdict.HEALTHY

    assert [method for method, path in sim.request_log if method == "PATCH"] == ["PATCH", "PATCH"]


async def test_a_look_in_the_second_in_which_the_sync_ended_is_enough_where_the_pods_are_seen() -> None:
    async with simulated_cluster(controllers=False) as sim:
        await application(sim, "same-second")
        await played.deployment(sim, "web:2", ready=1)
        async with following(sim) as rollout:
            await rollout.message("web: 0/2 pods ready (1 of 2 available)")
            await played.deployment(sim, "web:2")
            end = await rollout.end()

    assert (end.verdict, end.message) == (Verdict.HEALTHY, "web: 2/2 pods ready")


async def test_of_another_cluster_such_a_look_is_asked_for_again_once_the_second_is_over() -> None:
    async with simulated_cluster(controllers=False) as sim:
        await application(sim, "same-second-elsewhere")
        async with following(sim, target=NUDGED) as rollout:
            await rollout.message("has synced our commit and not told its health since")
            await until(sim, lambda: annotations(sim) == {REFRESH: "hard"})
            await application(sim, "elsewhere")
            end = await rollout.end()

    assert end.verdict is Verdict.HEALTHY
    assert [method for method, path in sim.request_log if method == "PATCH"] == ["PATCH", "PATCH"]


def test_another_look_is_not_asked_for_before_a_second_has_passed() -> None:
    rollout = ArgocdRollout(TARGET, 30.0)
    start = SystemClock().now()

    def asked(state: str, seconds: float) -> dict[str, float | None]:
        seen = {Selection(APPLICATIONS, "argocd", name="web"): (load(f"argocd-{state}"),)}
        nudges = rollout.nudges(seen, GOAL, start + timedelta(seconds=seconds))
        return {nudge.key: (nudge.at - start).total_seconds() if nudge.at else None for nudge in nudges}

    assert asked("same-second", 0.0) == {"refresh": None}
    assert asked("health-before-sync", 0.0) == {"refresh": None, "hard/2026-01-31T12:00:05Z": None}
    assert asked("same-second-elsewhere", 0.5) == {"refresh": None, "again/2026-01-31T12:00:05Z": 1.5}
    assert asked("same-second-elsewhere", 0.9) == {"refresh": None, "again/2026-01-31T12:00:05Z": 1.5}
    assert asked("comparison-error", 2.0) == {"refresh": None, "error/2026-01-31T12:00:06Z": 3.0}


async def test_a_suspended_cron_job_holds_up_nobody() -> None:
    async with simulated_cluster(controllers=False) as sim:
        await played.deployment(sim, "web:2")
        await sim.apply({**load("cronjob-there"), "status": {}})
        await application(sim, "suspended-cronjob")
        async with following(sim) as rollout:
            end = await rollout.end()

    assert (end.verdict, end.message) == (Verdict.HEALTHY, "web: 2/2 pods ready")


async def test_an_argo_rollout_that_is_paused_holds_up_the_rollout_by_itself() -> None:
    async with simulated_cluster(controllers=False) as sim:
        await argo_rollout(sim, "paused")
        await application(sim, "suspended-rollout")
        async with following(sim) as rollout:
            await rollout.message("web: 0/3 pods ready (paused (CanaryPauseStep), waits for `promote`)")
            await argo_rollout(sim, "healthy")
            end = await rollout.end()

    assert (end.verdict, end.message) == (Verdict.HEALTHY, "web: 3/3 pods ready")
    assert {health.verdict for health in rollout.told[:-1]} == {Verdict.PROGRESSING}


async def argo_rollout(sim: SimulatedCluster, state: str) -> None:
    """What the Application consists of, as its controller sees it."""
    obj = load(f"rollout-{state}")
    status = {field: value for field, value in obj.pop("status").items() if field != "observedGeneration"}
    metadata = {field: obj["metadata"][field] for field in ("name", "namespace")}
    await played.put(sim, {**obj, "metadata": metadata}, status)


async def test_nobody_asks_where_the_target_does_not_want_it() -> None:
    async with simulated_cluster(controllers=False) as sim:
        await application(sim, "health-before-sync")
        async with following(sim) as rollout:
            await rollout.message("not told its health since")

    assert annotations(sim) == {}


async def test_a_nudge_that_is_refused_is_a_hint() -> None:
    async with simulated_cluster(controllers=False) as sim:
        sim.faults.forbidden.add(("patch", "applications"))
        await application(sim, "old-healthy")
        await played.deployment(sim, "web:2")
        async with following(sim, target=NUDGED) as rollout:
            await rollout.message("could not ask for an immediate reconciliation")
            await application(sim, "deployed")
            assert (await rollout.end()).verdict is Verdict.HEALTHY


async def test_of_another_cluster_there_is_only_the_word_of_argo_cd_and_that_is_said() -> None:
    async with simulated_cluster(controllers=False) as sim:
        await application(sim, "elsewhere")
        async with following(sim) as rollout:
            end = await rollout.end()

    assert end.verdict is Verdict.HEALTHY
    assert end.message == "as Argo CD sees it: Application argocd/web deploys to another cluster"
    assert not [path for _, path in sim.request_log if "deployments" in path]


async def test_the_baseline_is_when_argo_cd_last_looked_and_when_its_last_operation_ended() -> None:
    async with simulated_cluster(controllers=False) as sim, opened(sim) as clusters:
        assert await clusters.baseline(TARGET, PATH) == Baseline()
        await application(sim, "old-healthy")
        expected = Baseline(looked_at="2026-01-31T11:59:00Z", finished_at="2026-01-31T11:00:05Z")
        assert await clusters.baseline(TARGET, PATH) == expected


@pytest.mark.parametrize(
    ("state", "reason", "words"),
    [
        ("hydrator", Reason.CONFIG_ERROR, r"syncs hydrated manifests \(spec.sourceHydrator\)"),
        ("ignored-image", Reason.CONFIG_ERROR, r"ignores differences of Deployment in '/spec/template/spec/containers"),
        ("other-folder", Reason.CONFIG_ERROR, r"takes no source from 'clusters/production/web'"),
        ("skip-reconcile", Reason.SUSPENDED, r"remove its annotation argocd.argoproj.io/skip-reconcile"),
    ],
)
async def test_what_can_never_be_followed_is_told_before_the_push(state: str, reason: Reason, words: str) -> None:
    async with simulated_cluster(controllers=False) as sim, opened(sim) as clusters:
        await application(sim, state)
        with pytest.raises(StepFailed, match=words) as caught:
            await clusters.baseline(TARGET, PATH)

    assert caught.value.reason is reason


async def test_missing_permission_to_read_applications_is_told_before_the_push() -> None:
    async with simulated_cluster(controllers=False) as sim, opened(sim) as clusters:
        sim.faults.forbidden.add(("list", "applications"))
        with pytest.raises(StepFailed, match=r'resources: \["applications"\], verbs: \["list", "watch"\]'):
            await clusters.baseline(TARGET, PATH)


def test_kinds_without_a_rule_are_left_to_argo_cd() -> None:
    obj = load("argocd-deployed")
    obj["status"]["resources"] = [{"group": "example.com", "version": "v1", "kind": "Widget", "name": "web"}]

    held = ArgocdRollout(TARGET, 30.0).workloads({Selection(APPLICATIONS, "argocd", name="web"): (obj,)})

    assert list(held.unjudged) == []


def test_hooks_and_what_is_to_be_pruned_are_not_looked_at() -> None:
    parts = [
        {"group": "apps", "version": "v1", "kind": "Deployment", "namespace": "shop", "name": "web"},
        {"version": "v1", "kind": "Service", "name": "web"},
        {"group": "batch", "version": "v1", "kind": "Job", "namespace": "shop", "name": "migrate", "hook": True},
        {"version": "v1", "kind": "Service", "namespace": "shop", "name": "old", "requiresPruning": True},
    ]
    obj = load("argocd-deployed")
    obj["status"]["resources"] = parts
    seen = {Selection(APPLICATIONS, "argocd", name="web"): (obj,)}

    assert ArgocdRollout(TARGET, 30.0).running(seen) == (
        Selection(DEPLOYMENTS, "shop", name="web"),
        Selection(SERVICES, "shop", name="web"),
    )
