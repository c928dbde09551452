"""What the code relies on at a Kubernetes API; against the simulator, and a real cluster with DAG_TEST_KUBECONFIG."""

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from dag_gateway.simulator.cluster import simulated_cluster
from tests.fakes.kubernetes_http import APPLY, JSON_PATCH, MERGE, STRATEGIC, KubernetesHttp, namespace_of

REAL = os.environ.get("DAG_TEST_KUBECONFIG")
APPS = "apps/v1"
# Small, in every mirror, and never asked to serve anything.
IMAGE = "registry.k8s.io/pause:3.10"


@pytest.fixture(params=["simulated", *(["real"] if REAL else [])])
async def cluster(request: pytest.FixtureRequest) -> AsyncIterator[KubernetesHttp]:
    if request.param == "real" and REAL:
        async with namespace_of(await asyncio.to_thread(Path(REAL).read_text)) as namespace:
            yield namespace
        return
    async with simulated_cluster() as sim, namespace_of(sim.kubeconfig()) as namespace:
        yield namespace


def _config_map(name: str = "settings", **data: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name}, "data": data}


def _deployment(replicas: int = 1, **annotations: str) -> dict[str, Any]:
    labels = {"app": "web"}
    spec = {
        "replicas": replicas,
        "selector": {"matchLabels": labels},
        "template": {
            "metadata": {"labels": labels, "annotations": annotations},
            "spec": {"containers": [{"name": "main", "image": IMAGE}], "terminationGracePeriodSeconds": 0},
        },
    }
    return {"apiVersion": APPS, "kind": "Deployment", "metadata": {"name": "web"}, "spec": spec}


async def test_discovery_names_groups_and_resources(cluster: KubernetesHttp) -> None:
    groups = (await cluster.ask("GET", "/apis")).body["groups"]
    resources = (await cluster.ask("GET", "/apis/apps/v1")).body["resources"]
    core = (await cluster.ask("GET", "/api/v1")).body["resources"]
    assert "apps" in {group["name"] for group in groups}
    assert {"deployments", "deployments/status", "replicasets"} <= {resource["name"] for resource in resources}
    assert {"pods", "pods/log", "secrets"} <= {resource["name"] for resource in core}
    assert (await cluster.ask("GET", "/api")).body["versions"] == ["v1"]
    assert (await cluster.ask("GET", "/apis/apps")).body["preferredVersion"]["version"] == "v1"
    assert (await cluster.ask("GET", "/version")).body["major"] == "1"


async def test_what_was_created_can_be_read_and_deleted(cluster: KubernetesHttp) -> None:
    made = await cluster.ask("POST", cluster.path("configmaps"), _config_map(a="1"))
    read = await cluster.ask("GET", cluster.path("configmaps", "settings"))
    gone = await cluster.ask("DELETE", cluster.path("configmaps", "settings"))
    missing = await cluster.ask("GET", cluster.path("configmaps", "settings"))
    assert (made.status, read.status, gone.status, missing.status) == (201, 200, 200, 404)
    assert read.body["data"] == {"a": "1"}
    assert {"uid", "creationTimestamp", "resourceVersion"} <= read.body["metadata"].keys()
    assert gone.body["status"] == "Success"


async def test_refusals_are_status_objects(cluster: KubernetesHttp) -> None:
    await cluster.ask("POST", cluster.path("configmaps"), _config_map())
    missing = await cluster.ask("GET", cluster.path("configmaps", "none"))
    twice = await cluster.ask("POST", cluster.path("configmaps"), _config_map())
    assert (missing.body["kind"], missing.body["status"]) == ("Status", "Failure")
    assert (missing.body["code"], missing.body["reason"]) == (404, "NotFound")
    assert missing.body["message"] == 'configmaps "none" not found'
    assert (twice.body["code"], twice.body["reason"]) == (409, "AlreadyExists")
    assert twice.body["message"] == 'configmaps "settings" already exists'


async def test_a_stale_version_is_a_conflict(cluster: KubernetesHttp) -> None:
    made = await cluster.ask("POST", cluster.path("configmaps"), _config_map(a="1"))
    path = cluster.path("configmaps", "settings")
    changed = await cluster.ask("PUT", path, {**made.body, "data": {"a": "2"}})
    stale = await cluster.ask("PUT", path, {**made.body, "data": {"a": "3"}})
    assert (changed.status, stale.status, stale.body["reason"]) == (200, 409, "Conflict")
    assert "the object has been modified" in stale.body["message"]


async def test_a_write_that_changes_nothing_keeps_the_version(cluster: KubernetesHttp) -> None:
    made = await cluster.ask("POST", cluster.path("configmaps"), _config_map(a="1"))
    patch = {"data": {"a": "1"}}
    again = await cluster.ask("PATCH", cluster.path("configmaps", "settings"), patch, content_type=MERGE)
    assert again.version == made.version


