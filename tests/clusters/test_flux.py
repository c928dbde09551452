from typing import Any

import pytest

from dag_gateway.clusters import flux, flux_release
from dag_gateway.clusters.flux import Chain
from dag_gateway.model.health import Health, Verdict, failed, healthy
from dag_gateway.model.reason import Reason
from dag_gateway.model.target import Baseline, Goal
from tests.fakes.kubernetes_objects import load

PATH = "clusters/production/web"
OURS = "c0ffee" + "0" * 34
OLD = "badc0de" + "0" * 33
GOAL = Goal(OURS, PATH, "web", "1.1.0", Baseline("1.0.0", 1))
RELEASE = "HelmRelease shop/web"


def chain(state: str) -> Chain:
    parts: dict[str, Any] = load(f"flux-{state}")
    return Chain(parts["gitRepository"], parts["helmChart"], parts["helmRelease"], parts.get("kustomization"))


def judge(state: str, goal: Goal = GOAL) -> Health:
    return flux.judge(chain(state), goal, [OURS])


WAITING = [
    ("no-release", "the HelmRelease does not exist yet"),
    ("no-repository", "the GitRepository does not exist yet"),
    ("no-chart", "the HelmChart does not exist yet"),
    ("old-healthy", "GitRepository flux-system/iac waits for c0ffee000000"),
    (
        "fetch-failed",
        "GitRepository flux-system/iac waits for c0ffee000000 (GitOperationFailed: connection refused)",
    ),
    ("fetched", "HelmChart flux-system/shop-web was not built from our commit yet"),
    (
        "build-failed",
        "HelmChart flux-system/shop-web has version 1.0.0, waits for 1.1.0 (BuildFailed: file values.yaml not found)",
    ),
    ("build-stalled-before", "HelmChart flux-system/shop-web has version 1.0.0, waits for 1.1.0"),
    ("built", f"{RELEASE} has not begun with our chart (last attempted: 1.0.0)"),
    (
        "built-dependency-not-ready",
        f"{RELEASE} has not begun with our chart (last attempted: 1.0.0) (DependencyNotReady: db is not ready)",
    ),
    (
        "rolling-out",
        f"{RELEASE} is being rolled out (Progressing: Running 'upgrade' action with timeout of 5m0s)",
    ),
    ("deployed-stale-generation", f"{RELEASE} is not ready for its current spec (UpgradeSucceeded)"),
    ("deployed-not-ready", f"{RELEASE} is not ready for its current spec (Progressing)"),
    ("history-behind", f"{RELEASE}: the newest release holds 1.0.0, not our chart"),
    ("history-empty", f"{RELEASE}: the newest release holds nothing, not our chart"),
    ("history-pending", f"{RELEASE}: our release is pending-upgrade (Progressing)"),
    (
        "upgrade-failed-before",
        f"{RELEASE} has not begun with our chart (last attempted: 1.0.0) (UpgradeFailed: Helm upgrade failed)",
    ),
    ("test-pending", f"{RELEASE}: its Helm tests have not succeeded"),
    ("health-check-canceled", f"{RELEASE}: our release is failed (HealthCheckCanceled: a new revision is there)"),
    ("retrying", f"{RELEASE} is being rolled out (ProgressingWithRetry: retrying)"),
    (
        "retrying-later",
        f"{RELEASE}: our release is failed (RetryAfterInterval: Will retry after 1m0s)"
        " (UpgradeFailed: Helm upgrade failed: context deadline exceeded)",
    ),
    ("deleted", f"{RELEASE} is being deleted"),
    ("fetch-stalled-asked-again", "GitRepository flux-system/iac waits for c0ffee000000 (URLInvalid)"),
    (
        "access-denied-asked-again",
        f"{RELEASE} has not begun with our chart (last attempted: 1.0.0)"
        " (AccessDenied: can't access 'GitRepository/flux-system/iac')",
    ),
    (
        "access-looked-at-again",
        f"{RELEASE} has not begun with our chart (last attempted: 1.0.0)"
        " (AccessDenied: can't access 'GitRepository/flux-system/iac')",
    ),
    (
        "access-mended",
        f"{RELEASE} has not begun with our chart (last attempted: 1.0.0)"
        " (AccessDenied: can't access 'GitRepository/flux-system/iac')",
    ),
    (
        "dependency-not-ready",
        f"{RELEASE}: our release is failed (DependencyNotReady: dependency 'shop/db' is not ready)",
    ),
    (
        "source-not-ready",
        f"{RELEASE}: our release is failed (SourceNotReady: HelmChart 'flux-system/shop-web' is not ready)",
    ),
    (
        "upgrade-failed-asked-again",
        f"{RELEASE}: our release is failed (UpgradeFailed: Helm upgrade failed: context deadline exceeded)",
    ),
    ("retries-exceeded-asked-again", f"{RELEASE}: our release is failed (UpgradeFailed: failed)"),
    ("revision-old", "HelmChart flux-system/shop-web has version 1.1.0+badc0de00000, waits for 1.1.0"),
]

