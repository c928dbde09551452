"""Who carries which deployment: replicas that say that they live, and the claims that hang on them.

A replica is one life of one process. What it carries can be claimed by another once its row has expired, which the
database's clock decides; ``lease`` grows with every claim, so that a former holder can write nothing more.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Integer,
    RowMapping,
    Select,
    bindparam,
    delete,
    func,
    insert,
    literal,
    or_,
    select,
    tuple_,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from dag_gateway.model.deployment import BEFORE_PUSH, Deployment, Status

from .database import Database
from .dialects import announce, now_ms
from .records import deployment_from_row
from .schema import deployments, replicas
from .uninterrupted import uninterrupted
from .wakeups import ACCEPTED

LEASE = 30.0
"""Seconds that a replica may be silent before its work goes to others."""

# So long people can see in the table which replicas there were.
_KEPT = 24 * 3600.0

_UNFINISHED = deployments.c.status.in_([status.value for status in Status if not status.terminal])
_BEFORE_PUSH = deployments.c.status.in_([status.value for status in Status if status in BEFORE_PUSH])


@dataclass(frozen=True, slots=True)
class Replica:
    """``id`` is new in every life of a process; ``name`` is for people."""

    id: str
    name: str


@dataclass(frozen=True, slots=True)
class Claimable:
    """A deployment that nobody carries, and the number of its last lease."""

    number: int
    app: str
    lease: int


@dataclass(frozen=True, slots=True)
class Work:
    """``claimable`` in order of acceptance, ``waiting`` of them in all; ``carried`` by the living ``replicas``."""

    claimable: Sequence[Claimable] = ()
    waiting: int = 0
    carried: int = 0
    replicas: int = 1


@dataclass(frozen=True, slots=True)
class Claim:
    """What was claimed, and under which lease. ``deployment`` is None when its record can not be read."""

    id: str
    number: int
    app: str
    lease: int
    deployment: Deployment | None


class Leases:
    """The claims of one replica."""

    def __init__(self, database: Database, replica: Replica) -> None:
        self._database = database
        self._replica = replica
        # On SQLite there is one process, which loses nothing while it lives, whatever becomes of the clock.
        self._shared = database.listens_at is not None
        self._now: ColumnElement[int] = now_ms() if self._shared else literal(0)
        # Asked with every upload, and it takes longer to build than to run.
        self._claimable = self._claimable_of_each_app()

    @uninterrupted
    async def join(self) -> None:
        """Be alive from now on, and carry nothing yet."""
        row = {"id": self._replica.id, "name": self._replica.name[:255], "until": self._until()}
        # A former life on SQLite has ended, for its process held the file.
        dead = replicas.c.until < self._now - int(_KEPT * 1000) if self._shared else replicas.c.id.is_not(None)

        async def join(connection: AsyncConnection) -> None:
            await connection.execute(delete(replicas).where(or_(replicas.c.id == self._replica.id, dead)))
            await connection.execute(insert(replicas).values(row))
            await self._hand_back(connection)

        await self._database.transact(join, repeatable=True)

    @uninterrupted
    async def keep_only(self, carried: Collection[int]) -> None:
        """Hand everything back but the deployments of these numbers."""
        await self._database.transact(partial(self._hand_back, keeping=carried), repeatable=True)

    @uninterrupted
    async def renew(self, carried: Collection[int]) -> Mapping[int, int] | None:
        """Stay alive. The newest lease of each deployment that is ``carried``: where it is not one's own, that is lost.

        None when the replica is not known any more, so that nothing of it holds.
        """
        mine = update(replicas).where(replicas.c.id == self._replica.id).values(until=self._until())
        query = select(deployments.c.number, deployments.c.lease).where(deployments.c.number.in_(carried))

        async def renew(connection: AsyncConnection) -> Mapping[int, int] | None:
            if (await connection.execute(mine)).rowcount == 0:
                return None
            return {row.number: row.lease for row in await connection.execute(query)} if carried else {}

        return await self._database.transact(renew, repeatable=True)

    @uninterrupted
    async def work(self, most: int) -> Work:
        """What can be claimed now, of each app at most ``most``.

        Before its push only the oldest deployment of an environment can be: so they are pushed in order of acceptance.
        """
        rows = await self._database.fetch(self._claimable.params(most=most))
        if not rows:
            return Work()
        found = [Claimable(row["number"], row["app"], row["lease"]) for row in rows]
        return Work(found, rows[0]["waiting"], rows[0]["carried"], rows[0]["replicas"])

    @uninterrupted
    async def claim(self, chosen: Collection[Claimable]) -> Sequence[Claim]:
        """Take those that nobody else took meanwhile, in order of acceptance.

        Raises CommitUnknown when they may be claimed without that anybody knows: ``keep_only`` clears that up.
        """
        seen = tuple_(deployments.c.number, deployments.c.lease).in_([(one.number, one.lease) for one in chosen])
        # Only columns of the row itself: PostgreSQL looks at them once more when it has waited for the row.
        free = select(deployments.c.number).where(seen, _UNFINISHED).order_by(deployments.c.number)
        take = (
            update(deployments)
            .where(deployments.c.number.in_(free.with_for_update(skip_locked=True)))
            .values(replica=self._replica.id, lease=deployments.c.lease + 1)
            .returning(deployments)
        )

        async def claim(connection: AsyncConnection) -> Sequence[RowMapping]:
            rows: Sequence[RowMapping] = (await connection.execute(take)).mappings().all()
            return rows

        rows = await self._database.transact(claim)
        return sorted((_claim(row) for row in rows), key=lambda claim: claim.number)

    @uninterrupted
    async def leave(self) -> None:
        """Hand everything back, so that others go on at once."""

        async def leave(connection: AsyncConnection) -> None:
            await self._hand_back(connection)
            await connection.execute(delete(replicas).where(replicas.c.id == self._replica.id))

        await self._database.transact(leave, repeatable=True)

    async def _hand_back(self, connection: AsyncConnection, keeping: Collection[int] = ()) -> None:
        mine = update(deployments).where(deployments.c.replica == self._replica.id, _UNFINISHED)
        others = mine.where(deployments.c.number.not_in(keeping)) if keeping else mine
        if (await connection.execute(others.values(replica=None))).rowcount:
            await announce(connection, self._database.name, [ACCEPTED])

    def _until(self) -> ColumnElement[int]:
        return self._now + int(LEASE * 1000)

    def _claimable_of_each_app(self) -> Select[Any]:
        """With the parameter ``most``: how many of each app."""
        living = select(replicas.c.id).where(replicas.c.until > self._now)
        oldest = select(func.min(deployments.c.number)).where(_BEFORE_PUSH)
        heads = oldest.group_by(deployments.c.app, deployments.c.environment)
        free = (
            select(
                deployments.c.number,
                deployments.c.app,
                deployments.c.lease,
                func.count().over().label("waiting"),
                func.row_number().over(partition_by=deployments.c.app, order_by=deployments.c.number).label("place"),
            )
            .where(
                _UNFINISHED,
                or_(deployments.c.replica.is_(None), deployments.c.replica.not_in(living)),
                or_(~_BEFORE_PUSH, deployments.c.number.in_(heads)),
            )
            .subquery()
        )
        carried = select(func.count()).select_from(deployments).where(_UNFINISHED, deployments.c.replica.in_(living))
        alive = select(func.count()).select_from(replicas).where(replicas.c.until > self._now)
        return (
            select(free, carried.scalar_subquery().label("carried"), alive.scalar_subquery().label("replicas"))
            .where(free.c.place <= bindparam("most", type_=Integer))
            .order_by(free.c.number)
        )


def _claim(row: RowMapping) -> Claim:
    try:
        deployment = deployment_from_row(row)
    except (KeyError, TypeError, ValueError):
        # Whoever carries it reads it again, and tells then what is wrong with it; the others must not wait for that.
        deployment = None
    return Claim(row["id"], row["number"], row["app"], row["lease"], deployment)
