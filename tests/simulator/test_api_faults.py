import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import httpx
import pytest
import yaml

from dag_gateway.simulator.cluster import SimulatedCluster, simulated_cluster
from tests.fakes.kubernetes_http import KubernetesHttp, namespace_of
from tests.fakes.simulated import config_map

MAPS = "/api/v1/namespaces/shop/configmaps"


@pytest.fixture
async def sim() -> AsyncIterator[SimulatedCluster]:
    async with simulated_cluster(controllers=False) as sim:
        sim.ensure_namespace("shop")
        yield sim


@pytest.fixture
async def cluster(sim: SimulatedCluster) -> AsyncIterator[KubernetesHttp]:
    async with namespace_of(sim.kubeconfig()) as cluster:
        yield cluster


async def test_a_wrong_token_is_refused(sim: SimulatedCluster) -> None:
    async with httpx.AsyncClient(base_url=sim.url, trust_env=False) as stranger:
        nobody = await stranger.get(MAPS)
        wrong = await stranger.get(MAPS, headers={"Authorization": "Bearer wrong"})
        version = await stranger.get("/version")
    assert [nobody.status_code, wrong.status_code, version.status_code] == [401, 401, 200]
    assert wrong.json()["reason"] == "Unauthorized"


async def test_the_kubeconfig_names_the_server_and_the_token(sim: SimulatedCluster) -> None:
    kubeconfig = yaml.safe_load(sim.kubeconfig())
    assert kubeconfig["clusters"][0]["cluster"] == {"server": sim.url}
    assert kubeconfig["users"][0]["user"] == {"token": sim.token}


async def test_a_verb_can_be_forbidden(sim: SimulatedCluster, http: httpx.AsyncClient) -> None:
    sim.faults.forbidden.add(("list", "secrets"))
    refused = await http.get("/api/v1/namespaces/shop/secrets")
    assert refused.status_code == 403
    assert refused.json()["message"] == (
        'secrets is forbidden: User "simulated-user" cannot list resource "secrets" '
        'in API group "" in the namespace "shop"'
    )
    assert (await http.get("/api/v1/namespaces/shop/pods")).status_code == 200


async def test_a_subresource_can_be_forbidden(sim: SimulatedCluster, http: httpx.AsyncClient) -> None:
    sim.faults.forbidden.add(("get", "pods/log"))
    refused = await http.get("/api/v1/namespaces/shop/pods/web/log")
    assert 'pods "web" is forbidden' in refused.json()["message"]
    assert 'cannot get resource "pods/log"' in refused.json()["message"]


async def test_a_group_can_be_missing(sim: SimulatedCluster, http: httpx.AsyncClient) -> None:
    sim.faults.missing_groups.add("helm.toolkit.fluxcd.io")
    answers = [await http.get(f"/apis/helm.toolkit.fluxcd.io/v2{rest}") for rest in ("", "/helmreleases")]
    groups = (await http.get("/apis")).json()["groups"]
    assert [answer.status_code for answer in answers] == [404, 404]
    assert "helm.toolkit.fluxcd.io" not in {group["name"] for group in groups}


async def test_an_unavailable_server_answers_503_and_ends_watches(
    sim: SimulatedCluster, http: httpx.AsyncClient
) -> None:
    async with http.stream("GET", MAPS, params={"watch": "true"}) as watch:
        sim.unavailable = True
        assert [line async for line in watch.aiter_lines()] == []
    refused = await http.get(MAPS)
    assert sim.unavailable
    assert (refused.status_code, refused.json()["reason"]) == (503, "ServiceUnavailable")
    sim.unavailable = False
    assert (await http.get(MAPS)).status_code == 200


async def test_dropped_watches_end_and_can_be_opened_again(sim: SimulatedCluster, http: httpx.AsyncClient) -> None:
    for _ in range(2):
        async with http.stream("GET", MAPS, params={"watch": "true"}) as watch:
            sim.drop_watches()
            assert [line async for line in watch.aiter_lines()] == []


async def test_while_connections_are_refused_nobody_answers(sim: SimulatedCluster, http: httpx.AsyncClient) -> None:
    async with http.stream("GET", MAPS, params={"watch": "true"}) as watch:
        sim.refuse_connections = True
        assert [line async for line in watch.aiter_lines()] == []
    asked = len(sim.request_log)
    for _ in range(2):
        with pytest.raises(httpx.TransportError, match="Server disconnected"):
            await http.get(MAPS)
    assert sim.refuse_connections
    assert len(sim.request_log) == asked
    sim.refuse_connections = False
    assert (await http.get(MAPS)).status_code == 200