PROVEN = ["deployed", "drifted", "test-passed", "test-ignored", "remediated-before"]

FAILED = [
    (
        "fetch-stalled",
        Reason.STALLED,
        "GitRepository flux-system/iac is stalled (URLInvalid: no such scheme)",
    ),
    (
        "build-stalled",
        Reason.STALLED,
        "HelmChart flux-system/shop-web can not be built (ChartPackageError: version is not SemVer)",
    ),
    (
        "upgrade-failed",
        Reason.ROLLOUT_FAILED,
        f"{RELEASE} failed (UpgradeFailed: Helm upgrade failed: context deadline exceeded)",
    ),
    (
        "hook-failed",
        Reason.HOOK_FAILED,
        f"{RELEASE} failed (UpgradeFailed: Helm upgrade failed: pre-upgrade hooks failed: job migrate failed)",
    ),
    ("test-failed", Reason.HOOK_FAILED, f"{RELEASE} failed (TestFailed: 1 test failed)"),
    (
        "retries-exceeded",
        Reason.STALLED,
        f"{RELEASE} gave up (RetriesExceeded: Failed to upgrade after 3 attempt(s)) (UpgradeFailed: failed)",
    ),
    (
        "rolled-back",
        Reason.ROLLOUT_FAILED,
        f"{RELEASE} failed and was taken back (RollbackSucceeded: rollback to web.v1 succeeded)",
    ),
    (
        "no-rollback-target",
        Reason.STALLED,
        f"{RELEASE} gave up (MissingRollbackTarget: Failed to perform remediation: missing target release for rollback)"
        " (UpgradeFailed: Helm upgrade failed: timed out)",
    ),
    (
        "access-denied",
        Reason.STALLED,
        f"{RELEASE} can not begin (AccessDenied: cross-namespace references are not allowed)",
    ),
    (
        "invalid-expression",
        Reason.STALLED,
        f"{RELEASE} can not begin (InvalidCELExpression: healthCheckExprs[0]: failed to parse)",
    ),
    (
        "install-failed",
        Reason.ROLLOUT_FAILED,
        f"{RELEASE} failed (InstallFailed: Helm install failed: no matches for kind)",
    ),
    (
        "artifact-failed",
        Reason.ROLLOUT_FAILED,
        f"{RELEASE} failed (ArtifactFailed: could not load the chart: digest mismatch)",
    ),
    (
        "uninstalled",
        Reason.ROLLOUT_FAILED,
        f"{RELEASE} failed and was taken back (UninstallSucceeded: uninstall of web.v1 succeeded)"
        " (InstallFailed: Helm install failed: timed out)",
    ),
    (
        "upgrade-failed-handled",
        Reason.ROLLOUT_FAILED,
        f"{RELEASE} failed (UpgradeFailed: Helm upgrade failed: context deadline exceeded)",
    ),
    ("superseded", Reason.SUPERSEDED, f"{RELEASE}: 1.1.0 was deployed, then superseded by 1.2.0"),
]

OBSTACLES = [
    ("release-suspended", Reason.SUSPENDED, f"{RELEASE} is suspended; `flux resume` it and deploy again"),
    (
        "repository-suspended",
        Reason.SUSPENDED,
        "GitRepository flux-system/iac is suspended; `flux resume` it and deploy again",
    ),
    (
        "chart-suspended",
        Reason.SUSPENDED,
        "HelmChart flux-system/shop-web is suspended; `flux resume` it and deploy again",
    ),
    (
        "chart-ref",
        Reason.CONFIG_ERROR,
        f"{RELEASE} takes its chart from spec.chartRef, so a commit can not be followed to it;"
        " use spec.chart with a GitRepository as its sourceRef",
    ),
    (
        "helm-repository",
        Reason.CONFIG_ERROR,
        f"{RELEASE} takes its chart from HelmRepository, not from a GitRepository",
    ),
]


@pytest.mark.parametrize(("state", "message"), WAITING)
def test_what_may_still_become_ours_is_waited_for(state: str, message: str) -> None:
    health = judge(state)

    assert (health.verdict, health.message) == (Verdict.PROGRESSING, message)


@pytest.mark.parametrize("state", PROVEN)
def test_the_whole_chain_proves_that_ours_was_released(state: str) -> None:
    assert judge(state) == healthy(f"{RELEASE} has released 1.1.0")


@pytest.mark.parametrize(("state", "reason", "message"), FAILED + OBSTACLES)
def test_what_waiting_can_not_mend_has_failed(state: str, reason: Reason, message: str) -> None:
    assert judge(state) == failed(reason, message)


