from typing import Any

import pytest

from dag_gateway.clusters.manifest import Manifest
from dag_gateway.clusters.resources import CRDS, DEPLOYMENTS, INGRESSES, PODS, REPLICA_SETS, ROLLOUTS, Selection
from dag_gateway.model.health import progressing
from tests.fakes.kubernetes_objects import load


def obj(kind: str, api_version: str = "v1", name: str = "web", **metadata: Any) -> dict[str, Any]:
    return {"apiVersion": api_version, "kind": kind, "metadata": {"name": name, **metadata}}


WEB = Selection(DEPLOYMENTS, "shop", name="web")
INGRESS = Selection(INGRESSES, "shop", name="web")
MANIFEST = Manifest(
    [obj("Deployment", "apps/v1"), obj("Ingress", "networking.k8s.io/v1"), obj("Gadget", "example.com/v1")], "shop"
)


def deployment() -> dict[str, Any]:
    made = load("deployment-ready")
    made["metadata"]["namespace"] = "shop"
    made["spec"]["selector"] = {"matchLabels": {"app": "web"}}
    return made


def test_what_runs_is_selected_by_name_in_the_namespace_of_the_release_or_its_own() -> None:
    elsewhere = Manifest([obj("Deployment", "apps/v1", namespace="edge")], "shop")

    assert MANIFEST.running({}) == (WEB,)
    assert elsewhere.running({}) == (Selection(DEPLOYMENTS, "edge", name="web"),)


def test_the_pods_are_known_once_their_controllers_were_seen() -> None:
    assert MANIFEST.running({WEB: (deployment(),)}) == (
        WEB,
        Selection(REPLICA_SETS, "shop", "app=web"),
        Selection(PODS, "shop", "app=web"),
    )


def test_what_only_some_may_read_is_not_needed() -> None:
    assert MANIFEST.helpful({}) == (INGRESS,)


def test_a_kind_of_the_whole_cluster_has_no_namespace() -> None:
    crd = Manifest([obj("CustomResourceDefinition", "apiextensions.k8s.io/v1", "gadgets.example.com")], "shop")

    assert crd.helpful({}) == (Selection(CRDS, "", name="gadgets.example.com"),)
    assert crd.workloads({Selection(CRDS, "", name="gadgets.example.com"): ()}).missing == [
        progressing("CustomResourceDefinition gadgets.example.com is missing")
    ]


def test_a_kind_is_asked_for_in_the_version_that_the_chart_names() -> None:
    (selection,) = Manifest([obj("CronJob", "batch/v1beta1")], "shop").helpful({})

    assert selection.resource.path("shop") == "/apis/batch/v1beta1/namespaces/shop/cronjobs"


def test_argo_rollouts_of_a_manifest_are_needed() -> None:
    assert Manifest([obj("Rollout", "argoproj.io/v1alpha1")], "shop").running({}) == (
        Selection(ROLLOUTS, "shop", name="web"),
    )


def test_hooks_are_no_part_of_a_manifest() -> None:
    hook = obj("Job", "batch/v1", annotations={"helm.sh/hook": "pre-upgrade"})

    assert Manifest([hook], "shop").running({}) == ()


def test_what_was_read_and_is_not_there_is_missing() -> None:
    held = MANIFEST.workloads({WEB: (), INGRESS: ()})

    assert held.missing == [progressing("Deployment shop/web is missing"), progressing("Ingress shop/web is missing")]


def test_what_could_not_be_read_or_has_no_rule_is_not_judged() -> None:
    held = MANIFEST.workloads({WEB: (deployment(),)})

    assert [item["kind"] for item in held.unjudged] == ["Gadget", "Ingress"]
    assert ([item["kind"] for item in held.owners], held.missing) == (["Deployment"], [])


@pytest.mark.parametrize(
    ("kind", "api_version"),
    [
        ("ConfigMap", "v1"),
        ("Secret", "v1"),
        ("ServiceAccount", "v1"),
        ("Role", "rbac.authorization.k8s.io/v1"),
        ("NetworkPolicy", "networking.k8s.io/v1"),
    ],
)
def test_what_is_complete_once_it_is_written_is_neither_looked_at_nor_named(kind: str, api_version: str) -> None:
    manifest = Manifest([obj(kind, api_version)], "shop")

    assert (manifest.running({}), manifest.helpful({}), manifest.unknown) == ((), (), ())
