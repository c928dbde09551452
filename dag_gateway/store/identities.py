"""ID tokens that were used, and the projects that repository URLs stand for."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from typing import Any

from sqlalchemy import Select, delete, insert, select, tuple_
from sqlalchemy.ext.asyncio import AsyncConnection

from dag_gateway.errors import Unverified
from dag_gateway.model.identity import SourceProject, TokenUse

from .database import Database
from .dialects import Lock, only_one
from .schema import project_pins, token_uses
from .uninterrupted import uninterrupted

_CLOCKS_APART = 3600
"""Seconds. A token that has expired for this replica is still good for one whose clock is behind."""


class TokenReplayed(Unverified):
    """The ID token was used before, for something else."""

    code = "token_replayed"


@dataclass(frozen=True, slots=True)
class ShownToken:
    """An ID token and the SHA-256 (hex) over what it is shown for."""

    use: TokenUse
    purpose: str


@dataclass(frozen=True, slots=True)
class KnownUse:
    """What a token was used for; ``deployment`` is its number, None once that is pruned."""

    purpose: str
    deployment: int | None


async def find_uses(connection: AsyncConnection, uses: Collection[TokenUse]) -> Mapping[TokenUse, KnownUse]:
    """What these tokens were used for before; those that are new are not in it."""
    wanted = {(use.issuer, use.token_id): use for use in uses}
    if not wanted:
        return {}
    query = select(token_uses).where(tuple_(token_uses.c.issuer, token_uses.c.token_id).in_(list(wanted)))
    rows = (await connection.execute(query)).mappings()
    return {wanted[row["issuer"], row["token_id"]]: KnownUse(row["purpose"], row["deployment"]) for row in rows}


def accepted_before(known: KnownUse, shown: ShownToken) -> int:
    """The number of the deployment that the same upload with the same token got.

    Raises TokenReplayed when the token was used for anything else. A deployment that is pruned can not be answered
    again, and the token must not start another one.
    """
    if known.purpose != shown.purpose or known.deployment is None:
        raise TokenReplayed(
            "jobToken was used before for another upload; each upload needs an ID token of its own, "
            "only the very same upload may be sent again with the same one"
        )
    return known.deployment


async def remember_uses(connection: AsyncConnection, used: Sequence[tuple[ShownToken, int]]) -> None:
    """Bind tokens to the numbers of the deployments that they were used for, in the transaction of the acceptance."""
    rows = [asdict(shown.use) | {"purpose": shown.purpose, "deployment": deployment} for shown, deployment in used]
    if rows:
        await connection.execute(insert(token_uses), rows)


async def forget_uses(connection: AsyncConnection, now: float, limit: int) -> int:
    """Drop what is known of at most ``limit`` tokens that are long expired at ``now`` (Unix time in s). How many."""
    gone = token_uses.c.until < now - _CLOCKS_APART
    expired = select(token_uses.c.issuer, token_uses.c.token_id).where(gone).limit(limit)
    key = tuple_(token_uses.c.issuer, token_uses.c.token_id)
    return (await connection.execute(delete(token_uses).where(key.in_(expired)))).rowcount


class ProjectPins:
    """Which project of a forge an app is, since its first verified job; durable when a method returns."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._known: dict[SourceProject, str] = {}

    @uninterrupted
    async def find(self, source: SourceProject) -> str | None:
        """The forge's id of the project; None before the first use, and after the app was given another URL."""
        if source not in self._known:
            rows = await self._database.fetch(_pinned(source))
            if not rows:
                return None
            self._known[source] = rows[0]["project_id"]
        return self._known[source]

    @uninterrupted
    async def pin(self, source: SourceProject, project_id: str, *, replace: bool = False) -> str:
        """Pin the project, unless one is pinned already; the id that stands after that.

        ``replace`` is for a project that the configuration names: it overrules what was pinned.
        """
        if self._known.get(source) != project_id:
            work = partial(_pin, source=source, project_id=project_id, replace=replace)
            self._known[source] = await self._database.transact(work, repeatable=True)
        return self._known[source]


async def _pin(connection: AsyncConnection, source: SourceProject, project_id: str, replace: bool) -> str:
    await only_one(connection, Lock.PIN)
    standing: str | None = await connection.scalar(_pinned(source))
    if standing is not None and not replace:
        return standing
    mine = (project_pins.c.app == source.app, project_pins.c.forge == source.forge)
    await connection.execute(delete(project_pins).where(*mine))
    await connection.execute(insert(project_pins), [asdict(source) | {"project_id": project_id}])
    return project_id


def _pinned(source: SourceProject) -> Select[Any]:
    return select(project_pins.c.project_id).where(
        project_pins.c.app == source.app,
        project_pins.c.forge == source.forge,
        project_pins.c.repo_url == source.repo_url,
    )
