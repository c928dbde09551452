from typing import Any

from dag_gateway.clusters.rendered import RenderedChart
from dag_gateway.clusters.resources import AUTOSCALERS, CONFIG_MAPS, DEPLOYMENTS, Selection
from dag_gateway.clusters.subset import UNSETTLED
from tests.fakes.rendered_chart import config_map, deployment, named

DEPLOYMENT = Selection(DEPLOYMENTS, "shop", name="web")
SCALE_TARGET = {"scaleTargetRef": {"kind": "Deployment", "name": "web"}, "maxReplicas": 9}


def chart(*objects: dict[str, Any]) -> RenderedChart:
    return RenderedChart(objects, "shop")


def test_each_object_is_looked_for_under_its_name_where_it_belongs() -> None:
    elsewhere = config_map()
    elsewhere["metadata"]["namespace"] = "other"

    assert tuple(chart(deployment("web:1"), elsewhere).compared) == (
        DEPLOYMENT,
        Selection(CONFIG_MAPS, "other", name="settings"),
    )


def test_the_version_of_the_api_is_the_one_of_the_chart() -> None:
    scaler = named("autoscaling/v1", "HorizontalPodAutoscaler", "web", spec=SCALE_TARGET)

    assert [selection.resource.version for selection in chart(scaler).compared] == ["v1"]


def test_what_is_missing_and_what_differs_is_told_object_by_object() -> None:
    rendered = chart(deployment("web:2"), config_map(a="1"))

    assert rendered.differences({DEPLOYMENT: (deployment("web:1"),)}) == [
        "Deployment shop/web: spec.template.spec.containers[app].image is web:1, not web:2",
        "ConfigMap shop/settings is missing",
    ]
    same = {DEPLOYMENT: (deployment("web:2"),), Selection(CONFIG_MAPS, "shop", name="settings"): (config_map(a="1"),)}
    assert rendered.differences(same) == []


def test_replicas_are_not_compared_where_an_autoscaler_of_the_chart_sets_them() -> None:
    scaled = {DEPLOYMENT: (deployment("web:2", replicas=7),)}
    scaler = named("autoscaling/v2", "HorizontalPodAutoscaler", "web", spec=SCALE_TARGET)
    by_default = named("keda.sh/v1alpha1", "ScaledObject", "web", spec={"scaleTargetRef": {"name": "web"}})
    other = named("keda.sh/v1alpha1", "ScaledObject", "web", spec={"scaleTargetRef": {"name": "worker"}})
    told = "Deployment shop/web: spec.replicas"

    assert told in chart(deployment("web:2")).differences(scaled)
    assert told in chart(deployment("web:2"), other).differences(scaled)
    assert told not in chart(deployment("web:2"), by_default).differences(scaled)
    assert (
        chart(deployment("web:2"), scaler).differences(
            {**scaled, Selection(AUTOSCALERS, "shop", name="web"): (scaler,)}
        )
        == []
    )


def test_what_is_not_compared_is_named() -> None:
    rendered = chart(
        deployment("web:2"),
        named("v1", "Secret", "token", data={"token": "czNjcmV0"}),
        named("apiextensions.k8s.io/v1", "CustomResourceDefinition", "widgets.example.com"),
        named("example.com/v1", "Widget", "web"),
    )

    assert tuple(rendered.compared) == (DEPLOYMENT,)
    assert rendered.notes() == (
        "live is what Helm rendered",
        "not compared: Secret shop/token, CustomResourceDefinition shop/widgets.example.com, Widget shop/web",
    )


def test_many_that_are_not_compared_are_counted() -> None:
    secrets = [named("v1", "Secret", f"token-{number}") for number in range(7)]

    assert chart(*secrets).notes()[1].endswith("Secret shop/token-4 and 2 more")


def test_what_renders_otherwise_each_time_is_told() -> None:
    restarted = deployment("web:2")
    restarted["spec"]["template"]["metadata"]["annotations"] = {"rollme": UNSETTLED}
    job = {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": UNSETTLED}}
    rendered = chart(restarted, job)
    live = deployment("web:2")
    live["spec"]["template"]["metadata"]["annotations"] = {"rollme": "r4nd0m"}

    assert rendered.differences({DEPLOYMENT: (live,)}) == []
    assert rendered.manifest.running({}) == (DEPLOYMENT,)
    assert rendered.notes()[1:] == (
        "not compared: Job shop/UNSETTLED",
        "compared in part, because it renders otherwise each time: Deployment shop/web",
    )


def test_a_change_of_nothing_but_what_is_not_compared_can_not_be_proven() -> None:
    old, new = (named("v1", "Secret", "db", stringData={"password": value}) for value in ("old", "new"))
    role = named("rbac.authorization.k8s.io/v1", "Role", "web")
    before = chart(deployment("web:1"), old, role)

    assert chart(deployment("web:1"), new).unprovable(before) == "Secret shop/db, Role shop/web"
    assert chart(deployment("web:2"), new).unprovable(before) == ""
    assert chart(deployment("web:1"), config_map(a="1"), new).unprovable(before) == ""
    assert chart(deployment("web:1"), old, role).unprovable(before) == ""
    assert chart(deployment("web:1"), new).unprovable(chart()) == ""


def test_the_same_in_another_spelling_is_neither_a_change_nor_less() -> None:
    limited = named("v1", "ResourceQuota", "x"), deployment("web:1"), deployment("web:1")
    for obj, cpu in zip(limited[1:], ("1000m", "1"), strict=True):
        obj["spec"]["template"]["spec"]["containers"][0]["resources"] = {"limits": {"cpu": cpu}}
    before, ours = chart(limited[1]), chart(limited[2], limited[0])

    assert ours.less_than(before) == {}
    assert ours.unprovable(before) == "ResourceQuota shop/x"
