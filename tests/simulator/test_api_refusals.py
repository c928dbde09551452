from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from dag_gateway.simulator import kinds
from dag_gateway.simulator.cluster import SimulatedCluster, simulated_cluster
from dag_gateway.simulator.refusals import Refused
from tests.fakes.simulated import config_map, pod, workload

MAPS = "/api/v1/namespaces/shop/configmaps"
DEPLOYMENTS = "/apis/apps/v1/namespaces/shop/deployments"
JSON = {"content-type": "application/json"}


@pytest.fixture
async def sim() -> AsyncIterator[SimulatedCluster]:
    async with simulated_cluster(controllers=False) as sim:
        sim.ensure_namespace("shop")
        yield sim


def _refusal(response: httpx.Response) -> tuple[int, str, str]:
    body: dict[str, Any] = response.json()
    assert (body["kind"], body["status"], body["code"]) == ("Status", "Failure", response.status_code)
    return response.status_code, body["reason"], body["message"]


@pytest.mark.parametrize(
    ("path", "code", "reason", "message"),
    [
        ("/apis/none/v1", 404, "NotFound", "the server could not find the requested resource"),
        ("/apis/none", 404, "NotFound", "the server could not find the requested resource"),
        ("/nowhere", 404, "NotFound", "the server could not find the requested resource"),
        ("/apis/apps/v1/pods", 404, "NotFound", "the server could not find the requested resource"),
        ("/api/v1/namespaces/shop/nodes", 404, "NotFound", "the server could not find the requested resource"),
        ("/api/v1/pods/alone", 404, "NotFound", "the server could not find the requested resource"),
        (f"{MAPS}/a/b", 404, "NotFound", "the server could not find the requested resource"),
        ("/api/v1/namespaces/none", 404, "NotFound", 'namespaces "none" not found'),
        (f"{DEPLOYMENTS}/web", 404, "NotFound", 'deployments.apps "web" not found'),
        (f"{MAPS}?limit=many", 400, "BadRequest", "query parameter limit: 'many' is not a whole number"),
        (f"{MAPS}?continue=x", 400, "BadRequest", "continue key is not valid"),
        (f"{MAPS}?labelSelector=a%20in", 400, "BadRequest", "unable to parse requirement"),
    ],
)
async def test_what_can_not_be_read_is_refused(
    http: httpx.AsyncClient, path: str, code: int, reason: str, message: str
) -> None:
    found = _refusal(await http.get(path))
    assert found[:2] == (code, reason)
    assert message in found[2]


@pytest.mark.parametrize(
    ("method", "path", "body", "code", "message"),
    [
        ("POST", f"{MAPS}/settings", {}, 405, "the server does not allow this method on the requested resource"),
        ("POST", "/api/v1/configmaps", {}, 405, "the server does not allow this method"),
        ("DELETE", "/api/v1/configmaps", None, 405, "the server does not allow this method"),
        ("PUT", "/api/v1/namespaces/shop/pods/x/log", {}, 405, "the server does not allow this method"),
        ("POST", MAPS, [], 400, "the body is not an object"),
        (
            "POST",
            MAPS,
            {"kind": "Pod", "apiVersion": "v1"},
            400,
            "Pod in version 'v1' cannot be handled as a ConfigMap",
        ),
        ("POST", MAPS, {"metadata": {"name": "a", "namespace": "b"}}, 400, "namespace of the provided object"),
        ("POST", MAPS, {}, 422, "metadata.name: Required value: name or generateName is required"),
        ("POST", MAPS, {"metadata": {"name": "Not_Valid"}}, 422, 'Invalid value: "Not_Valid": a lowercase RFC 1123'),
        ("POST", "/api/v1/namespaces/none/configmaps", {"metadata": {"name": "a"}}, 404, 'namespaces "none" not found'),
        ("POST", DEPLOYMENTS, {"metadata": {"name": "a"}}, 422, "spec.selector: Required value"),
        ("PUT", f"{MAPS}/none", {"metadata": {"name": "none"}}, 404, 'configmaps "none" not found'),
    ],
)
async def test_what_can_not_be_written_is_refused(
    http: httpx.AsyncClient, method: str, path: str, body: object, code: int, message: str
) -> None:
    found = _refusal(await http.request(method, path, json=body) if body is not None else await http.delete(path))
    assert found[0] == code
    assert message in found[2]


async def test_a_body_that_is_neither_json_nor_yaml_is_refused(http: httpx.AsyncClient) -> None:
    response = await http.post(MAPS, content=b"{a: [", headers=JSON)
    assert "the body is neither JSON nor YAML" in _refusal(response)[2]


async def test_a_selector_that_misses_its_own_pods_is_refused(http: httpx.AsyncClient) -> None:
    item = workload(kinds.DEPLOYMENT)
    item["spec"]["selector"] = {"matchLabels": {"app": "other"}}
    assert "`selector` does not match template `labels`" in _refusal(await http.post(DEPLOYMENTS, json=item))[2]


