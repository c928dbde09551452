"""The one writer of a deployment under way: the record in memory is always the one in the store."""

from dag_gateway.clock import Clock
from dag_gateway.model.deployment import Deployment
from dag_gateway.model.event import News, status_news, target_news
from dag_gateway.model.health import Health
from dag_gateway.store import DeploymentStore

from .signals import Signals


def environment_key(deployment: Deployment) -> tuple[str, str]:
    """The signal of everything that moves in an environment."""
    return deployment.app, deployment.environment


class Journal:
    """Records moves and wakes whoever waits for them. ``resumed`` tells a restart from a first run."""

    def __init__(
        self, deployment: Deployment, store: DeploymentStore, signals: Signals, clock: Clock, *, resumed: bool = False
    ) -> None:
        self.deployment = deployment
        self.resumed = resumed
        self._store = store
        self._signals = signals
        self._clock = clock

    async def reload(self) -> None:
        """Take over what the store has: after a write that failed only the store can tell where things stand."""
        self.deployment = (await self._store.get(self.deployment.id)).deployment
        self.resumed = True

    async def move(self, moved: Deployment) -> None:
        """Record a new status. Raises LostRace."""
        await self._record(moved, status_news(moved, self._clock.now()))
        self._signals.wake(environment_key(moved))

    async def observe(self, target_id: str, health: Health) -> None:
        """Record what was seen at a target, if it changes anything. Raises LostRace."""
        changed = self.deployment.with_target(target_id, health)
        if changed != self.deployment:
            await self._record(changed, target_news(changed.target(target_id), self._clock.now()))

    async def _record(self, changed: Deployment, news: News) -> None:
        await self._store.record(self.deployment, changed, news)
        self.deployment = changed
        self._signals.wake(changed.id)