@pytest.mark.parametrize(("state", "reason", "message"), OBSTACLES)
def test_an_obstacle_is_known_before_the_push(state: str, reason: Reason, message: str) -> None:
    assert flux.obstacle(chain(state), PATH) == failed(reason, message)


@pytest.mark.parametrize("state", ["old-healthy", "no-release", "upgrade-failed-before"])
def test_a_chain_that_can_carry_a_commit_is_no_obstacle(state: str) -> None:
    assert flux.obstacle(chain(state), PATH) is None


MISTAKES = [
    (
        {"chart": "clusters/production/api"},
        {},
        "takes its chart from the folder 'clusters/production/api', not from 'clusters/production/web';"
        " make path and spec.chart agree",
    ),
    (
        {"valuesFiles": ["clusters/production/web/values-prod.yaml"]},
        {},
        "has valuesFiles, with which Flux drops the part of the version that tells contents apart;"
        " set reconcileStrategy: Revision in spec.chart.spec",
    ),
    (
        {},
        {"kubeConfig": {"secretRef": {"name": "edge"}}},
        "deploys to another cluster (spec.kubeConfig), whose pods can not be seen here;"
        " use the tracker helm at that cluster",
    ),
]


def changed(state: str, template: dict[str, Any], **fields: Any) -> Chain:
    """The chain with changes to the chart template and the spec of its HelmRelease."""
    made = chain(state)
    assert made.helm_release is not None
    made.helm_release["spec"]["chart"]["spec"].update(template)
    made.helm_release["spec"].update(fields)
    return made


@pytest.mark.parametrize(("template", "fields", "words"), MISTAKES)
def test_a_release_that_is_fed_otherwise_never_proves_ours(
    template: dict[str, Any], fields: dict[str, Any], words: str
) -> None:
    fed_otherwise = changed("deployed", template, **fields)

    assert flux.obstacle(fed_otherwise, PATH) == failed(Reason.CONFIG_ERROR, f"{RELEASE} {words}")
    assert flux.judge(fed_otherwise, GOAL, [OURS]) == failed(Reason.CONFIG_ERROR, f"{RELEASE} {words}")


@pytest.mark.parametrize(
    "spelling", ["./clusters/production/web", "/clusters/production/web/", "clusters//production/web"]
)
def test_one_folder_may_be_spelled_in_many_ways(spelling: str) -> None:
    assert flux.judge(changed("deployed", {"chart": spelling}), GOAL, [OURS]).verdict is Verdict.HEALTHY


def test_values_files_are_no_obstacle_where_the_commit_is_in_the_version() -> None:
    with_files = changed("revision-deployed", {"valuesFiles": ["values-prod.yaml"]})

    assert flux.judge(with_files, GOAL, [OURS]).verdict is Verdict.HEALTHY


def test_a_descendant_of_our_commit_proves_as_well_as_ours() -> None:
    moved = chain("deployed")
    later = Goal("1" * 40, PATH, "web", "1.1.0", Baseline())

    assert flux.judge(moved, later, ["1" * 40]).verdict is Verdict.PROGRESSING
    assert flux.judge(moved, later, ["1" * 40, OURS]).verdict is Verdict.HEALTHY


def test_with_the_strategy_revision_the_commit_in_the_version_proves() -> None:
    assert judge("revision-deployed") == healthy(f"{RELEASE} has released 1.1.0+c0ffee000000.1")


def test_with_the_strategy_revision_flux_replaces_our_own_build_metadata() -> None:
    stamped = Goal(OURS, PATH, "web", "1.1.0+12345678", Baseline("1.0.0", 1))

    assert judge("revision-deployed", stamped).verdict is Verdict.HEALTHY


@pytest.mark.parametrize(("version", "reason"), [("1.1.0+222222222222", None), ("1.2.0+2222", Reason.SUPERSEDED)])
def test_with_the_strategy_revision_the_version_of_an_unknown_commit_may_be_ours(
    version: str, reason: Reason | None
) -> None:
    overtaken = chain("revision-deployed")
    assert overtaken.helm_release is not None
    overtaken.helm_release["status"]["lastAttemptedRevision"] = version
    overtaken.helm_release["status"]["history"] = [
        {"version": 3, "chartVersion": version, "status": "deployed"},
        {"version": 2, "chartVersion": "1.1.0+c0ffee000000", "status": "superseded"},
    ]

    assert flux.judge(overtaken, GOAL, [OURS]).reason is reason


@pytest.mark.parametrize("baseline", [None, Baseline("1.2.0", 2)])
def test_the_same_version_from_before_the_push_is_not_superseded(baseline: Baseline | None) -> None:
    health = judge("superseded", Goal(OURS, PATH, "web", "1.1.0", baseline))

    assert health.verdict is Verdict.PROGRESSING


