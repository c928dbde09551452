"""Idempotency keys: the same key with the same content is the same deployment."""

from dataclasses import dataclass

from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from .schema import idempotency_keys


@dataclass(frozen=True, slots=True)
class IdempotencyKey:
    """A key as the client sent it and the SHA-256 (hex) over what was asked with it."""

    key: str
    fingerprint: str


@dataclass(frozen=True, slots=True)
class KnownKey:
    """What a key was used for: the fingerprint then, and the number of the deployment."""

    fingerprint: str
    deployment: int


async def find_by_key(connection: AsyncConnection, app: str, key: IdempotencyKey) -> KnownKey | None:
    """What was asked with this key of this app before; None when it is new."""
    query = select(idempotency_keys.c.fingerprint, idempotency_keys.c.deployment).where(
        idempotency_keys.c.app == app, idempotency_keys.c.key == key.key
    )
    row = (await connection.execute(query)).one_or_none()
    return None if row is None else KnownKey(row.fingerprint, row.deployment)


async def remember_key(connection: AsyncConnection, app: str, key: IdempotencyKey, deployment: int) -> None:
    """Bind the key to a deployment."""
    values = {"app": app, "key": key.key, "fingerprint": key.fingerprint, "deployment": deployment}
    await connection.execute(insert(idempotency_keys).values(values))
