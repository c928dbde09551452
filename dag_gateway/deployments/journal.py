"""The one writer of a deployment under way: the record in memory is always the one in the store."""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime

from dag_gateway.clock import Clock
from dag_gateway.model.deployment import BEFORE_PUSH, Deployment
from dag_gateway.model.event import News, status_news, target_news
from dag_gateway.model.health import Health
from dag_gateway.store import ACCEPTED, DeploymentStore, LostRace, environment_key

from .feed import Feed
from .signals import Signals


class Journal:
    """Records moves, and tells them to whoever listens or waits. ``resumed`` tells a restart from a first run.

    ``lease`` is the number of the claim under which all this is written, and ``held`` whether it surely lasts.
    """

    def __init__(
        self,
        deployment: Deployment,
        store: DeploymentStore,
        signals: Signals,
        feed: Feed,
        clock: Clock,
        *,
        resumed: bool = False,
        lease: int = 0,
        held: Callable[[], bool] = lambda: True,
    ) -> None:
        self.deployment = deployment
        self.resumed = resumed
        self._lease = lease
        self._held = held
        self._taken_up = clock.monotonic()
        self._store = store
        self._signals = signals
        self._feed = feed
        self._clock = clock

    def check_lease(self) -> None:
        """Raises LostRace when somebody else may carry the deployment on by now. Safe to call in any thread."""
        if not self._held():
            raise LostRace(f"the lease of deployment {self.deployment.id} was not renewed in time")

    def seconds_left(self, deadline: datetime) -> float:
        """Until ``deadline``, which was fixed at acceptance.

        A wall clock that is set back gives nobody more than the whole time from when it was taken up here.
        """
        budget = (deadline - self.deployment.accepted_at).total_seconds()
        by_the_wall = (deadline - self._clock.now()).total_seconds()
        return min(by_the_wall, self._taken_up + budget - self._clock.monotonic())

    async def reload(self) -> None:
        """Take over what the store has: after a write that failed only the store can tell where things stand."""
        self.deployment = (await self._store.get(self.deployment.id)).deployment
        self.resumed = True

    async def move(self, moved: Deployment) -> None:
        """Record a new status, and what it means for the targets. Raises LostRace."""
        before, now = self.deployment.status, self._clock.now()
        try:
            await self._record(moved, [*_of_targets(self.deployment, moved, now), status_news(moved, now)])
        finally:
            # Also when the answer was lost: it may have been written, and nobody else here would hear of it.
            self._signals.wake(environment_key(moved.app, moved.environment))
            if before in BEFORE_PUSH and moved.status not in BEFORE_PUSH:
                self._signals.wake(ACCEPTED)

    async def observe(self, target_id: str, health: Health) -> None:
        """Record what was seen at a target, if it changes anything. Raises LostRace."""
        changed = self.deployment.with_target(target_id, health)
        if changed != self.deployment:
            await self._record(changed, [target_news(changed.target(target_id), self._clock.now())])

    async def _record(self, changed: Deployment, news: Sequence[News]) -> None:
        self.check_lease()
        try:
            events = await self._store.record(self.deployment, changed, news, self._lease)
        except BaseException:
            # It may have been written all the same, so whoever listens looks for itself.
            self._signals.wake(changed.id)
            raise
        self.deployment = changed
        self._feed.hear(changed, events)


def _of_targets(before: Deployment, moved: Deployment, now: datetime) -> Iterator[News]:
    """What changed at targets, as far as it is shown."""
    for old, new in zip(before.targets, moved.targets, strict=True):
        if new.public_json() != old.public_json():
            yield target_news(new, now)
