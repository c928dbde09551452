from dataclasses import replace
from typing import Any

import pytest

from dag_gateway.clusters import argocd, argocd_health, argocd_operation
from dag_gateway.clusters.diagnose import Problem
from dag_gateway.model.health import Health, Verdict, failed, healthy
from dag_gateway.model.reason import Reason
from dag_gateway.model.target import Baseline, Goal
from tests.fakes.kubernetes_objects import load

PATH = "clusters/production/web"
OURS = "c0ffee" + "0" * 34
NEWER = "decade" + "0" * 34
OLD = "badc0de" + "0" * 33
GOAL = Goal(OURS, PATH, "web", "1.1.0", Baseline(looked_at="2026-01-31T11:59:00Z"))
WEB = "Application argocd/web"
UNSEEN = f"{WEB} has not seen our commit c0ffee000000 yet"
STALE = f"{WEB} has synced our commit and not told its health since"
SUSPENDED = f"{WEB} is Suspended: something in it is paused and waits to be resumed"
OF_ITS_OWN = f"{WEB} is synced, and all that is not Healthy is Suspended"


def application(state: str) -> dict[str, Any]:
    return load(f"argocd-{state}")


def judge(state: str, goal: Goal = GOAL) -> Health:
    return argocd.judge(application(state), goal, [OURS, NEWER])


def problems(state: str, goal: Goal = GOAL, erred_at: str | None = None) -> tuple[Problem, ...]:
    return argocd.problems(application(state), goal, [OURS, NEWER], 30.0, erred_at)


WAITING = [
    ("new", UNSEEN),
    ("deleted", f"{WEB} is being deleted"),
    ("old-healthy", UNSEEN),
    ("syncing", f"{WEB} is being synced (waiting for healthy state of apps/Deployment/web)"),
    ("retrying", f"{WEB} is being synced (one or more objects failed to apply. Retrying attempt #2 at 12:00PM.)"),
    ("requested", f"{WEB} is being synced"),
    ("terminating", f"{WEB} is being synced (operation is being terminated)"),
    ("another-operation", f"{WEB} works on another operation (waiting for completion of hook batch/Job/migrate)"),
    ("sync-failed-before", UNSEEN),
    ("multi-source-old", UNSEEN),
    ("multi-source-other", UNSEEN),
    ("multi-source-one-of-ours", UNSEEN),
    ("multi-source-one-unknown", UNSEEN),
    ("compared-other-folder", UNSEEN),
    ("out-of-sync", f"{WEB} is OutOfSync at our commit"),
    ("not-compared", f"{WEB} is not compared at our commit"),
    (
        "out-of-sync-by-hand",
        f"{WEB} is OutOfSync at our commit; sync it by hand, or switch spec.syncPolicy.automated on",
    ),
    (
        "out-of-sync-switched-off",
        f"{WEB} is OutOfSync at our commit; sync it by hand, or switch spec.syncPolicy.automated on",
    ),
    (
        "comparison-error",
        f"{WEB} is Unknown at our commit (ComparisonError: Failed to load target state:"
        " failed to generate manifest: values.yaml: yaml: line 3)",
    ),
    (
        "comparison-error-before",
        f"{UNSEEN} (ComparisonError: Failed to load target state: connection refused)",
    ),
    ("invalid-spec", f"{UNSEEN} (InvalidSpecError: application destination can not be found)"),
    (
        "sync-error",
        f"{WEB} is OutOfSync at our commit (SyncError: Failed last sync attempt to {OURS}:"
        " one or more objects failed to apply)",
    ),
    (
        "sync-error-before",
        f"{UNSEEN} (SyncError: Failed last sync attempt to {OLD}: one or more objects failed to apply)",
    ),
    ("health-before-sync", STALE),
    ("degraded-before-sync", STALE),
    ("never-reconciled", STALE),
    ("same-second-elsewhere", STALE),
    ("without-operation-before", f"{WEB} has not been looked at since the push"),
    ("progressing", f"{WEB} is synced, its health is Progressing"),
    ("missing", f"{WEB} is synced, its health is Missing"),
    ("health-unknown", f"{WEB} is synced, its health is Unknown"),
    ("health-empty", f"{WEB} is synced, its health is not known"),
    ("suspended", SUSPENDED),
    (
        "degraded",
        f'{WEB} is synced, its health is Degraded (Deployment web: Deployment "web" exceeded its progress deadline)',
    ),
    ("degraded-untold", f"{WEB} is synced, its health is Degraded"),
    ("degraded-before", UNSEEN),
]

