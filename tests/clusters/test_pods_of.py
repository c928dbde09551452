from typing import Any

from dag_gateway.clusters.pods_of import kinds_needed, pods_of, workloads_of
from dag_gateway.clusters.resources import DEPLOYMENTS, PODS, REPLICA_SETS, SERVICES, Selection
from tests.fakes.kubernetes_objects import load, renamed


def selecting(state: str, **labels: str) -> dict[str, Any]:
    owner = load(state)
    owner["metadata"]["namespace"] = "shop"
    owner["spec"]["selector"] = {"matchLabels": labels}
    return owner


def test_the_pods_of_a_deployment_are_below_its_replica_sets() -> None:
    assert pods_of([selecting("deployment-ready", app="web")]) == (
        Selection(REPLICA_SETS, "shop", "app=web"),
        Selection(PODS, "shop", "app=web"),
    )


def test_other_controllers_have_their_pods_themselves() -> None:
    for state in ("statefulset-ready", "daemonset-ready", "replicaset-ready", "job-running"):
        assert pods_of([selecting(state, app="web")]) == (Selection(PODS, "shop", "app=web"),), state


def test_a_controller_without_a_selector_has_no_pods_yet() -> None:
    assert pods_of([selecting("job-new")]) == ()


def test_a_selector_of_a_service_selects_nothing_of_the_release() -> None:
    assert pods_of([selecting("service-ready", app="web")]) == ()


def test_owners_that_select_alike_are_asked_for_once() -> None:
    web = selecting("deployment-ready", app="web")

    assert len(pods_of([web, renamed(web, "again")])) == 2


def test_a_pod_that_two_selectors_find_is_there_once() -> None:
    narrow, wide = selecting("deployment-ready", app="web", tier="front"), selecting("statefulset-ready", app="web")
    pod = load("pod-ready")
    seen = {
        Selection(PODS, "shop", "app=web"): (pod, renamed(pod, "other")),
        Selection(PODS, "shop", "app=web,tier=front"): (pod,),
    }

    assert len(workloads_of([narrow, wide], seen).pods) == 2


def test_what_must_be_readable_is_asked_once_per_kind_and_place_with_the_pods_that_will_come() -> None:
    running = [Selection(DEPLOYMENTS, "shop", name=name) for name in ("api", "web")]

    assert kinds_needed([*running, Selection(SERVICES, "edge", name="web")]) == (
        Selection(DEPLOYMENTS, "shop"),
        Selection(REPLICA_SETS, "shop"),
        Selection(PODS, "shop"),
        Selection(SERVICES, "edge"),
    )