async def test_open_watches_are_counted(sim: SimulatedCluster, http: httpx.AsyncClient) -> None:
    async with AsyncExitStack() as stack:
        for count in (1, 2):
            await stack.enter_async_context(http.stream("GET", MAPS, params={"watch": "true"}))
            assert sim.open_watches == count
    await sim.apply(config_map())
    async with asyncio.timeout(20):
        while sim.open_watches:  # noqa: ASYNC110  a connection that is closed moves nothing that could be waited for
            await asyncio.sleep(0)


async def test_every_request_is_logged(sim: SimulatedCluster, http: httpx.AsyncClient) -> None:
    await http.get(MAPS, params={"limit": "5"})
    assert sim.request_log == [("GET", f"{MAPS}?limit=5")]


async def test_an_expired_version_is_an_error_event(sim: SimulatedCluster, cluster: KubernetesHttp) -> None:
    path = cluster.path("configmaps")
    old = (await cluster.ask("GET", path)).version
    await cluster.ask("POST", path, {"metadata": {"name": "settings"}})
    sim.expire_history()
    (event,) = [event async for event in cluster.watch(path, resourceVersion=old)]
    assert (event["type"], event["object"]["code"], event["object"]["reason"]) == ("ERROR", 410, "Expired")
    assert "too old resource version" in event["object"]["message"]


async def test_an_expired_page_is_gone(sim: SimulatedCluster, http: httpx.AsyncClient) -> None:
    await sim.apply(config_map("one"), config_map("two"))
    token = (await http.get(MAPS, params={"limit": "1"})).json()["metadata"]["continue"]
    await sim.apply(config_map("three"))
    sim.expire_history()
    refused = await http.get(MAPS, params={"limit": "1", "continue": token})
    assert (refused.status_code, refused.json()["reason"]) == (410, "Expired")


async def test_a_watch_without_a_version_begins_with_what_there_is(
    sim: SimulatedCluster, cluster: KubernetesHttp
) -> None:
    path = cluster.path("configmaps")
    await cluster.ask("POST", path, {"metadata": {"name": "settings"}})
    assert await cluster.events(path, 1) == ["ADDED"]
    initial = await cluster.events(path, 2, sendInitialEvents="true", allowWatchBookmarks="true")
    assert initial == ["ADDED", "BOOKMARK"]


async def test_a_quiet_watch_is_told_how_far_the_cluster_has_come(
    sim: SimulatedCluster, cluster: KubernetesHttp
) -> None:
    sim.faults.bookmark_seconds = 0.01
    before = (await cluster.ask("GET", cluster.path("configmaps"))).version
    await cluster.ask("POST", cluster.path("secrets"), {"metadata": {"name": "other"}})
    watch = cluster.watch(cluster.path("configmaps"), resourceVersion=before, allowWatchBookmarks="true")
    bookmark = await anext(watch)
    await watch.aclose()
    assert bookmark["type"] == "BOOKMARK"
    assert bookmark["object"]["metadata"]["resourceVersion"] == str(sim.store.version)


async def test_a_watch_ends_when_its_time_is_over(cluster: KubernetesHttp) -> None:
    version = (await cluster.ask("GET", cluster.path("configmaps"))).version
    path = cluster.path("configmaps")
    assert [event async for event in cluster.watch(path, resourceVersion=version, timeoutSeconds="1")] == []


async def test_a_version_from_the_future_is_an_error_event(cluster: KubernetesHttp) -> None:
    (event,) = [event async for event in cluster.watch(cluster.path("configmaps"), resourceVersion="999999")]
    assert event["object"]["code"] == 504
    assert "Too large resource version: 999999" in event["object"]["message"]


async def test_a_watch_can_be_of_metadata_only(sim: SimulatedCluster, http: httpx.AsyncClient) -> None:
    await sim.apply(config_map(a="1"))
    headers = {"accept": "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"}
    async with http.stream("GET", MAPS, params={"watch": "true"}, headers=headers) as watch:
        line = await anext(watch.aiter_lines())
        assert '"kind":"PartialObjectMetadata"' in line
        assert '"data"' not in line
