"""Accepting an upload: from a verified job and a checked chart to a stored deployment."""

import hashlib
import os
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from dag_gateway.clock import Clock
from dag_gateway.config import EnvironmentSettings
from dag_gateway.model.audit import AuditEntry
from dag_gateway.model.deployment import Deployment, Destination, fresh_targets
from dag_gateway.model.event import status_news
from dag_gateway.model.identity import JobIdentity, TokenUse
from dag_gateway.store import ACCEPTED, DeploymentStore, IdempotencyKey, ShownToken

from .signals import Signals


@dataclass(frozen=True, slots=True)
class Upload:
    """What a verified job hands over for an environment of its app. ``entry`` tells the audit log of it.

    ``archive`` is the .tgz as it came; it was read once, with all the rules of ``charts``, and will be read again.

    ``token_use`` is the ID token that proved the job; None where there was none.
    """

    app: str
    environment: str
    settings: EnvironmentSettings
    repo_url: str
    identity: JobIdentity
    version: str
    chart_name: str
    chart_digest: str
    archive: bytes
    entry: AuditEntry
    idempotency_key: str | None = None
    token_use: TokenUse | None = None


class Acceptance:
    """The counter: what it answers is durable."""

    def __init__(self, store: DeploymentStore, signals: Signals, clock: Clock) -> None:
        self._store = store
        self._signals = signals
        self._clock = clock

    async def accept(self, upload: Upload) -> Deployment:
        """Store the upload and wake the runner. The same upload again is the same deployment.

        Raises KeyReused or TokenReplayed.
        """
        deployment = _deployment(upload, self._clock.now())
        news = status_news(deployment, deployment.accepted_at)
        key, shown = _key(upload, deployment.chart_digest), _shown(upload, deployment.chart_digest)
        stored = await self._store.accept(deployment, upload.archive, news, key, upload.entry, shown)
        self._signals.wake(ACCEPTED)
        return stored


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
        chart_name=upload.chart_name,
        chart_digest=upload.chart_digest,
        accepted_at=now,
        targets=fresh_targets(place.target_list()),
        message=f"accepted {upload.chart_name} {upload.version}",
    )


def _key(upload: Upload, digest: str) -> IdempotencyKey | None:
    """The key itself is not kept: some clients take a token for it."""
    if upload.idempotency_key is None:
        return None
    return IdempotencyKey(
        _fingerprint(upload.idempotency_key), _fingerprint(upload.environment, upload.version, digest)
    )


def _shown(upload: Upload, digest: str) -> ShownToken | None:
    """An ID token is for one upload, and an issuer's may be of any app."""
    if upload.token_use is None:
        return None
    purpose = _fingerprint(upload.app, upload.environment, upload.version, digest)
    return ShownToken(upload.token_use, purpose)


def _fingerprint(*asked: str) -> str:
    return hashlib.sha256("\0".join(asked).encode()).hexdigest()


def uuid7(now: datetime, random: bytes) -> UUID:
    """RFC 9562, section 5.7: 48 bits of milliseconds, then 74 random bits of ``random`` (10 bytes)."""
    milliseconds = int(now.timestamp() * 1000)
    value = (milliseconds << 80) | int.from_bytes(random)
    value = (value & ~(0xF << 76)) | (0x7 << 76)
    value = (value & ~(0x3 << 62)) | (0x2 << 62)
    return UUID(int=value)
