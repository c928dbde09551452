"""Forgetting what is old, once at the start and every hour."""

import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from dag_gateway.clock import Clock
from dag_gateway.config import RetentionSettings
from dag_gateway.errors import Temporary
from dag_gateway.store import Retention

log = structlog.get_logger(__name__)

_EVERY = 3600.0
# Replicas that start together do not all do it at the same moment.
_JITTER = 300.0
# Between two batches, so that whoever else wants to write comes between.
_BREATH = 0.05


@dataclass(frozen=True, slots=True)
class Forgetting:
    """``run`` lives as long as the process."""

    retention: Retention
    settings: RetentionSettings
    clock: Clock

    async def run(self) -> None:
        """Whatever happens, there is a next time."""
        while True:
            try:
                await self.forget()
            except Exception as error:
                unexpected = None if isinstance(error, Temporary) else error
                log.warning("old deployments are forgotten later", why=str(error), exc_info=unexpected)
            await self.clock.sleep(_EVERY + random.uniform(0, _JITTER))  # noqa: S311  spreads load, guards nothing

    async def forget(self) -> None:
        """Everything that is too old now."""
        now = self.clock.now()
        gone = await self._all(self.retention.prune_charts)
        if gone:
            log.warning("removed charts that their deployments had left behind", count=gone)
        await self._all(lambda: self.retention.prune_tokens(now))
        await self._all(lambda: self.retention.prune_audit(now - timedelta(seconds=self.settings.audit)))
        before = now - timedelta(seconds=self.settings.deployments)
        gone = await self._all(lambda: self.retention.prune_deployments(before))
        if gone:
            log.info("forgot old deployments", count=gone)
        await self._forget_events(now - timedelta(seconds=self.settings.events))

    async def _forget_events(self, before: datetime) -> None:
        after: int | None = 0
        while after is not None:
            after = await self.retention.prune_events(before, after)
            await self.clock.sleep(_BREATH)

    async def _all(self, prune: Callable[[], Awaitable[int]]) -> int:
        gone = 0
        while batch := await prune():
            gone += batch
            await self.clock.sleep(_BREATH)
        return gone
