"""The deployments and their event log: accept, record, read."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from sqlalchemy import Select, delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from dag_gateway.errors import Conflict, GatewayError, NotFound
from dag_gateway.model.deployment import BEFORE_PUSH, Deployment, Status
from dag_gateway.model.event import Event, News

from .database import Database
from .idempotency import IdempotencyKey, KnownKey, find_by_key, remember_key
from .records import accepted_columns, deployment_from_row, event_columns, event_from_row, moving_columns
from .schema import charts, deployments, events
from .uninterrupted import uninterrupted

_UNFINISHED = tuple(status.value for status in Status if not status.terminal)


class DeploymentNotFound(NotFound):
    """There is no deployment of that id."""

    code = "deployment_not_found"


class LostRace(GatewayError):
    """Somebody else moved the deployment; whoever gets this stops without writing."""

    code = "lost_race"


class KeyReused(Conflict):
    """The Idempotency-Key came before with other content."""

    code = "idempotency_key_reused"


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A deployment as it stood right after its event ``last_event``."""

    deployment: Deployment
    last_event: int


class DeploymentStore:
    """What the gateway knows, durable when a method returns."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @uninterrupted
    async def accept(
        self, deployment: Deployment, archive: bytes, news: News, key: IdempotencyKey | None = None
    ) -> Deployment:
        """Store a new deployment with its chart and first event, in one transaction.

        Returns the stored one, with its ``number``; or the one accepted before, when ``key`` or the same job with the
        same content for the same environment and version is still known. Raises KeyReused.
        """
        async with self._database.write() as connection:
            if key is not None and (known := await find_by_key(connection, deployment.app, key)):
                return await _of_key(connection, key, known)
            stored = await _same_upload(connection, deployment)
            if stored is None:
                stored = await _insert(connection, deployment, archive, news)
            if key is not None:
                await remember_key(connection, deployment.app, key, stored.number)
            return stored

    @uninterrupted
    async def record(self, old: Deployment, new: Deployment, news: News) -> Event:
        """Write the move from ``old`` to ``new`` and tell it, in one transaction: compare-and-swap on the old status.

        The chart goes once it was pushed or can not be any more. Raises LostRace when the status is not ``old``'s.
        """
        async with self._database.write() as connection:
            number = await connection.scalar(
                update(deployments)
                .where(deployments.c.number == old.number, deployments.c.status == old.status.value)
                .values(moving_columns(new) | {"last_event": deployments.c.last_event + 1})
                .returning(deployments.c.last_event)
            )
            if number is None:
                raise LostRace(f"deployment {old.id} is no longer {old.status}; somebody else carries it on")
            await connection.execute(insert(events).values(event_columns(old.number, number, news)))
            if old.status in BEFORE_PUSH and new.status not in BEFORE_PUSH:
                await connection.execute(delete(charts).where(charts.c.deployment == old.number))
            return Event(number, news)

    @uninterrupted
    async def get(self, deployment_id: str) -> Snapshot:
        """The deployment and the number of its last event. Raises DeploymentNotFound."""
        async with self._database.read() as connection:
            rows = await connection.execute(select(deployments).where(deployments.c.id == deployment_id))
            row = rows.mappings().one_or_none()
        if row is None:
            raise DeploymentNotFound("there is no deployment of this id")
        return Snapshot(deployment_from_row(row), row["last_event"])

    @uninterrupted
    async def events(self, number: int, after: int = 0) -> Sequence[Event]:
        """The events of deployment ``number`` behind event ``after``, in order."""
        query = select(events).where(events.c.deployment == number, events.c.number > after).order_by(events.c.number)
        async with self._database.read() as connection:
            rows = await connection.execute(query)
            return [event_from_row(row) for row in rows.mappings()]

    @uninterrupted
    async def chart(self, number: int) -> bytes:
        """The stored .tgz. Raises NotFound once it is gone."""
        async with self._database.read() as connection:
            archive = await connection.scalar(select(charts.c.archive).where(charts.c.deployment == number))
        if archive is None:
            raise NotFound("the chart of this deployment is no longer stored")
        return bytes(archive)

    @uninterrupted
    async def unfinished(self, after: int = 0) -> Sequence[Deployment]:
        """Those that have not ended, accepted behind number ``after``, in order of acceptance."""
        query = (
            select(deployments)
            .where(deployments.c.status.in_(_UNFINISHED), deployments.c.number > after)
            .order_by(deployments.c.number)
        )
        async with self._database.read() as connection:
            rows = await connection.execute(query)
            return [deployment_from_row(row) for row in rows.mappings()]

    @uninterrupted
    async def newest_pushed(self, deployment: Deployment) -> Deployment | None:
        """The newest deployment of the same environment that reached the repository, behind ``deployment`` itself."""
        query = _of_environment(deployment).where(
            deployments.c.number > deployment.number, deployments.c.commit.is_not(None)
        )
        async with self._database.read() as connection:
            rows = await connection.execute(query.order_by(deployments.c.number.desc()).limit(1))
            row = rows.mappings().one_or_none()
        return None if row is None else deployment_from_row(row)

    @uninterrupted
    async def means_other_content(self, deployment: Deployment, chart_version: str) -> bool:
        """Whether ``chart_version`` was stamped into other content in this environment before."""
        return bool(await self._contents(deployment, chart_version) - {deployment.chart_digest})

    @uninterrupted
    async def means_this_content(self, deployment: Deployment, chart_version: str) -> bool:
        """Whether ``chart_version`` was stamped into the content of ``deployment`` in this environment before."""
        return deployment.chart_digest in await self._contents(deployment, chart_version)

    async def _contents(self, deployment: Deployment, chart_version: str) -> set[str]:
        """The digests of what ``chart_version`` was stamped into in the environment of ``deployment``."""
        query = (
            select(deployments.c.chart_digest)
            .distinct()
            .where(
                deployments.c.app == deployment.app,
                deployments.c.environment == deployment.environment,
                deployments.c.chart_version == chart_version,
            )
        )
        async with self._database.read() as connection:
            return set(await connection.scalars(query))

    @uninterrupted
    async def ping(self) -> None:
        """Ask the database for a sign of life. Raises StoreUnavailable."""
        async with self._database.read() as connection:
            await connection.execute(select(1))


async def _insert(connection: AsyncConnection, deployment: Deployment, archive: bytes, news: News) -> Deployment:
    columns = accepted_columns(deployment) | moving_columns(deployment) | {"last_event": 1}
    rows = await connection.execute(insert(deployments).values(columns).returning(deployments.c.number))
    stored = replace(deployment, number=rows.scalar_one())
    await connection.execute(insert(charts).values(deployment=stored.number, archive=archive))
    await connection.execute(insert(events).values(event_columns(stored.number, 1, news)))
    return stored


async def _of_key(connection: AsyncConnection, key: IdempotencyKey, known: KnownKey) -> Deployment:
    if known.fingerprint != key.fingerprint:
        raise KeyReused("this Idempotency-Key came before with other content; use a new key for each upload")
    rows = await connection.execute(select(deployments).where(deployments.c.number == known.deployment))
    return deployment_from_row(rows.mappings().one())


def _of_environment(deployment: Deployment) -> Select[tuple[object, ...]]:
    return select(deployments).where(
        deployments.c.app == deployment.app, deployments.c.environment == deployment.environment
    )


async def _same_upload(connection: AsyncConnection, deployment: Deployment) -> Deployment | None:
    """The unfinished deployment of the same job with the same content, if there is one."""
    query = _of_environment(deployment).where(
        deployments.c.version == deployment.version,
        deployments.c.chart_digest == deployment.chart_digest,
        deployments.c.status.in_(_UNFINISHED),
    )
    rows = await connection.execute(query.order_by(deployments.c.number.desc()))
    for row in rows.mappings():
        known = deployment_from_row(row)
        if _job(known) == _job(deployment):
            return known
    return None


def _job(deployment: Deployment) -> tuple[str, str, str]:
    identity = deployment.identity
    return identity.forge, identity.project, identity.job_id