def test_without_any_release_before_every_revision_is_from_after_the_push() -> None:
    assert judge("superseded", Goal(OURS, PATH, "web", "1.1.0", Baseline())).reason is Reason.SUPERSEDED


def test_a_rollback_after_a_failed_test_of_ours_is_a_failure_and_no_successor() -> None:
    taken_back = chain("test-failed")
    assert taken_back.helm_release is not None
    told = taken_back.helm_release["status"]
    told["history"] = [
        {"version": 3, "chartVersion": "1.0.0", "status": "deployed"},
        {"version": 2, "chartVersion": "1.1.0", "status": "superseded"},
    ]
    told["conditions"].append({"type": "Remediated", "status": "True", "reason": "RollbackSucceeded"})

    assert flux.judge(taken_back, GOAL, [OURS]) == failed(
        Reason.HOOK_FAILED, f"{RELEASE} failed and was taken back (RollbackSucceeded) (TestFailed: 1 test failed)"
    )


def test_while_another_chart_is_attempted_our_newest_release_is_not_superseded() -> None:
    overtaken = chain("deployed")
    assert overtaken.helm_release is not None
    overtaken.helm_release["status"]["lastAttemptedRevision"] = "1.2.0"

    assert flux.judge(overtaken, GOAL, [OURS]).verdict is Verdict.PROGRESSING


RETRIES = {"strategy": {"name": "RetryOnFailure", "retryInterval": "1m"}}


@pytest.mark.parametrize(
    ("fields", "action", "reason"),
    [
        ({"upgrade": RETRIES}, None, None),
        ({"upgrade": RETRIES}, "upgrade", None),
        ({"install": RETRIES}, "install", None),
        ({"install": RETRIES}, "upgrade", Reason.ROLLOUT_FAILED),
        ({"upgrade": {"strategy": {"name": "RemediateOnFailure"}}}, "upgrade", Reason.ROLLOUT_FAILED),
    ],
)
def test_a_release_that_is_tried_again_for_ever_has_not_failed(
    fields: dict[str, Any], action: str | None, reason: Reason | None
) -> None:
    trying = changed("upgrade-failed", {}, **fields)
    assert trying.helm_release is not None
    trying.helm_release["status"]["lastAttemptedReleaseAction"] = action

    assert flux.judge(trying, GOAL, [OURS]).reason is reason


def test_ours_released_twice_is_not_superseded_by_itself() -> None:
    twice = chain("deployed")
    assert twice.helm_release is not None
    twice.helm_release["status"]["history"] = [
        {"version": 3, "chartVersion": "1.1.0", "status": "deployed"},
        {"version": 2, "chartVersion": "1.1.0", "status": "superseded"},
    ]

    assert flux.judge(twice, GOAL, [OURS]).verdict is Verdict.HEALTHY


@pytest.mark.parametrize(
    ("revision", "digits"),
    [
        (f"main@sha1:{OURS}", OURS),
        (f"v1.1.0@sha1:{OURS}", OURS),
        (f"sha1:{OURS}", OURS),
        (f"refs/heads/a:b@sha1:{OURS}", OURS),
        ("main", None),
        ("main@sha1:", None),
        (None, None),
    ],
)
def test_the_commit_is_read_from_every_form_of_a_revision(revision: str | None, digits: str | None) -> None:
    assert flux.hash_of(revision) == digits


def test_the_commits_of_repository_and_chart_are_those_to_ask_about() -> None:
    assert flux.source_hashes(chain("fetched")) == (OURS, OLD)
    assert flux.source_hashes(chain("no-release")) == ()


def test_the_attempt_begins_with_the_chart_that_holds_our_version() -> None:
    since = flux.attempted_since(chain("rolling-out"), GOAL, [OURS])

    assert str(since) == "2026-01-31 12:00:01+00:00"


@pytest.mark.parametrize("state", ["built", "old-healthy", "no-release", "superseded"])
def test_before_our_attempt_nothing_that_runs_is_ours(state: str) -> None:
    assert flux.attempted_since(chain(state), GOAL, [OURS]) is None


def test_the_objects_of_the_chain_are_named_by_the_release() -> None:
    release = chain("deployed").helm_release
    assert release is not None

    assert flux.source_name(release) == ("flux-system", "iac")
    assert flux.chart_name(release) == ("flux-system", "shop-web")
    assert flux.workload_namespace(release) == "shop"


def test_a_release_without_a_status_has_its_chart_beside_the_source() -> None:
    release = chain("deployed").helm_release
    assert release is not None

    assert flux.chart_name({**release, "status": {}}) == ("flux-system", "shop-web")


def test_the_history_is_read_newest_first_whatever_its_order() -> None:
    release = {"status": {"history": [{"version": 1}, {"version": 3}, {"version": 2}]}}

    assert [entry["version"] for entry in flux_release.history(release)] == [3, 2, 1]
