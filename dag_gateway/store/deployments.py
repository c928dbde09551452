"""The deployments and their event log: accept, record, read."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Select, select

from dag_gateway.errors import NotFound
from dag_gateway.model.audit import AuditEntry
from dag_gateway.model.deployment import Deployment
from dag_gateway.model.event import Event, News

from .accepting import UNFINISHED, Counter
from .database import Database
from .idempotency import IdempotencyKey
from .identities import ShownToken
from .recording import Move, Recorder
from .records import deployment_from_row, event_from_row
from .schema import charts, deployments, events
from .uninterrupted import uninterrupted
from .uploads import Offer

# Enough for a connection that was lost a while ago, not for a database that is away.
_PING_PATIENCE = 0.5


class DeploymentNotFound(NotFound):
    """There is no deployment of that id."""

    code = "deployment_not_found"


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A deployment as it stood right after its event ``last_event``."""

    deployment: Deployment
    last_event: int


class DeploymentStore:
    """What the gateway knows, durable when a method returns."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._counter = Counter(database)
        self._recorder = Recorder(database)

    async def accept(
        self,
        deployment: Deployment,
        archive: bytes,
        news: News,
        key: IdempotencyKey | None = None,
        entry: AuditEntry | None = None,
        shown: ShownToken | None = None,
    ) -> Deployment:
        """Store a new deployment with its chart, first event and row of the audit log, in one transaction.

        Returns the stored one, with its ``number``; or the one accepted before, when ``key``, the token ``shown`` or
        the same job with the same content for the same environment and version is still known. Raises KeyReused or
        TokenReplayed.
        """
        return await self._counter.accept(Offer(deployment, archive, news, key, entry, shown))

    async def record(self, old: Deployment, new: Deployment, news: Sequence[News], lease: int) -> Sequence[Event]:
        """Write the move from ``old`` to ``new`` and tell it, in one transaction: compare-and-swap on status and lease.

        ``news`` are at least one; the answer has an event for each.

        The chart goes once it was pushed or can not be any more. Raises LostRace when the status is not ``old``'s, or
        when the deployment was claimed by somebody else, which ``lease``, the number of one's own claim, shows.
        """
        return await self._recorder.record(Move(old, new, news, lease))

    @uninterrupted
    async def get(self, deployment_id: str) -> Snapshot:
        """The deployment and the number of its last event. Raises DeploymentNotFound."""
        rows = await self._database.fetch(select(deployments).where(deployments.c.id == deployment_id))
        if not rows:
            raise DeploymentNotFound("there is no deployment of this id")
        return Snapshot(deployment_from_row(rows[0]), rows[0]["last_event"])

    @uninterrupted
    async def events(self, number: int, after: int = 0) -> Sequence[Event]:
        """The events of deployment ``number`` behind event ``after``, in order."""
        query = select(events).where(events.c.deployment == number, events.c.number > after).order_by(events.c.number)
        return [event_from_row(row) for row in await self._database.fetch(query)]

    @uninterrupted
    async def chart(self, number: int) -> bytes:
        """The stored .tgz. Raises NotFound once it is gone."""
        rows = await self._database.fetch(select(charts.c.archive).where(charts.c.deployment == number))
        if not rows:
            raise NotFound("the chart of this deployment is no longer stored")
        return bytes(rows[0]["archive"])

    @uninterrupted
    async def unfinished(self, after: int = 0) -> Sequence[Deployment]:
        """Those that have not ended, accepted behind number ``after``, in order of acceptance."""
        query = (
            select(deployments)
            .where(deployments.c.status.in_(UNFINISHED), deployments.c.number > after)
            .order_by(deployments.c.number)
        )
        return [deployment_from_row(row) for row in await self._database.fetch(query)]

    @uninterrupted
    async def newest_pushed(self, deployment: Deployment) -> Deployment | None:
        """The newest deployment of the same environment that reached the repository, behind ``deployment`` itself."""
        query = _of_environment(deployment).where(
            deployments.c.number > deployment.number, deployments.c.commit.is_not(None)
        )
        rows = await self._database.fetch(query.order_by(deployments.c.number.desc()).limit(1))
        return deployment_from_row(rows[0]) if rows else None

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
        return {row["chart_digest"] for row in await self._database.fetch(query)}

    @uninterrupted
    async def ping(self) -> None:
        """Whether it can be read, asked now without much patience, and could be written the last time.

        Raises StoreUnavailable.
        """
        await self._database.fetch(select(1), patience=_PING_PATIENCE)
        self._database.check_writable()


def _of_environment(deployment: Deployment) -> Select[tuple[object, ...]]:
    return select(deployments).where(
        deployments.c.app == deployment.app, deployments.c.environment == deployment.environment
    )
