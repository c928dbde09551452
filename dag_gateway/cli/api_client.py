"""The gateway's HTTP API as its clients call it: bounded, retried where that is safe, errors translated."""

import io
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx

from dag_gateway.clock import Clock
from dag_gateway.model.identity import UnverifiedJob

from .answers import Answer, accepted, deployment_id_of, describe, json_object
from .doubt import Doubt
from .exits import OutcomeUnknown, Refused, WrongUsage
from .transport import http_client, read_body
from .tries import Tries

_LARGEST_JSON = 16 * 1024 * 1024
_LARGEST_CHART = 256 * 1024 * 1024
_TIMEOUT = httpx.Timeout(60, connect=10)
# The gateway sends a heartbeat every 15 s: three missed ones mean that the connection is dead.
_STREAM_TIMEOUT = httpx.Timeout(45, connect=10)


@dataclass(frozen=True, slots=True)
class Order:
    """What ``POST /api/deploy`` is given. ``environment`` is None where the branch has one only."""

    job: UnverifiedJob
    version: str
    environment: str | None
    chart: bytes
    idempotency_key: str


class Gateway:
    """The calls, over one connection pool that ``open_gateway`` opened."""

    def __init__(self, url: str, http: httpx.AsyncClient, clock: Clock, note: Callable[[str], None]) -> None:
        self.url = url
        self._http = http
        self._tries = Tries(url, clock, note, describe)

    async def deploy(self, order: Order, sent: Callable[[int, int], None]) -> str:
        """The id of the deployment. ``sent`` is told how many bytes of the chart went out, and of how many.

        All tries carry the one key of ``order``, so the gateway deploys once however often it is asked. Raises Refused
        only when no try was accepted, otherwise OutcomeUnknown.
        """
        doubt = Doubt()
        answer = await self._tries.answer(lambda: doubt.over(self._post_order(order, sent)))
        return deployment_id_of(doubt.accepted(answer))

    async def record(self, deployment_id: str) -> dict[str, Any]:
        """The whole record of a deployment. Raises OutcomeUnknown, also for a refusal: the deployment was accepted."""
        answer = await self._tries.answer(lambda: self._send("GET", f"/api/deployments/{deployment_id}"))
        try:
            return json_object(accepted(answer))
        except (Refused, WrongUsage) as error:
            raise OutcomeUnknown(f"the record of the deployment can not be read: {error.message}") from error

    async def chart(self, job: UnverifiedJob, environment: str | None) -> bytes:
        """The chart that is live in the environment, as a .tgz."""
        return (await self._read("/api/get/chart", job, environment, _LARGEST_CHART)).body

    async def values(self, job: UnverifiedJob, environment: str | None) -> dict[str, Any]:
        """The values that are live in the environment."""
        return json_object(await self._read("/api/get/values", job, environment, _LARGEST_JSON))

    def events(self, deployment_id: str, last_id: str) -> AbstractAsyncContextManager[httpx.Response]:
        """One connection to the stream, from after ``last_id`` (empty: from the start). Raises httpx.RequestError."""
        headers = {b"Accept": b"text/event-stream"} | ({b"Last-Event-ID": last_id.encode()} if last_id else {})
        url = self.link(deployment_id) + "/events"
        return self._http.stream("GET", url, headers=headers, timeout=_STREAM_TIMEOUT)

    def link(self, deployment_id: str) -> str:
        """The address of the deployment's record."""
        return f"{self.url}/api/deployments/{deployment_id}"

    async def _post_order(self, order: Order, sent: Callable[[int, int], None]) -> Answer:
        fields = job_fields(order.job, order.environment) | {"version": order.version}
        chart = ("chart.tgz", _Metered(order.chart, sent), "application/gzip")
        headers = {"Idempotency-Key": order.idempotency_key}
        return await self._send("POST", "/api/deploy", data=fields, files={"chart": chart}, headers=headers)

    async def _read(self, path: str, job: UnverifiedJob, environment: str | None, limit: int) -> Answer:
        fields = job_fields(job, environment)
        return accepted(await self._tries.answer(lambda: self._send("POST", path, limit, json=fields)))

    async def _send(self, method: str, path: str, limit: int = _LARGEST_JSON, **content: Any) -> Answer:
        async with self._http.stream(method, self.url + path, **content) as response:
            return Answer(response.status_code, response.headers, await read_body(response, limit))


@asynccontextmanager
async def open_gateway(server: str, clock: Clock, note: Callable[[str], None]) -> AsyncIterator[Gateway]:
    """The gateway at ``server``; ``note`` is told of every try that failed. Raises WrongUsage."""
    url = server_url(server)
    async with http_client(_TIMEOUT) as http:
        yield Gateway(url, http, clock, note)


def server_url(text: str) -> str:
    """The URL that paths are appended to. Raises WrongUsage naming ``--server``."""
    try:
        url = httpx.URL(text.strip())
    except httpx.InvalidURL as error:
        raise WrongUsage(f"--server: not a URL: {error}") from error
    if url.scheme not in ("http", "https") or not url.host or url.userinfo or url.query or url.fragment:
        raise WrongUsage("--server must be an http(s) URL such as https://dag.example.com, without user, '?' or '#'")
    return str(url).rstrip("/")


def job_fields(job: UnverifiedJob, environment: str | None) -> dict[str, str]:
    """The fields by which every CI call says who asks."""
    fields = {"repoUrl": job.repo_url, "jobId": job.job_id, "jobToken": job.token}
    return fields | ({"environment": environment} if environment else {})


class _Metered(io.BytesIO):
    """The chart as a file that tells how far it is read."""

    def __init__(self, content: bytes, sent: Callable[[int, int], None]) -> None:
        super().__init__(content)
        self._total = len(content)
        self._sent = sent

    def read(self, size: int | None = -1, /) -> bytes:
        chunk = super().read(size)
        if chunk:
            self._sent(self.tell(), self._total)
        return chunk
