import asyncio
import ssl
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from dag_gateway.clusters.api import Api
from dag_gateway.clusters.errors import AccessDenied, ClusterMisconfigured, ClusterUnreachable, VersionExpired
from dag_gateway.clusters.objects import label, name
from dag_gateway.clusters.resources import DEPLOYMENTS, HELM_RELEASES, PODS, SECRETS, Selection
from dag_gateway.simulator.cluster import SimulatedCluster, simulated_cluster
from dag_gateway.simulator.server import serving
from tests.fakes.cluster_api import api_of

PODS_IN_SHOP = Selection(PODS, "shop")
TOKEN = "s3cret-token"


@asynccontextmanager
async def simulated() -> AsyncIterator[tuple[SimulatedCluster, Api]]:
    async with simulated_cluster(controllers=False) as sim, api_of(sim.url, sim.token) as api:
        yield sim, api


@asynccontextmanager
async def answering(response: Response) -> AsyncIterator[Api]:
    """An API server that gives the same answer to everything."""

    async def answer(request: Request) -> Response:
        return response

    app = Starlette(routes=[Route("/{path:path}", answer, methods=["GET", "PATCH"])])
    async with serving(app) as url, api_of(url, TOKEN) as api:
        yield api


def secret(name: str, **labels: str) -> dict[str, object]:
    meta = {"name": name, "namespace": "shop", "labels": labels}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": meta, "data": {"release": "eA=="}}


async def test_a_list_gives_typed_objects_of_the_selection_only() -> None:
    async with simulated() as (sim, api):
        await sim.apply(secret("a", owner="helm"), secret("b"))
        page = await api.list_objects(Selection(SECRETS, "shop", labels="owner=helm"))

    assert [(item["kind"], name(item), label(item, "owner")) for item in page.items] == [("Secret", "a", "helm")]


async def test_one_object_is_selected_by_its_name() -> None:
    async with simulated() as (sim, api):
        await sim.apply(secret("a"), secret("b"))
        page = await api.list_objects(Selection(SECRETS, "shop", name="b"))

    assert [name(item) for item in page.items] == ["b"]


async def test_a_large_list_is_read_in_pieces() -> None:
    async with simulated() as (sim, api):
        await sim.apply(*(secret(f"s{number:03}") for number in range(501)))
        page = await api.list_objects(Selection(SECRETS, "shop", metadata_only=True))

    assert len(page.items) == 501
    assert "continue=" in sim.request_log[-1][1]


async def test_a_list_that_expires_while_it_is_paged_is_read_at_once() -> None:
    def answer(request: Request) -> Response:
        if "limit" not in request.query_params:
            return JSONResponse({"metadata": {"resourceVersion": "9"}, "items": [{"metadata": {"name": "all"}}]})
        if "continue" in request.query_params:
            return JSONResponse({"kind": "Status", "code": 410}, 410)
        return JSONResponse({"metadata": {"resourceVersion": "8", "continue": "next"}, "items": [{}]})

    async with serving(Starlette(routes=[Route("/{path:path}", answer)])) as url, api_of(url, TOKEN) as api:
        page = await api.list_objects(PODS_IN_SHOP)

    assert (page.version, [name(item) for item in page.items]) == ("9", ["all"])


async def test_a_wrong_token_is_a_matter_of_configuration() -> None:
    async with simulated_cluster(controllers=False) as sim, api_of(sim.url, TOKEN) as api:
        with pytest.raises(AccessDenied, match=r"cluster production does not accept the gateway's credentials \(401\)"):
            await api.list_objects(PODS_IN_SHOP)


async def test_a_missing_permission_is_told_as_the_rule_to_add() -> None:
    async with simulated() as (sim, api):
        sim.faults.forbidden.add(("list", "deployments"))
        with pytest.raises(AccessDenied) as caught:
            await api.check_access(Selection(DEPLOYMENTS, "shop"))

    assert caught.value.message == (
        "cluster production does not let the gateway list deployments in namespace shop; add to its Role there:"
        ' apiGroups: ["apps"], resources: ["deployments"], verbs: ["list", "watch"]'
    )


async def test_a_missing_permission_for_logs_names_the_subresource() -> None:
    async with simulated() as (sim, api):
        sim.faults.forbidden.add(("get", "pods/log"))
        with pytest.raises(AccessDenied, match=r'resources: \["pods/log"\], verbs: \["get"\]'):
            await api.logs("shop", "web", "app", previous=False, lines=20)


async def test_a_kind_that_is_not_installed_is_named() -> None:
    async with simulated() as (sim, api):
        sim.faults.missing_groups.add("helm.toolkit.fluxcd.io")
        with pytest.raises(
            ClusterMisconfigured,
            match=r"production does not know HelmRelease \(helm.toolkit.fluxcd.io/v2\); install what provides it",
        ):
            await api.list_objects(Selection(HELM_RELEASES, "shop"))


async def test_a_server_that_can_not_answer_now_is_unreachable() -> None:
    async with simulated() as (sim, api):
        sim.unavailable = True
        with pytest.raises(
            ClusterUnreachable,
            match=r"cluster production does not answer: HTTP status 503 for list pods in namespace shop",
        ):
            await api.list_objects(PODS_IN_SHOP)


