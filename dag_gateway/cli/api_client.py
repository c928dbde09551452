"""The gateway's HTTP API as its clients call it: bounded, retried where that is safe, errors translated."""

import io
import random
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Any

import httpx

from dag_gateway.clock import Clock
from dag_gateway.model.identity import UnverifiedJob

from .answers import Answer, accepted, deployment_id_of, describe, json_object
from .exits import OutcomeUnknown, WrongUsage
from .retry import retry_after, wait_before
from .transport import http_client, read_body

_RETRIES = 3
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
        self._clock = clock
        self._note = note

    async def deploy(self, order: Order, sent: Callable[[int, int], None]) -> str:
        """The id of the deployment. ``sent`` is told how many bytes of the chart went out, and of how many.

        All tries carry the one key of ``order``, so the gateway deploys once however often it is asked.
        """
        return deployment_id_of(await self._insist(lambda: self._post_order(order, sent)))

    async def record(self, deployment_id: str) -> dict[str, Any]:
        """The whole record of a deployment."""
        return json_object(await self._insist(lambda: self._send("GET", f"/api/deployments/{deployment_id}")))

    async def chart(self, job: UnverifiedJob, environment: str | None) -> bytes:
        """The chart that is live in the environment, as a .tgz."""
        return (await self._insist(lambda: self._ask("/api/get/chart", job, environment, _LARGEST_CHART))).body

    async def values(self, job: UnverifiedJob, environment: str | None) -> dict[str, Any]:
        """The values that are live in the environment."""
        return json_object(await self._insist(lambda: self._ask("/api/get/values", job, environment, _LARGEST_JSON)))

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

    async def _ask(self, path: str, job: UnverifiedJob, environment: str | None, limit: int) -> Answer:
        return await self._send("POST", path, limit, json=job_fields(job, environment))

    async def _insist(self, attempt: Callable[[], Awaitable[Answer]]) -> Answer:
        """The answer to ``attempt``, tried again while the trouble may pass. Raises Refused and OutcomeUnknown."""
        for failures in range(1, _RETRIES + 1):
            problem, asked = "", None
            try:
                answer = await attempt()
                if not answer.passing:
                    return accepted(answer)
                problem, asked = describe(answer), retry_after(answer.headers.get("retry-after"))
            except httpx.RequestError as error:
                problem = described_error(error)
            await self._pause(problem, wait_before(failures, asked, random.random()))  # noqa: S311 (no secret)
        return await self._last_try(attempt)

    async def _last_try(self, attempt: Callable[[], Awaitable[Answer]]) -> Answer:
        try:
            return accepted(await attempt())
        except httpx.RequestError as error:
            tries = _RETRIES + 1
            raise OutcomeUnknown(f"{self.url} does not answer ({tries} tries): {described_error(error)}") from error

    async def _pause(self, problem: str, seconds: float) -> None:
        self._note(f"{self.url}: {problem}; trying again in {seconds:.0f} s")
        await self._clock.sleep(seconds)

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


def described_error(error: httpx.RequestError) -> str:
    """What went wrong; some errors of httpx have no text of their own."""
    return str(error) or type(error).__name__


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
