"""A client that gives up on nothing: it uploads until it has an id, and comes back to the stream until it has ended."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, Self

import httpx

from dag_gateway.simulator.gitlab_entities import SimulatedJob

_PAUSE = 0.05
_HANGS = 300.0
_LATER = (429, 503)
_AWAY = (httpx.TransportError, httpx.RemoteProtocolError)


@dataclass
class Story:
    """All that a client was told of one deployment: the numbers of the events and their data, in order."""

    deployment_id: str
    numbers: list[int] = field(default_factory=list)
    events: list[dict[str, Any]] = field(default_factory=list)

    @property
    def ended(self) -> bool:
        return bool(self.events) and self.events[-1].get("status") in ("deployed", "failed")


class Client:
    """Talks to one of several gateways, and to the next one when that is away."""

    def __init__(self, http: httpx.AsyncClient, urls: Sequence[str], turn: int = 0) -> None:
        self._http = http
        self._urls = urls
        self._turn = turn

    @classmethod
    @asynccontextmanager
    async def of(cls, *urls: str) -> AsyncIterator[Self]:
        limits = httpx.Limits(max_connections=None, max_keepalive_connections=0)
        async with httpx.AsyncClient(timeout=_HANGS, trust_env=False, limits=limits) as http:
            yield cls(http, urls)

    def only(self, url: str) -> "Client":
        """One that knows no other gateway."""
        return Client(self._http, [url])

    def beginning_at(self, turn: int) -> "Client":
        """One that goes its own way, and asks another gateway first."""
        return Client(self._http, self._urls, turn)

    async def deploy(self, job: SimulatedJob, chart: bytes, version: str, **more: str) -> Story:
        """Upload and follow to the end. Raises TimeoutError when that does not come."""
        async with asyncio.timeout(_HANGS):
            return await self.follow(await self.upload(job, chart, version, **more))

    async def upload(self, job: SimulatedJob, chart: bytes, version: str, **more: str) -> str:
        """The id. A try that was not answered is repeated with the same key."""
        fields = {"repoUrl": job.project_url, "jobId": str(job.id), "jobToken": job.token, "version": version} | more
        key = {"Idempotency-Key": f"{job.id} {version}"}
        while True:
            try:
                answer = await self._http.post(
                    f"{self._url()}/api/deploy", data=fields, files={"chart": chart}, headers=key
                )
            except _AWAY:
                await self._elsewhere()
                continue
            if answer.status_code not in _LATER:
                assert answer.status_code == 200, answer.text
                return str(answer.json()["deploymentId"])
            await self._elsewhere()

    async def follow(self, deployment_id: str) -> Story:
        """Every event from the first one on, over as many connections as it takes."""
        story = Story(deployment_id)
        while not story.ended:
            try:
                await self._listen(story)
            except _AWAY:
                await self._elsewhere()
        assert await self._nothing_more(story), "a stream that was heard to its end has nothing more to tell"
        return story

    async def record(self, deployment_id: str) -> dict[str, Any]:
        """The whole record, from whichever gateway has it."""
        while True:
            with suppress(*_AWAY):
                answer = await self._http.get(f"{self._url()}/api/deployments/{deployment_id}")
                if answer.status_code not in _LATER:
                    record: dict[str, Any] = answer.json()
                    return record
            await self._elsewhere()

    async def _nothing_more(self, story: Story) -> bool:
        while True:
            with suppress(*_AWAY):
                async with self._stream(story) as answer:
                    if answer.status_code not in _LATER:
                        return bool(answer.status_code == 204)
            await self._elsewhere()

    async def _listen(self, story: Story) -> None:
        async with self._stream(story) as answer:
            if answer.status_code in _LATER:
                await self._elsewhere()
                return
            assert answer.status_code == 200, answer.status_code
            number = None
            async for line in answer.aiter_lines():
                if line.startswith("id: "):
                    number = int(line[4:])
                elif line.startswith("data: ") and number is not None:
                    story.numbers.append(number)
                    story.events.append(json.loads(line[6:]))
                    number = None

    def _stream(self, story: Story) -> Any:
        last = {"Last-Event-ID": str(story.numbers[-1] if story.numbers else 0)}
        return self._http.stream("GET", f"{self._url()}/api/deployments/{story.deployment_id}/events", headers=last)

    def _url(self) -> str:
        return self._urls[self._turn % len(self._urls)]

    async def _elsewhere(self) -> None:
        self._turn += 1
        await asyncio.sleep(_PAUSE)
