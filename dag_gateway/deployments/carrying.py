"""One claimed deployment on its way to its end, however often it takes."""

import asyncio
from collections.abc import Callable

import structlog

from dag_gateway.model.deployment import Status
from dag_gateway.store import Claim, DeploymentNotFound, LostRace

from .journal import Journal
from .pauses import Pauses
from .pipeline import advance
from .tools import Tools

log = structlog.get_logger(__name__)


class Carrying:
    """``run`` ends with the deployment, or when somebody else has it. Cancelling it leaves it where it is.

    ``held`` tells whether the lease of ``claim`` surely lasts.
    """

    def __init__(self, claim: Claim, tools: Tools, held: Callable[[], bool]) -> None:
        self.claim = claim
        self._tools = tools
        self._held = held
        self._journal: Journal | None = None
        self._last_step = False

    @property
    def pushing(self) -> bool:
        """Whether it may be writing to the repository now."""
        return self._journal is not None and self._journal.deployment.status is Status.PUSHING

    @property
    def ended(self) -> bool:
        """Whether there is nothing left to do, for anybody."""
        return self._journal is not None and self._journal.deployment.status.terminal

    def end_after_this_step(self) -> None:
        """Begin no other step."""
        self._last_step = True

    async def run(self) -> None:
        """Go on until the end. Nothing but a cancellation comes out of it."""
        try:
            await self._advance(await self._open())
        except (LostRace, DeploymentNotFound) as error:
            log.warning("left to whoever claims it", deployment=self.claim.id, why=error.message)
        except asyncio.CancelledError:
            log.info("left to whoever claims it", deployment=self.claim.id)
            raise

    async def _open(self) -> Journal:
        tools, claim = self._tools, self.claim
        pauses, deployment = Pauses(tools.clock), claim.deployment
        while deployment is None:
            try:
                deployment = (await tools.store.get(claim.id)).deployment
            except DeploymentNotFound:
                raise
            except Exception as error:
                await pauses.after(error, deployment=claim.id)
        self._journal = Journal(
            deployment,
            tools.store,
            tools.signals,
            tools.feed,
            tools.clock,
            resumed=deployment.status is not Status.PENDING,
            lease=claim.lease,
            held=self._held,
        )
        return self._journal

    async def _advance(self, journal: Journal) -> None:
        """Raises LostRace or DeploymentNotFound."""
        pauses, in_doubt = Pauses(self._tools.clock), False
        while not (journal.deployment.status.terminal or self._last_step):
            try:
                if in_doubt:
                    await journal.reload()
                    in_doubt = False
                else:
                    await advance(journal, self._tools)
            except (LostRace, DeploymentNotFound):
                raise
            except Exception as error:
                in_doubt = True
                await pauses.after(error, deployment=journal.deployment.id)
