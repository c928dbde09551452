import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from dag_gateway.clusters.connection import connect
from dag_gateway.clusters.errors import ClusterMisconfigured, Forbidden
from dag_gateway.clusters.resources import PODS, Selection
from dag_gateway.config import ClusterSettings
from dag_gateway.simulator.cluster import simulated_cluster
from tests.fakes.cluster_api import api_of

TOKEN = "s3cret-token"


async def problem(**settings: Any) -> str:
    with pytest.raises(ClusterMisconfigured, match=r"^cluster production: ") as caught:
        await connect("production", ClusterSettings(**settings))
    return caught.value.message


def kubeconfig(folder: Path, change: Mapping[str, Any]) -> Path:
    whole = {
        "clusters": [{"name": "c", "cluster": {"server": "https://127.0.0.1:1"}}],
        "users": [{"name": "u", "user": {"token": TOKEN}}],
        "contexts": [{"name": "x", "context": {"cluster": "c", "user": "u"}}],
        "current-context": "x",
    }
    path = folder / "kubeconfig.yaml"
    path.write_text(yaml.safe_dump({**whole, **change}))
    return path


async def test_a_kubeconfig_gives_address_and_token(tmp_path: Path) -> None:
    async with simulated_cluster(controllers=False) as sim:
        path = tmp_path / "kubeconfig.yaml"
        path.write_text(sim.kubeconfig())
        async with await connect("production", ClusterSettings(kubeconfig=path, context="simulated")) as client:
            assert client.configuration.host == sim.url
            assert client.configuration.api_key["BearerToken"] == f"Bearer {sim.token}"


async def test_watches_do_not_wait_for_one_another() -> None:
    async with await connect("production", ClusterSettings(server="https://127.0.0.1:1/")) as client:
        assert client.configuration.connection_pool_maxsize == 0
        assert client.configuration.host == "https://127.0.0.1:1"


async def test_a_kubeconfig_that_is_missing_is_named(tmp_path: Path) -> None:
    path = tmp_path / "none.yaml"

    assert str(path) in await problem(kubeconfig=path)


async def test_a_context_that_is_missing_is_named(tmp_path: Path) -> None:
    path = kubeconfig(tmp_path, {})

    told = await problem(kubeconfig=path, context="staging")
    assert told.endswith(f"Expected object with name staging in {path}/contexts list (kubeconfig {path})")


@pytest.mark.parametrize(
    "content",
    [f"users: [token: {TOKEN}", f"- {TOKEN}", f"token: {TOKEN}", ""],
    ids=["no YAML", "a list", "no kubeconfig", "empty"],
)
async def test_a_kubeconfig_that_is_not_valid_is_named_and_never_quoted(tmp_path: Path, content: str) -> None:
    path = tmp_path / "kubeconfig.yaml"
    path.write_text(content)

    told = await problem(kubeconfig=path)
    assert str(path) in told
    assert TOKEN not in told


async def test_a_certificate_in_a_kubeconfig_that_is_not_one_is_told(tmp_path: Path) -> None:
    cluster = {"server": "https://127.0.0.1:1", "certificate-authority-data": "bm90IGEgY2VydGlmaWNhdGU="}
    path = kubeconfig(tmp_path, {"clusters": [{"name": "c", "cluster": cluster}]})

    assert f"the kubeconfig {path}, or a file that it names, can not be read" in await problem(kubeconfig=path)


async def test_a_missing_certificate_is_named(tmp_path: Path) -> None:
    path = tmp_path / "ca.pem"

    told = await problem(server="https://127.0.0.1:1", ca_file=path)
    assert told == f"cluster production: ca_file {path} can not be read: No such file or directory"


async def test_outside_of_a_cluster_there_is_no_service_account(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)

    assert await problem(in_cluster=True) == "cluster production: Service host/port is not set."


@pytest.mark.parametrize(("bypass", "count"), [("", 1), ("127.0.0.1", 0)], ids=["proxied", "not for this host"])
async def test_a_proxy_of_the_environment_is_used(monkeypatch: pytest.MonkeyPatch, bypass: str, count: int) -> None:
    asked: list[bytes] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(answer, "127.0.0.1") as proxy, simulated_cluster(controllers=False) as sim:
        monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{proxy.sockets[0].getsockname()[1]}")
        monkeypatch.setenv("no_proxy", bypass)
        async with api_of(sim.url, sim.token) as api:
            reached = asyncio.gather(api.list_objects(Selection(PODS, "default")), return_exceptions=True)
            assert isinstance((await reached)[0], Forbidden) is bool(count)

    assert [head.split()[1].startswith(sim.url.encode()) for head in asked] == [True] * count


async def test_the_logins_of_the_machine_are_not_for_clusters(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login somebody password else\n")
    monkeypatch.setenv("NETRC", str(netrc))
    async with simulated_cluster(controllers=False) as sim, api_of(sim.url, sim.token) as api:
        assert (await api.list_objects(Selection(PODS, "default"))).items == ()