@pytest.mark.parametrize(
    ("content_type", "patch"),
    [
        (MERGE, {"data": {"a": None, "b": "2"}}),
        (STRATEGIC, {"data": {"a": None, "b": "2"}}),
        (JSON_PATCH, [{"op": "remove", "path": "/data/a"}, {"op": "add", "path": "/data/b", "value": "2"}]),
    ],
)
async def test_every_patch_format_is_understood(cluster: KubernetesHttp, content_type: str, patch: object) -> None:
    await cluster.ask("POST", cluster.path("configmaps"), _config_map(a="1"))
    answer = await cluster.ask("PATCH", cluster.path("configmaps", "settings"), patch, content_type=content_type)
    assert (answer.status, answer.body["data"]) == (200, {"b": "2"})


async def test_an_apply_creates_then_changes_then_conflicts(cluster: KubernetesHttp) -> None:
    path = cluster.path("configmaps", "settings")
    made = await cluster.ask("PATCH", path, _config_map(a="1"), content_type=APPLY, fieldManager="one")
    changed = await cluster.ask("PATCH", path, _config_map(b="2"), content_type=APPLY, fieldManager="one")
    disputed = await cluster.ask("PATCH", path, _config_map(b="3"), content_type=APPLY, fieldManager="two")
    forced = await cluster.ask("PATCH", path, _config_map(b="3"), content_type=APPLY, fieldManager="two", force="true")
    assert (made.status, changed.status, changed.body["data"]) == (201, 200, {"b": "2"})
    assert (disputed.status, disputed.body["reason"]) == (409, "Conflict")
    assert 'conflict with "one"' in disputed.body["message"]
    assert (forced.status, forced.body["data"]) == (200, {"b": "3"})


async def test_selectors_choose_objects(cluster: KubernetesHttp) -> None:
    for name, labels in {"one": {"app": "web"}, "two": {"app": "api"}, "three": {}}.items():
        item = {**_config_map(), "metadata": {"name": name, "labels": labels}}
        await cluster.ask("POST", cluster.path("configmaps"), item)

    async def names(**query: str) -> set[str]:
        answer = await cluster.ask("GET", cluster.path("configmaps"), **query)
        return {item["metadata"]["name"] for item in answer.body["items"]} - {"kube-root-ca.crt"}

    assert await names(labelSelector="app=web") == {"one"}
    assert await names(labelSelector="app in (web,api),app!=web") == {"two"}
    assert await names(labelSelector="!app") == {"three"}
    assert await names(fieldSelector="metadata.name=two") == {"two"}


async def test_lists_come_in_pages(cluster: KubernetesHttp) -> None:
    for number in range(3):
        await cluster.ask("POST", cluster.path("secrets"), {"metadata": {"name": f"secret-{number}"}})
    first = await cluster.ask("GET", cluster.path("secrets"), limit="2")
    token = first.body["metadata"]["continue"]
    second = await cluster.ask("GET", cluster.path("secrets"), limit="2", **{"continue": token})
    names = [item["metadata"]["name"] for item in first.body["items"] + second.body["items"]]
    assert names == ["secret-0", "secret-1", "secret-2"]
    assert "continue" not in second.body["metadata"]


async def test_items_of_a_list_of_built_in_kinds_do_not_repeat_their_kind(cluster: KubernetesHttp) -> None:
    await cluster.ask("POST", cluster.path("configmaps"), _config_map())
    answer = await cluster.ask("GET", cluster.path("configmaps"))
    assert (answer.body["kind"], answer.body["apiVersion"]) == ("ConfigMapList", "v1")
    assert all("kind" not in item for item in answer.body["items"])


async def test_a_watch_tells_what_happened_after_a_version(cluster: KubernetesHttp) -> None:
    path = cluster.path("configmaps")
    before = (await cluster.ask("GET", path)).version
    made = await cluster.ask("POST", path, _config_map(a="1"))
    await cluster.ask("PATCH", f"{path}/settings", {"data": {"a": "2"}}, content_type=MERGE)
    await cluster.ask("DELETE", f"{path}/settings")
    only = "metadata.name=settings"
    events = await cluster.events(path, 3, resourceVersion=before, fieldSelector=only)
    later = await cluster.events(path, 2, resourceVersion=made.version, fieldSelector=only)
    assert events == ["ADDED", "MODIFIED", "DELETED"]
    assert later == ["MODIFIED", "DELETED"]


async def test_an_object_that_leaves_the_selector_is_deleted_for_the_watch(cluster: KubernetesHttp) -> None:
    path = cluster.path("configmaps")
    item = {**_config_map(), "metadata": {"name": "settings", "labels": {"app": "web"}}}
    made = await cluster.ask("POST", path, item)
    await cluster.ask("PATCH", f"{path}/settings", {"metadata": {"labels": {"app": "x"}}}, content_type=MERGE)
    events = await cluster.events(path, 1, resourceVersion=made.version, labelSelector="app=web")
    assert events == ["DELETED"]


