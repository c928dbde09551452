"""Idempotency keys: the same key with the same content is the same deployment."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import insert, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from dag_gateway.errors import Conflict

from .schema import idempotency_keys

AppKey = tuple[str, str]
"""The name of the app and the key; apps do not share keys."""


class KeyReused(Conflict):
    """The Idempotency-Key came before with other content."""

    code = "idempotency_key_reused"


@dataclass(frozen=True, slots=True)
class IdempotencyKey:
    """A key, and the SHA-256 (hex) over what was asked with it."""

    key: str
    fingerprint: str


@dataclass(frozen=True, slots=True)
class KnownKey:
    """What a key was used for: the fingerprint then, and the number of the deployment."""

    fingerprint: str
    deployment: int


def same_content(fingerprint: str, key: IdempotencyKey) -> None:
    """Raises KeyReused when the key came with another ``fingerprint`` before."""
    if fingerprint != key.fingerprint:
        raise KeyReused("this Idempotency-Key came before with other content; use a new key for each upload")


async def find_keys(connection: AsyncConnection, keys: Collection[AppKey]) -> Mapping[AppKey, KnownKey]:
    """What these keys were used for before; those that are new are not in it."""
    if not keys:
        return {}
    query = select(idempotency_keys).where(tuple_(idempotency_keys.c.app, idempotency_keys.c.key).in_(keys))
    rows = await connection.execute(query)
    return {(row.app, row.key): KnownKey(row.fingerprint, row.deployment) for row in rows}


async def remember_keys(connection: AsyncConnection, used: Sequence[tuple[AppKey, KnownKey]]) -> None:
    """Bind keys to deployments."""
    rows = [
        {"app": app, "key": key, "fingerprint": known.fingerprint, "deployment": known.deployment}
        for (app, key), known in used
    ]
    if rows:
        await connection.execute(insert(idempotency_keys), rows)