PROVEN = [
    "deployed",
    "descendant",
    "multi-source",
    "multi-source-both-ours",
    "without-operation",
    "without-any-operation",
    "other-spelling",
    "elsewhere",
    "in-cluster-by-name",
    "same-second",
]

FAILED = [
    (
        "sync-failed",
        Reason.ROLLOUT_FAILED,
        f"{WEB} could not be synced (one or more objects failed to apply):"
        ' Deployment web: Deployment.apps "web" is invalid: spec.selector: field is immutable',
    ),
    (
        "sync-failed-in-many",
        Reason.ROLLOUT_FAILED,
        f"{WEB} could not be synced (one or more objects failed to apply): Deployment web-0: is invalid;"
        " Deployment web-1: is invalid; Deployment web-2: is invalid; and 2 more",
    ),
    (
        "sync-broken",
        Reason.ROLLOUT_FAILED,
        f"{WEB} could not be synced (ComparisonError: failed to generate manifest)",
    ),
    (
        "hook-failed",
        Reason.HOOK_FAILED,
        f"{WEB} could not be synced (one or more synchronization tasks completed unsuccessfully):"
        " Job migrate: Job has reached the specified backoff limit",
    ),
]

OBSTACLES = [
    (
        "hydrator",
        Reason.CONFIG_ERROR,
        f"{WEB} syncs hydrated manifests (spec.sourceHydrator), so a commit of the chart can not be followed to it;"
        " use spec.source with the path of the chart",
    ),
    (
        "chart-source",
        Reason.CONFIG_ERROR,
        f"{WEB} takes no source from 'clusters/production/web', but from no folder; make path and its source agree",
    ),
    (
        "no-source",
        Reason.CONFIG_ERROR,
        f"{WEB} takes no source from 'clusters/production/web', but from no folder; make path and its source agree",
    ),
    (
        "multi-source-ref-only",
        Reason.CONFIG_ERROR,
        f"{WEB} takes no source from 'clusters/production/web', but from no folder; make path and its source agree",
    ),
    (
        "other-folder",
        Reason.CONFIG_ERROR,
        f"{WEB} takes no source from 'clusters/production/web', but from 'clusters/staging/web';"
        " make path and its source agree",
    ),
    (
        "pinned",
        Reason.CONFIG_ERROR,
        f"{WEB} is pinned to one commit (targetRevision), so it never syncs another; use a branch",
    ),
    (
        "ignored-image",
        Reason.CONFIG_ERROR,
        f"{WEB} ignores differences of Deployment in '/spec/template/spec/containers/0/image' (spec.ignoreDifferences),"
        " so it can not tell whether the pods run our content; leave pod templates out of what it ignores",
    ),
    (
        "skip-reconcile",
        Reason.SUSPENDED,
        f"{WEB} is not reconciled; remove its annotation argocd.argoproj.io/skip-reconcile and deploy again",
    ),
]

LASTING = [
    (
        "comparison-error",
        Reason.RENDER_FAILED,
        f"{WEB} (ComparisonError: Failed to load target state: failed to generate manifest: values.yaml: yaml: line 3)",
    ),
    ("invalid-spec", Reason.CONFIG_ERROR, f"{WEB} (InvalidSpecError: application destination can not be found)"),
    (
        "sync-error",
        Reason.ROLLOUT_FAILED,
        f"{WEB} (SyncError: Failed last sync attempt to {OURS}: one or more objects failed to apply)",
    ),
    (
        "degraded",
        Reason.ROLLOUT_FAILED,
        f'{WEB} is Degraded (Deployment web: Deployment "web" exceeded its progress deadline)',
    ),
    ("degraded-untold", Reason.ROLLOUT_FAILED, f"{WEB} is Degraded"),
]


def test_an_application_that_is_not_there_is_waited_for() -> None:
    health = argocd.judge(None, GOAL, [OURS])

    assert (health.verdict, health.message) == (Verdict.PROGRESSING, "the Application does not exist yet")
    assert argocd.problems(None, GOAL, [OURS], 30.0, None) == ()
    assert argocd_health.looked_at(None) is None


