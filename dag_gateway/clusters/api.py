"""The thin edge over the Kubernetes API: plain objects in and out, foreign errors translated once.

The model classes of the client are not used: they cost time on every event and lose fields they do not know.
"""

import asyncio
import json
import ssl
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any, NoReturn, Self

import aiohttp
from kubernetes.aio.client import ApiClient

from . import errors
from .objects import Object, slim
from .resources import PODS, Resource, Selection

_PAGE = 500
"""Objects per list request, as kubectl asks for."""

_LISTS = 32
"""Lists that are asked for at the same time: a burst of ends neither drowns the server nor runs out of ports."""

_LARGEST_BODY = 64 * 1024**2
_LARGEST_EVENT = 16 * 1024**2

_WATCH_SECONDS = 290
"""How long the server keeps one watch open; below the 5 min after which many proxies cut a connection."""

_SILENCE = 120.0
"""Seconds without a byte before a watch counts as dead; bookmarks come about once a minute."""

_METADATA_ONLY = "application/json;as=PartialObjectMetadata{};g=meta.k8s.io;v=v1,application/json"


@dataclass(frozen=True, slots=True)
class Page:
    """A list and the version of the collection it shows. ``more`` is the token of what follows, empty at the end."""

    items: tuple[Object, ...]
    version: str
    more: str = ""

    def followed_by(self, page: Self) -> Self:
        return replace(page, items=(*self.items, *page.items))


