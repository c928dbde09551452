from typing import Any

import pytest

from dag_gateway.clusters import flux, flux_kustomization
from dag_gateway.clusters.flux import Chain
from dag_gateway.model.health import Health, failed, healthy, progressing
from dag_gateway.model.reason import Reason
from tests.fakes.flux_cluster import GOAL, OURS, PATH
from tests.fakes.kubernetes_objects import load

RELEASE = "HelmRelease shop/web"
SUSPENDED = f"Kustomization flux-system/apps, which applies {RELEASE}, is suspended; `flux resume` it and deploy again"


def chain(state: str) -> Chain:
    parts: dict[str, Any] = load(f"flux-kustomization-{state}")
    return Chain(parts["gitRepository"], parts["helmChart"], parts["helmRelease"], parts["kustomization"])


def judge(state: str) -> Health:
    return flux.judge(chain(state), GOAL, [OURS])


def test_a_kustomization_that_applied_our_commit_proves_nothing() -> None:
    assert judge("applied") == progressing("GitRepository flux-system/iac waits for c0ffee000000")


@pytest.mark.parametrize("state", ["deployed", "deployed-build-failed", "suspended-elsewhere"])
def test_what_was_released_is_proven_without_the_kustomization(state: str) -> None:
    assert judge(state) == healthy(f"{RELEASE} has released 1.1.0")


def test_a_kustomization_that_can_not_apply_is_told_behind_what_is_waited_for() -> None:
    assert judge("build-failed") == progressing(
        f"{RELEASE} has not begun with our chart (last attempted: 1.0.0); Kustomization flux-system/apps is not ready"
        " (BuildFailed: kustomize build failed: no such file apps/web.yaml)"
    )


def test_trouble_with_an_earlier_spec_of_the_kustomization_is_not_told() -> None:
    assert judge("build-failed-before") == progressing(
        f"{RELEASE} has not begun with our chart (last attempted: 1.0.0)"
    )


def test_a_suspended_kustomization_is_an_obstacle_before_the_push_and_after_it() -> None:
    assert flux.obstacle(chain("suspended"), PATH) == failed(Reason.SUSPENDED, SUSPENDED)
    assert judge("suspended") == failed(Reason.SUSPENDED, SUSPENDED)


def test_only_the_labels_of_a_release_name_its_kustomization() -> None:
    labelled, bare = chain("applied").helm_release, load("flux-deployed")["helmRelease"]
    assert labelled is not None

    assert flux_kustomization.address(labelled) == ("flux-system", "apps")
    assert flux_kustomization.address(bare) is None