async def test_the_generation_follows_the_spec_and_the_controller_follows_the_generation(
    cluster: KubernetesHttp,
) -> None:
    path = cluster.path("deployments", "web", group=APPS)
    made = await cluster.ask("POST", cluster.path("deployments", group=APPS), _deployment(replicas=0))
    labelled = await cluster.ask("PATCH", path, {"metadata": {"labels": {"a": "b"}}}, content_type=MERGE)
    scaled = await cluster.ask("PATCH", path, {"spec": {"replicas": 1}}, content_type=STRATEGIC)
    generations = [answer.body["metadata"]["generation"] for answer in (made, labelled, scaled)]
    assert generations == [1, 1, 2]
    seen = scaled.body
    collection = cluster.path("deployments", group=APPS)
    while seen.get("status", {}).get("observedGeneration") != 2:
        seen = await cluster.first(collection, "MODIFIED", "web", resourceVersion=seen["metadata"]["resourceVersion"])


async def test_the_status_subresource_and_the_object_leave_each_other_alone(cluster: KubernetesHttp) -> None:
    budget = {
        "apiVersion": "policy/v1",
        "kind": "PodDisruptionBudget",
        "metadata": {"name": "web"},
        "spec": {"minAvailable": 1, "selector": {"matchLabels": {"app": "none"}}},
        "status": {"currentHealthy": 7},
    }
    path = cluster.path("poddisruptionbudgets", "web", group="policy/v1")
    made = await cluster.ask("POST", cluster.path("poddisruptionbudgets", group="policy/v1"), budget)
    patch = {"spec": {"minAvailable": 2}, "status": {"observedGeneration": 1}}
    after = await cluster.ask("PATCH", f"{path}/status", patch, content_type=MERGE)
    assert made.body.get("status", {}).get("currentHealthy", 0) == 0
    assert after.body["spec"]["minAvailable"] == 1
    assert after.body["status"]["observedGeneration"] == 1
    assert after.body["metadata"]["generation"] == 1


async def test_a_rollout_ends_available_with_pods_owned_by_its_newest_replica_set(cluster: KubernetesHttp) -> None:
    deployments, sets = cluster.path("deployments", group=APPS), cluster.path("replicasets", group=APPS)
    seen = (await cluster.ask("POST", deployments, _deployment(replicas=2))).body
    while not _rolled_out(seen):
        seen = await cluster.first(deployments, "MODIFIED", "web", resourceVersion=seen["metadata"]["resourceVersion"])
    (replica_set,) = (await cluster.ask("GET", sets)).body["items"]
    pods = (await cluster.ask("GET", cluster.path("pods"), labelSelector="app=web")).body["items"]
    digest = replica_set["metadata"]["labels"]["pod-template-hash"]
    revision = "deployment.kubernetes.io/revision"
    assert seen["metadata"]["annotations"][revision] == replica_set["metadata"]["annotations"][revision] == "1"
    assert {pod["metadata"]["labels"]["pod-template-hash"] for pod in pods} == {digest}
    assert {pod["metadata"]["ownerReferences"][0]["name"] for pod in pods} == {replica_set["metadata"]["name"]}
    assert {pod["status"]["phase"] for pod in pods} == {"Running"}


async def test_what_a_deleted_owner_owned_is_deleted_too(cluster: KubernetesHttp) -> None:
    deployments, sets = cluster.path("deployments", group=APPS), cluster.path("replicasets", group=APPS)
    seen = (await cluster.ask("POST", deployments, _deployment())).body
    while not _rolled_out(seen):
        seen = await cluster.first(deployments, "MODIFIED", "web", resourceVersion=seen["metadata"]["resourceVersion"])
    listed = await cluster.ask("GET", sets)
    name = listed.body["items"][0]["metadata"]["name"]
    await cluster.ask("DELETE", f"{deployments}/web")
    gone = await cluster.first(sets, "DELETED", name, resourceVersion=listed.version)
    assert gone["metadata"]["name"] == name


async def test_a_container_that_is_not_there_has_no_logs(cluster: KubernetesHttp) -> None:
    pod = {"metadata": {"name": "alone"}, "spec": {"containers": [{"name": "main", "image": IMAGE}]}}
    await cluster.ask("POST", cluster.path("pods"), pod)
    answer = await cluster.ask("GET", cluster.path("pods", "alone") + "/log", container="other")
    assert (answer.status, answer.body["reason"]) == (400, "BadRequest")
    assert "container other is not valid for pod alone" in answer.body["message"]


def _rolled_out(deployment: dict[str, Any]) -> bool:
    conditions = {item["type"]: item for item in deployment.get("status", {}).get("conditions", [])}
    reason = conditions.get("Progressing", {}).get("reason")
    return bool(reason == "NewReplicaSetAvailable" and conditions["Available"]["status"] == "True")