class Api:
    """One cluster. ``timeout`` in seconds is for one request that is not a watch."""

    def __init__(self, cluster: str, client: ApiClient, timeout: float) -> None:
        self.cluster = cluster
        self._client = client
        self._timeout = timeout
        self._lists = asyncio.Semaphore(_LISTS)

    async def close(self) -> None:
        await self._client.close()  # type: ignore[no-untyped-call]  # the client has no annotations here

    async def list_objects(self, selection: Selection) -> Page:
        """All objects as they are now (a quorum read). Raises ClusterUnreachable, ClusterMisconfigured."""
        try:
            return await self._pages(selection)
        except errors.VersionExpired:
            return _page_of(await self._page(selection, []), selection)

    async def check_access(self, selection: Selection) -> None:
        """Asks for one object; raises as ``list_objects`` does when the selection can not be read."""
        await self._page(selection, [("limit", "1")])

    async def events(self, selection: Selection, version: str) -> AsyncGenerator[Mapping[str, Any], None]:
        """The watch events after ``version``, until this one request ends. Close it to close the connection.

        Raises VersionExpired, and what ``list_objects`` raises. A watch that breaks off has merely ended.
        """
        query = [
            ("watch", "true"),
            ("allowWatchBookmarks", "true"),
            ("resourceVersion", version),
            ("timeoutSeconds", str(_WATCH_SECONDS)),
            *selection.query(),
        ]
        timeout = aiohttp.ClientTimeout(sock_connect=self._timeout, sock_read=_SILENCE)
        path = selection.resource.path(selection.namespace)
        async with self._request("list", selection, "GET", path, query, timeout, _accept(selection, "")) as response:
            async for line in _lines(response):
                event = _event(line)
                if event["type"] == "ERROR":
                    self._translate(int(event["object"].get("code") or 500), "list", selection)
                yield {**event, "object": _typed(event["object"], selection.resource)}

    async def logs(self, namespace: str, pod: str, container: str, *, previous: bool, lines: int) -> str:
        """The last ``lines`` that a container wrote; those of its last run with ``previous``."""
        query = [("container", container), ("tailLines", str(lines)), ("limitBytes", str(64 * 1024))]
        query.append(("previous", "true" if previous else "false"))
        selection = Selection(PODS, namespace, name=pod)
        path = f"{PODS.path(namespace)}/{pod}/log"
        async with self._request("get logs", selection, "GET", path, query, self._budget()) as response:
            return (await _body(response)).decode(errors="replace")

    async def annotate(self, selection: Selection, annotations: Mapping[str, str]) -> None:
        """Adds annotations to the one object that ``selection`` names."""
        path = f"{selection.resource.path(selection.namespace)}/{selection.name}"
        body = {"metadata": {"annotations": dict(annotations)}}
        headers = {"Content-Type": "application/merge-patch+json"}
        async with self._request("patch", selection, "PATCH", path, [], self._budget(), headers, body):
            pass

    async def _pages(self, selection: Selection) -> Page:
        """In pieces, so that a large namespace strains neither side; VersionExpired when it changes too fast."""
        page = _page_of(await self._page(selection, [("limit", str(_PAGE))]), selection)
        while page.more:
            following = await self._page(selection, [("limit", str(_PAGE)), ("continue", page.more)])
            page = page.followed_by(_page_of(following, selection))
        return page

    async def _page(self, selection: Selection, paging: list[tuple[str, str]]) -> Mapping[str, Any]:
        query = [*paging, *selection.query()]
        path = selection.resource.path(selection.namespace)
        headers = _accept(selection, "List")
        async with (
            self._lists,
            self._request("list", selection, "GET", path, query, self._budget(), headers) as response,
        ):
            return _collection(await _body(response))

    def _budget(self) -> aiohttp.ClientTimeout:
        return aiohttp.ClientTimeout(total=self._timeout)

    @asynccontextmanager
    async def _request(
        self,
        verb: str,
        selection: Selection,
        method: str,
        path: str,
        query: list[tuple[str, str]],
        timeout: aiohttp.ClientTimeout,
        headers: Mapping[str, str] | None = None,
        body: object = None,
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """The response of a request that was accepted, released at the end."""
        try:
            parts = await self._client.param_serialize(
                method, path, None, query, dict(headers or {}), body, auth_settings=["BearerToken"]
            )
            answer = await self._client.call_api(*parts, _request_timeout=timeout)
            response: aiohttp.ClientResponse = answer.response
            async with response:
                if response.status >= 300:
                    self._translate(response.status, verb, selection)
                yield response
        except aiohttp.ClientConnectorCertificateError as error:
            raise errors.ClusterMisconfigured(
                f"the certificate of cluster {self.cluster} is not trusted: {str(error.certificate_error)[:300]};"
                " set ca_file to the certificate of its authority"
            ) from error
        except (aiohttp.ClientError, TimeoutError, asyncio.IncompleteReadError, ssl.SSLError, ValueError) as error:
            raise errors.unreachable(self.cluster, error) from error

    def _translate(self, status: int, verb: str, selection: Selection) -> NoReturn:
        """The API server's refusal as an error of ours; its text is left out, as it may quote what was sent."""
        if status == 401:
            raise errors.unauthenticated(self.cluster)
        if status == 403:
            raise errors.refused(self.cluster, verb, selection)
        if status == 404 and verb == "list":
            raise errors.not_served(self.cluster, selection)
        if status == 410:
            raise errors.VersionExpired(f"cluster {self.cluster}: the history of {selection} has expired")
        raise errors.unreachable(self.cluster, f"HTTP status {status} for {verb} {selection}")


def _accept(selection: Selection, suffix: str) -> dict[str, str]:
    return {"Accept": _METADATA_ONLY.format(suffix) if selection.metadata_only else "application/json"}


def _page_of(body: Mapping[str, Any], selection: Selection) -> Page:
    told = body.get("metadata") or {}
    items = tuple(_typed(item, selection.resource) for item in body.get("items") or ())
    return Page(items, str(told.get("resourceVersion", "")), str(told.get("continue") or ""))


def _typed(item: Mapping[str, Any], resource: Resource) -> Object:
    """Items of a list come without kind and version, metadata alone comes with another kind."""
    return slim({**item, "apiVersion": resource.api_version, "kind": resource.kind})


def _collection(body: bytes) -> Mapping[str, Any]:
    """Raises ValueError for anything but a list: a login page must not be taken for an empty cluster."""
    read = json.loads(body)
    if not isinstance(read, dict) or "items" not in read:
        raise ValueError("the answer is not a list of objects; is the address that of a Kubernetes API server?")
    return read


def _event(line: bytes) -> Mapping[str, Any]:
    read = json.loads(line)
    if not isinstance(read, dict) or not isinstance(read.get("object"), dict) or "type" not in read:
        raise ValueError("the answer is not a stream of watch events")
    return read


async def _body(response: aiohttp.ClientResponse) -> bytes:
    """The whole body; ValueError when it is larger than any answer that makes sense."""
    parts: list[bytes] = []
    size = 0
    async for part in response.content.iter_any():
        size += len(part)
        if size > _LARGEST_BODY:
            raise ValueError(f"the answer is larger than {_LARGEST_BODY} bytes")
        parts.append(part)
    return b"".join(parts)


async def _lines(response: aiohttp.ClientResponse) -> AsyncIterator[bytes]:
    """Complete lines until the stream ends, in whichever way: what was cut off comes again with the next watch."""
    rest = b""
    try:
        async for part in response.content.iter_any():
            *complete, rest = (rest + part).split(b"\n")
            for line in complete:
                if line.strip():
                    yield line
            if len(rest) > _LARGEST_EVENT:
                raise ValueError(f"a watch event is larger than {_LARGEST_EVENT} bytes")
    except (aiohttp.ClientError, TimeoutError):
        return