@pytest.mark.parametrize(("state", "message"), WAITING)
def test_what_waiting_may_mend_is_waited_for(state: str, message: str) -> None:
    assert judge(state) == Health(Verdict.PROGRESSING, message)


@pytest.mark.parametrize("state", PROVEN)
def test_synced_and_healthy_since_is_proof(state: str) -> None:
    assert judge(state) == healthy(f"{WEB} is synced and Healthy")
    assert problems(state) == ()


@pytest.mark.parametrize(("state", "reason", "message"), FAILED)
def test_a_sync_that_failed_is_not_tried_again(state: str, reason: Reason, message: str) -> None:
    assert judge(state) == failed(reason, message)


@pytest.mark.parametrize(("state", "reason", "message"), OBSTACLES)
def test_what_can_never_carry_our_commit_is_told_before_the_push(state: str, reason: Reason, message: str) -> None:
    assert argocd.obstacle(application(state), PATH) == failed(reason, message)
    assert judge(state) == failed(reason, message)


def test_a_sound_application_is_no_obstacle() -> None:
    assert argocd.obstacle(application("deployed"), PATH) is None
    assert argocd.obstacle(application("multi-source"), f"/{PATH}/") is None


@pytest.mark.parametrize(("state", "reason", "message"), LASTING)
def test_errors_and_degraded_fail_the_rollout_once_they_have_lasted(state: str, reason: Reason, message: str) -> None:
    assert [(found.reason, found.message, found.grace) for found in problems(state)] == [(reason, message, 30.0)]


@pytest.mark.parametrize("state", [state for state, _ in WAITING if state not in {row[0] for row in LASTING}])
def test_what_is_left_over_or_on_its_way_is_no_problem(state: str) -> None:
    assert problems(state) == ()


def test_an_error_while_an_operation_is_under_way_is_no_problem() -> None:
    busy = {**application("sync-error"), "operation": {"sync": {"revision": OURS}}}

    assert argocd.problems(busy, GOAL, [OURS], 30.0, None) == ()


def test_a_comparison_error_is_no_problem_where_nobody_knows_whether_it_is_new() -> None:
    assert problems("comparison-error", Goal(OURS, PATH, "web", "1.1.0")) == ()


def test_an_error_of_one_look_only_explains_until_argo_cd_has_looked_again() -> None:
    looked = application("comparison-error")["status"]["reconciledAt"]

    first = problems("comparison-error", erred_at=looked)
    again = problems("comparison-error-again", erred_at=looked)

    assert [(found.reason, found.grace) for found in first] == [(Reason.RENDER_FAILED, None)]
    assert [(found.key, found.grace) for found in again] == [(first[0].key, 30.0)]
    assert [found.grace for found in problems("invalid-spec", erred_at=looked)] == [30.0]


@pytest.mark.parametrize("state", ["sync-failed", "hook-failed"])
def test_a_sync_that_failed_before_the_deployment_is_no_verdict_until_argo_cd_has_looked_since(state: str) -> None:
    told = application(state)["status"]
    finished = told["operationState"]["finishedAt"]
    before = replace(GOAL, baseline=Baseline(looked_at=told["reconciledAt"], finished_at=finished))
    since = replace(GOAL, baseline=Baseline(looked_at="2026-01-31T11:59:00Z", finished_at=finished))
    words = f"{judge(state).message}, before this deployment; it is tried again when you sync it by hand"

    assert judge(state, before) == judge(state, since) == Health(Verdict.PROGRESSING, words)
    assert problems(state, before) == ()
    (problem,) = problems(state, since)
    assert (problem.reason, problem.grace) == (judge(state).reason, 30.0)
    assert problem.message.endswith("; Argo CD does not sync the same commit again by itself: sync it by hand")


def test_an_old_failure_waits_for_a_sync_by_hand_where_nothing_is_automatic() -> None:
    by_hand = application("sync-failed")
    finished = by_hand["status"]["operationState"]["finishedAt"]
    del by_hand["spec"]["syncPolicy"]
    goal = replace(GOAL, baseline=Baseline(looked_at="2026-01-31T11:59:00Z", finished_at=finished))

    assert argocd.problems(by_hand, goal, [OURS], 30.0, None) == ()
    assert argocd.judge(by_hand, goal, [OURS]).verdict is Verdict.PROGRESSING


