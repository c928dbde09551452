"""A Kubernetes API over HTTP as the official client reaches it, for tests that also run against a real cluster."""

import json
import uuid
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp
import yaml
from kubernetes.aio.client import ApiClient, Configuration
from kubernetes.aio.config import load_kube_config_from_dict

MERGE = "application/merge-patch+json"
STRATEGIC = "application/strategic-merge-patch+json"
JSON_PATCH = "application/json-patch+json"
APPLY = "application/apply-patch+yaml"
_LONGEST = aiohttp.ClientTimeout(total=60)


@dataclass(frozen=True)
class Answer:
    status: int
    body: Any

    @property
    def version(self) -> str:
        return str(self.body["metadata"]["resourceVersion"])


class KubernetesHttp:
    """One namespace of a cluster."""

    def __init__(self, client: ApiClient, namespace: str) -> None:
        self._client = client
        self.namespace = namespace

    def path(self, plural: str, name: str = "", *, group: str = "") -> str:
        """The URL of a collection or object in the namespace; ``group`` is such as ``apps/v1``."""
        root = f"/apis/{group}" if group else "/api/v1"
        return f"{root}/namespaces/{self.namespace}/{plural}" + (f"/{name}" if name else "")

    async def ask(
        self, method: str, path: str, body: object = None, *, content_type: str = "application/json", **query: str
    ) -> Answer:
        """One request; JSON answers are parsed, others are text."""
        async with self._open(method, path, query, body, content_type) as response:
            text = await response.text()
            is_json = "json" in response.headers.get("content-type", "")
            return Answer(response.status, json.loads(text) if is_json else text)

    async def watch(self, path: str, **query: str) -> AsyncGenerator[dict[str, Any], None]:
        """The events of one watch request."""
        async with self._open("GET", path, {"watch": "true", **query}) as response:
            assert response.status == 200, await response.text()
            async for line in response.content:
                yield json.loads(line)

    async def events(self, path: str, count: int, **query: str) -> list[str]:
        """The types of the first events of a watch."""
        types: list[str] = []
        async with aclosing(self.watch(path, **query)) as events:
            async for found in events:
                types.append(found["type"])
                if len(types) == count:
                    return types
        raise AssertionError(f"the watch ended after {types}")

    async def first(self, path: str, event: str, name: str, **query: str) -> dict[str, Any]:
        """The object of the first such event about ``name``."""
        async with aclosing(self.watch(path, **query)) as events:
            async for found in events:
                if (found["type"], found["object"]["metadata"].get("name")) == (event, name):
                    item: dict[str, Any] = found["object"]
                    return item
        raise AssertionError(f"the watch ended without {event} of {name}")

    @asynccontextmanager
    async def _open(
        self, method: str, path: str, query: dict[str, str], body: object = None, content_type: str = "application/json"
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        headers = {"Content-Type": content_type} if body is not None else {}
        parts = await self._client.param_serialize(
            method, path, None, list(query.items()), headers, body, auth_settings=["BearerToken"]
        )
        answer = await self._client.call_api(*parts, _request_timeout=_LONGEST)
        response: aiohttp.ClientResponse = answer.response
        async with response:
            yield response


@asynccontextmanager
async def namespace_of(kubeconfig: str) -> AsyncIterator[KubernetesHttp]:
    """A namespace made for one test, and removed after it. ``kubeconfig`` is YAML text."""
    configuration = Configuration()
    await load_kube_config_from_dict(yaml.safe_load(kubeconfig), client_configuration=configuration)  # type: ignore[no-untyped-call]  # the client has no annotations here
    client = ApiClient(configuration)
    cluster = KubernetesHttp(client, f"dag-contract-{uuid.uuid4().hex[:8]}")
    try:
        made = await cluster.ask("POST", "/api/v1/namespaces", {"metadata": {"name": cluster.namespace}})
        assert made.status == 201, made.body
        yield cluster
        await cluster.ask("DELETE", f"/api/v1/namespaces/{cluster.namespace}")
    finally:
        await client.close()  # type: ignore[no-untyped-call]  # as above
