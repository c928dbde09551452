from datetime import UTC, datetime
from typing import Any

import pytest

from dag_gateway.clusters.flux_rollout import FluxRollout
from dag_gateway.clusters.live import Snapshot
from dag_gateway.clusters.resources import (
    DEPLOYMENTS,
    GIT_REPOSITORIES,
    HELM_CHARTS,
    HELM_RELEASES,
    KUSTOMIZATIONS,
    PODS,
    REPLICA_SETS,
    ROLLOUTS,
    Selection,
)
from dag_gateway.clusters.rollout import Nudge
from dag_gateway.model.reason import Reason
from tests.fakes.flux_cluster import GOAL, OURS, PATH, TARGET
from tests.fakes.kubernetes_objects import load, owned

NOW = datetime(2026, 1, 31, 12, tzinfo=UTC)
AT = "2026-01-31T12:00:00.000Z"
LABELS = "helm.toolkit.fluxcd.io/name=web,helm.toolkit.fluxcd.io/namespace=shop"
RELEASE = Selection(HELM_RELEASES, "shop", name="web")
SOURCE = Selection(GIT_REPOSITORIES, "flux-system", name="iac")
CHART = Selection(HELM_CHARTS, "flux-system", name="shop-web")
KUSTOMIZATION = Selection(KUSTOMIZATIONS, "flux-system", name="apps")
OWNED = Selection(DEPLOYMENTS, "shop", LABELS)
PODS_OF_WEB = Selection(PODS, "shop", "app=web")


def snapshot(state: str) -> Snapshot:
    parts: dict[str, Any] = load(f"flux-{state}")
    found = {RELEASE: parts["helmRelease"], SOURCE: parts["gitRepository"], CHART: parts["helmChart"]}
    found[KUSTOMIZATION] = parts.get("kustomization")
    return {selection: (obj,) if obj else () for selection, obj in found.items()}


def web() -> dict[str, Any]:
    deployment = load("deployment-ready")
    deployment["metadata"]["namespace"] = "shop"
    deployment["spec"]["selector"] = {"matchLabels": {"app": "web"}}
    return deployment


def test_the_pods_are_selected_as_their_controllers_select_them() -> None:
    running = FluxRollout(TARGET).running({**snapshot("deployed"), OWNED: (web(),)})

    assert OWNED in running
    assert {selection for selection in running if selection.labels == "app=web"} == {
        Selection(REPLICA_SETS, "shop", "app=web"),
        PODS_OF_WEB,
    }
    assert {selection.labels for selection in running} == {LABELS, "app=web"}


def test_nothing_runs_before_the_release_is_known() -> None:
    rollout = FluxRollout(TARGET)

    assert (rollout.running({}), rollout.helpful({}), rollout.workloads({}).owners) == ((), (), [])


def test_a_pod_that_the_chart_holds_itself_counts_and_one_of_a_controller_does_not() -> None:
    bare, created = load("pod-ready"), owned(load("pod-starting"), web())
    seen = {**snapshot("deployed"), Selection(PODS, "shop", LABELS): (bare, created)}

    assert FluxRollout(TARGET).workloads(seen).owners == [bare]


def test_the_workloads_are_those_of_the_release_with_their_pods() -> None:
    pod = load("pod-ready")
    held = FluxRollout(TARGET).workloads({**snapshot("deployed"), OWNED: (web(),), PODS_OF_WEB: (pod,)})

    assert (held.owners, held.replica_sets, held.pods) == ([web()], (), (pod,))


def test_argo_rollouts_and_the_kustomization_are_looked_at_where_they_may_be_read() -> None:
    rollouts = Selection(ROLLOUTS, "shop", LABELS)

    assert FluxRollout(TARGET).helpful(snapshot("kustomization-applied")) == (KUSTOMIZATION, rollouts)
    assert FluxRollout(TARGET).helpful(snapshot("deployed")) == (rollouts,)


@pytest.mark.parametrize("state", ["kustomization-suspended", "release-suspended"])
def test_a_suspended_object_is_an_obstacle_where_it_was_seen(state: str) -> None:
    health = FluxRollout(TARGET).obstacle(snapshot(state), PATH)

    assert health is not None
    assert health.reason is Reason.SUSPENDED


def test_the_source_is_asked_to_look_and_a_release_that_has_failed_with_ours_to_try_again() -> None:
    requested = {"reconcile.fluxcd.io/requestedAt": AT}

    assert FluxRollout(TARGET).nudges(snapshot("upgrade-failed"), GOAL, NOW) == (
        Nudge("source", SOURCE, requested),
        Nudge("release", RELEASE, {**requested, "reconcile.fluxcd.io/resetAt": AT}),
    )


@pytest.mark.parametrize("state", ["old-healthy", "upgrade-failed-before", "built", "revision-old"])
def test_a_release_is_not_asked_to_try_another_chart_again(state: str) -> None:
    assert asked(FluxRollout(TARGET), state) == ["source"]


def test_a_release_that_fails_with_ours_while_we_look_is_not_asked_to_try_again() -> None:
    rollout = FluxRollout(TARGET)

    assert [asked(rollout, state) for state in ("built", "upgrade-failed")] == [["source"], ["source"]]


def test_a_release_that_has_failed_with_ours_waits_for_its_chart_before_it_is_asked() -> None:
    rollout, other = FluxRollout(TARGET), snapshot("upgrade-failed")
    (old,) = snapshot("old-healthy")[CHART]

    assert [nudge.key for nudge in rollout.nudges({**other, CHART: (old,)}, GOAL, NOW)] == ["source"]
    assert asked(rollout, "upgrade-failed") == ["source", "release"]


def test_with_the_strategy_revision_the_commit_tells_whether_a_release_has_failed_with_ours() -> None:
    assert asked(FluxRollout(TARGET), "revision-deployed") == ["source", "release"]


def test_a_release_that_was_refused_is_asked_to_look_again_but_not_to_forget_its_failures() -> None:
    assert FluxRollout(TARGET).nudges(snapshot("access-denied"), GOAL, NOW)[1:] == (
        Nudge("look", RELEASE, {"reconcile.fluxcd.io/requestedAt": AT}),
    )


def test_nobody_is_asked_before_it_exists() -> None:
    rollout = FluxRollout(TARGET)

    assert rollout.nudges({}, GOAL, NOW) == ()
    assert asked(rollout, "no-repository") == []


def asked(rollout: FluxRollout, state: str) -> list[str]:
    return [nudge.key for nudge in rollout.nudges(snapshot(state), GOAL, NOW)]


def test_a_failure_of_the_same_content_before_counts_only_once_flux_has_looked_again() -> None:
    asked, handled = snapshot("upgrade-failed-asked-again"), snapshot("upgrade-failed-handled")
    rollout = FluxRollout(TARGET)

    assert rollout.released(asked, GOAL, [OURS], NOW).reason is None
    assert rollout.released(handled, GOAL, [OURS], NOW).reason is Reason.ROLLOUT_FAILED