def test_a_sync_error_from_before_the_push_is_no_problem_until_argo_cd_has_looked_since() -> None:
    looked = application("sync-error")["status"]["reconciledAt"]

    assert problems("sync-error", replace(GOAL, baseline=Baseline(looked_at=looked))) == ()


def test_a_look_since_the_push_is_only_needed_where_nothing_was_synced() -> None:
    reconciled = Baseline(looked_at="2026-01-31T12:00:06Z")
    goal = Goal(OURS, PATH, "web", "1.1.0", reconciled)

    assert judge("deployed", goal).verdict is Verdict.HEALTHY
    assert judge("without-operation", goal).message == f"{WEB} has not been looked at since the push"
    assert judge("without-operation", Goal(OURS, PATH, "web", "1.1.0")).verdict is Verdict.HEALTHY


def test_only_a_descendant_of_our_commit_counts() -> None:
    health = argocd.judge(application("descendant"), GOAL, [OURS])

    assert health == Health(Verdict.PROGRESSING, UNSEEN)


@pytest.mark.parametrize(
    ("state", "found"),
    [
        ("deployed", {OURS}),
        ("descendant", {NEWER}),
        ("syncing", {OLD, OURS}),
        ("requested", {OLD, OURS}),
        ("multi-source", {OURS}),
        ("multi-source-other", {OLD}),
        ("sync-broken", {OURS}),
        ("compared-other-folder", {OURS}),
        ("new", set()),
    ],
)
def test_the_commits_of_git_folders_are_found(state: str, found: set[str]) -> None:
    assert set(argocd.hashes(application(state))) == found


@pytest.mark.parametrize(
    ("state", "began"),
    [("syncing", "12:00:00"), ("deployed", "12:00:00"), ("requested", None), ("old-healthy", None), ("new", None)],
)
def test_our_pods_can_be_there_since_the_sync_of_our_commit_began(state: str, began: str | None) -> None:
    since = argocd_operation.began_at(application(state), GOAL, [OURS])

    assert (since.time().isoformat() if since else None) == began


@pytest.mark.parametrize(
    ("state", "stale"),
    [
        ("health-before-sync", True),
        ("never-reconciled", True),
        ("new", True),
        ("deployed", False),
        ("same-second", False),
        ("same-second-elsewhere", True),
    ],
)
def test_health_from_before_the_sync_is_known_as_such(state: str, stale: bool) -> None:
    assert argocd_health.is_stale(application(state)) is stale


@pytest.mark.parametrize(("state", "here"), [("deployed", True), ("in-cluster-by-name", True), ("elsewhere", False)])
def test_the_destination_says_whether_the_pods_can_be_seen(state: str, here: bool) -> None:
    assert argocd_health.is_here(application(state)) is here


@pytest.mark.parametrize("state", ["suspended-cronjob", "suspended-rollout"])
def test_what_is_suspended_and_judged_here_is_no_matter_of_argo_cd(state: str) -> None:
    assert judge(state) == healthy(OF_ITS_OWN)
    untold = application(state)
    for part in untold["status"]["resources"]:
        part.pop("health", None)
    assert argocd_health.judge(untold) == healthy(OF_ITS_OWN)


@pytest.mark.parametrize("state", ["suspended", "suspended-cronjob"])
def test_what_is_suspended_in_another_cluster_is_waited_for(state: str) -> None:
    away = {**application(state), "spec": application("elsewhere")["spec"]}

    assert argocd_health.judge(away) == Health(Verdict.PROGRESSING, SUSPENDED)


def test_nothing_that_can_not_be_judged_here_is_taken_for_what_is_suspended_on_purpose() -> None:
    untold = application("suspended")
    for part in untold["status"]["resources"]:
        part.pop("health", None)
    empty = application("suspended")
    empty["status"]["resources"] = []

    assert argocd_health.judge(untold) == argocd_health.judge(empty) == Health(Verdict.PROGRESSING, SUSPENDED)


def test_a_hook_that_is_suspended_is_not_what_the_application_is_judged_by() -> None:
    hooked = application("suspended")
    hooked["status"]["resources"][-1]["hook"] = True

    assert argocd_health.judge(hooked) == healthy(OF_ITS_OWN)
