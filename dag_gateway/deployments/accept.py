"""Accepting an upload: from a verified job and a checked chart to a stored deployment."""

import asyncio
import hashlib
import os
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from dag_gateway.charts import pack
from dag_gateway.clock import Clock
from dag_gateway.config import EnvironmentSettings
from dag_gateway.model.chart import Chart
from dag_gateway.model.deployment import Deployment, Destination, fresh_targets
from dag_gateway.model.event import status_news
from dag_gateway.model.identity import JobIdentity
from dag_gateway.store import DeploymentStore, IdempotencyKey

from .runner import ACCEPTED
from .signals import Signals


@dataclass(frozen=True, slots=True)
class Upload:
    """What a verified job hands over for an environment of its app."""

    app: str
    environment: str
    settings: EnvironmentSettings
    repo_url: str
    identity: JobIdentity
    version: str
    chart: Chart
    idempotency_key: str | None = None


class Acceptance:
    """The counter: what it answers is durable."""

    def __init__(self, store: DeploymentStore, signals: Signals, clock: Clock) -> None:
        self._store = store
        self._signals = signals
        self._clock = clock

    async def accept(self, upload: Upload) -> Deployment:
        """Store the upload and wake the runner. The same upload again is the same deployment. Raises KeyReused."""
        # A thread: digests and compression of a chart of the largest size take seconds.
        deployment, archive = await asyncio.to_thread(_prepared, upload, self._clock.now())
        news = status_news(deployment, deployment.accepted_at)
        stored = await self._store.accept(deployment, archive, news, _key(upload, deployment.chart_digest))
        self._signals.wake(ACCEPTED)
        return stored


def _prepared(upload: Upload, now: datetime) -> tuple[Deployment, bytes]:
    """The deployment to be, and its chart as a .tgz."""
    return _deployment(upload, now), pack(upload.chart.metadata.name, upload.chart.files)


def _deployment(upload: Upload, now: datetime) -> Deployment:
    place = upload.settings
    return Deployment(
        id=str(uuid7(now, os.urandom(10))),
        number=0,
        app=upload.app,
        environment=upload.environment,
        repo_url=upload.repo_url,
        identity=upload.identity,
        destination=Destination(place.repository, place.repository_branch, place.path),
        version=upload.version,
        chart_name=upload.chart.metadata.name,
        chart_digest=upload.chart.digest,
        accepted_at=now,
        targets=fresh_targets(place.target_list()),
        message=f"accepted {upload.chart.metadata.name} {upload.version}",
    )


def _key(upload: Upload, digest: str) -> IdempotencyKey | None:
    if upload.idempotency_key is None:
        return None
    asked = "\0".join((upload.environment, upload.version, digest))
    return IdempotencyKey(upload.idempotency_key, hashlib.sha256(asked.encode()).hexdigest())


def uuid7(now: datetime, random: bytes) -> UUID:
    """RFC 9562, section 5.7: 48 bits of milliseconds, then 74 random bits of ``random`` (10 bytes)."""
    milliseconds = int(now.timestamp() * 1000)
    value = (milliseconds << 80) | int.from_bytes(random)
    value = (value & ~(0xF << 76)) | (0x7 << 76)
    value = (value & ~(0x3 << 62)) | (0x2 << 62)
    return UUID(int=value)