async def test_containers_need_a_name_and_an_image(http: httpx.AsyncClient) -> None:
    item = workload(kinds.DEPLOYMENT)
    item["spec"]["template"]["spec"]["containers"] = [{"name": "main"}]
    nameless = _refusal(await http.post(DEPLOYMENTS, json=item))[2]
    item["spec"]["template"]["spec"]["containers"] = []
    empty = _refusal(await http.post(DEPLOYMENTS, json=item))[2]
    assert "spec.template.spec.containers[0].image: Required value" in nameless
    assert "spec.template.spec.containers: Required value" in empty


async def test_the_selector_of_a_deployment_can_not_be_changed(sim: SimulatedCluster, http: httpx.AsyncClient) -> None:
    await sim.apply(workload(kinds.DEPLOYMENT))
    labels = {"app": "other"}
    patch = {"spec": {"selector": {"matchLabels": labels}, "template": {"metadata": {"labels": labels}}}}
    response = await http.patch(
        f"{DEPLOYMENTS}/web", json=patch, headers={"content-type": "application/merge-patch+json"}
    )
    assert _refusal(response)[0] == 422
    assert "spec.selector: Invalid value: field is immutable" in _refusal(response)[2]


async def test_custom_resources_take_no_strategic_patch(sim: SimulatedCluster, http: httpx.AsyncClient) -> None:
    release = {"apiVersion": "helm.toolkit.fluxcd.io/v2", "kind": "HelmRelease", "spec": {}}
    await sim.apply({**release, "metadata": {"name": "web", "namespace": "shop"}})
    path = "/apis/helm.toolkit.fluxcd.io/v2/namespaces/shop/helmreleases/web"
    response = await http.patch(path, json={}, headers={"content-type": "application/strategic-merge-patch+json"})
    assert _refusal(response)[:2] == (415, "UnsupportedMediaType")
    assert "accepted media types include: application/json-patch+json" in _refusal(response)[2]


async def test_an_apply_needs_a_field_manager(http: httpx.AsyncClient) -> None:
    headers = {"content-type": "application/apply-patch+yaml"}
    response = await http.patch(f"{MAPS}/settings", json=config_map(), headers=headers)
    assert "fieldManager: Required value: is required for apply patch" in _refusal(response)[2]


async def test_a_deletion_can_insist_on_the_very_object(sim: SimulatedCluster, http: httpx.AsyncClient) -> None:
    await sim.apply(config_map())
    response = await http.request("DELETE", f"{MAPS}/settings", json={"preconditions": {"uid": "another"}})
    assert response.status_code == 404
    assert (await http.get(f"{MAPS}/settings")).status_code == 200


async def test_an_unknown_kind_is_named(sim: SimulatedCluster) -> None:
    with pytest.raises(Refused, match="no kind 'Lama' in version 'zoo/v1' is known to the simulated cluster"):
        await sim.apply({"apiVersion": "zoo/v1", "kind": "Lama", "metadata": {"name": "x"}})


async def test_nothing_is_created_in_a_namespace_that_ends(sim: SimulatedCluster, http: httpx.AsyncClient) -> None:
    sim.registry.edit(
        kinds.Key(kinds.NAMESPACE, "", "shop"),
        lambda item: {**item, "metadata": {**item["metadata"], "finalizers": ["example.com/hold"]}},
    )
    sim.registry.delete(kinds.Key(kinds.NAMESPACE, "", "shop"))
    response = await http.post(MAPS, json=config_map())
    assert _refusal(response)[:2] == (403, "Forbidden")


async def test_metadata_alone_can_be_asked_for(sim: SimulatedCluster, http: httpx.AsyncClient) -> None:
    await sim.apply(config_map(a="1"))
    headers = {"accept": "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"}
    one = (await http.get(f"{MAPS}/settings", headers=headers)).json()
    all_of_them = (await http.get(MAPS, headers=headers)).json()
    assert one["kind"] == "PartialObjectMetadata"
    assert all_of_them["kind"] == "PartialObjectMetadataList"
    assert all_of_them["items"][0].keys() == {"kind", "apiVersion", "metadata"}


async def test_a_collection_can_be_deleted_by_labels(sim: SimulatedCluster, http: httpx.AsyncClient) -> None:
    await sim.apply(config_map("one", {"app": "web"}), config_map("two"))
    await http.delete(MAPS, params={"labelSelector": "app=web"})
    left = (await http.get(MAPS)).json()["items"]
    assert [item["metadata"]["name"] for item in left] == ["two"]


async def test_generated_names_are_unique(http: httpx.AsyncClient) -> None:
    made = [(await http.post(MAPS, json={"metadata": {"generateName": "run-"}})).json() for _ in range(2)]
    names = {item["metadata"]["name"] for item in made}
    assert len(names) == 2
    assert all(name.startswith("run-") and len(name) == 9 for name in names)


async def test_without_controllers_nothing_runs_and_pods_go_at_once(
    sim: SimulatedCluster, http: httpx.AsyncClient
) -> None:
    await sim.apply({**pod("web:1"), "status": {"phase": "Running"}})
    await http.delete("/api/v1/namespaces/shop/pods/alone")
    assert (await http.get("/api/v1/namespaces/shop/pods/alone")).status_code == 404