async def test_a_server_that_is_not_there_is_unreachable() -> None:
    async with simulated_cluster(controllers=False) as sim:
        gone = sim.url
    async with api_of(gone, TOKEN) as api:
        with pytest.raises(ClusterUnreachable, match=r"cluster production does not answer: Cannot connect"):
            await api.list_objects(PODS_IN_SHOP)


async def test_a_server_that_hangs_is_unreachable() -> None:
    async def hang(request: Request) -> Response:
        await asyncio.Event().wait()
        raise AssertionError

    app = Starlette(routes=[Route("/{path:path}", hang)])
    async with serving(app) as url, api_of(url, TOKEN, timeout="50ms") as api:
        with pytest.raises(ClusterUnreachable, match=r"does not answer: TimeoutError"):
            await api.list_objects(PODS_IN_SHOP)


@pytest.mark.parametrize("body", ["<html>a login page</html>", "[]", '{"kind": "Status"}'])
async def test_an_answer_that_is_not_a_list_is_no_empty_cluster(body: str) -> None:
    async with answering(PlainTextResponse(body)) as api:
        with pytest.raises(ClusterUnreachable, match=r"(Expecting value|the answer is not a list of objects)"):
            await api.list_objects(PODS_IN_SHOP)


@pytest.mark.parametrize("line", ["[]", "{}", '{"type": "ADDED", "object": null}'])
async def test_a_line_that_is_not_an_event_is_refused(line: str) -> None:
    async with answering(PlainTextResponse(f"{line}\n")) as api:
        with pytest.raises(ClusterUnreachable, match=r"the answer is not a stream of watch events"):
            async with aclosing(api.events(PODS_IN_SHOP, "1")) as events:
                await anext(events)


async def test_an_answer_without_end_is_refused() -> None:
    async with answering(PlainTextResponse(b" " * (64 * 1024**2 + 1))) as api:
        with pytest.raises(ClusterUnreachable, match=r"the answer is larger than 67108864 bytes"):
            await api.list_objects(PODS_IN_SHOP)


async def test_a_watch_event_without_end_is_refused() -> None:
    async with answering(PlainTextResponse(b" " * (16 * 1024**2 + 2**20))) as api:
        with pytest.raises(ClusterUnreachable, match=r"a watch event is larger than 16777216 bytes"):
            async with aclosing(api.events(PODS_IN_SHOP, "1")) as events:
                await anext(events)


async def test_a_version_without_history_has_expired() -> None:
    async with simulated() as (sim, api):
        page = await api.list_objects(Selection(SECRETS, "shop"))
        await sim.apply(secret("a"), secret("b"))
        sim.expire_history()
        async with aclosing(api.events(Selection(SECRETS, "shop"), page.version)) as events:
            with pytest.raises(VersionExpired, match=r"the history of secrets in namespace shop has expired"):
                await anext(events)


async def test_a_watch_tells_what_happens_after_the_list() -> None:
    async with simulated() as (sim, api):
        page = await api.list_objects(Selection(SECRETS, "shop"))
        async with aclosing(api.events(Selection(SECRETS, "shop", metadata_only=True), page.version)) as events:
            await sim.apply(secret("a"))
            event = await anext(events)

    assert (event["type"], event["object"]["kind"], name(event["object"])) == ("ADDED", "Secret", "a")


async def test_a_watch_that_breaks_off_has_ended() -> None:
    async with simulated() as (sim, api):
        page = await api.list_objects(Selection(SECRETS, "shop"))
        await sim.apply(secret("a"))
        seen = []
        async with aclosing(api.events(Selection(SECRETS, "shop"), page.version)) as events:
            async for event in events:
                seen.append(event["type"])
                sim.drop_watches()

    assert seen == ["ADDED"]


async def test_an_annotation_is_added_to_one_object() -> None:
    async with simulated() as (sim, api):
        await sim.apply(secret("a"))
        await api.annotate(Selection(SECRETS, "shop", name="a"), {"asked": "now"})
        page = await api.list_objects(Selection(SECRETS, "shop"))

    assert page.items[0]["metadata"]["annotations"]["asked"] == "now"


async def test_an_object_that_is_gone_can_not_be_annotated() -> None:
    async with simulated() as (_, api):
        with pytest.raises(ClusterUnreachable, match=r"HTTP status 404 for patch secrets in namespace shop"):
            await api.annotate(Selection(SECRETS, "shop", name="a"), {"asked": "now"})


@pytest.mark.parametrize("status", [401, 403, 404, 500])
async def test_the_token_and_the_servers_text_are_in_no_error(status: int) -> None:
    async with answering(PlainTextResponse(f"you sent {TOKEN}", status)) as api:
        with pytest.raises((ClusterMisconfigured, ClusterUnreachable)) as caught:
            await api.list_objects(PODS_IN_SHOP)

    chain = [caught.value, caught.value.__cause__, caught.value.__context__]
    assert all(TOKEN not in f"{error!r}" for error in chain)


async def test_a_certificate_that_is_not_trusted_is_a_matter_of_configuration() -> None:
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(Path(__file__).parents[1] / "data" / "clusters" / "server-untrusted.pem")

    async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.close()

    server = await asyncio.start_server(greet, "127.0.0.1", 0, ssl=tls)
    port = server.sockets[0].getsockname()[1]
    async with server, api_of(f"https://127.0.0.1:{port}", TOKEN) as api:
        with pytest.raises(
            ClusterMisconfigured, match=r"the certificate of cluster production is not trusted: .*; set"
        ):
            await api.list_objects(PODS_IN_SHOP)
