"""Clusters: the connections of the process, and what is asked of them: what runs, and how a rollout goes."""

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import AsyncExitStack, aclosing
from types import TracebackType
from typing import Self

from dag_gateway.clock import Clock
from dag_gateway.config import ClusterSettings
from dag_gateway.model.health import Health, failed
from dag_gateway.model.reason import Reason, StepFailed
from dag_gateway.model.target import Baseline, Goal, Target

from .api import Api
from .connected import Connected
from .connection import connect
from .errors import ClusterMisconfigured
from .follower import Contains, Follower
from .fresh import check_access, read_proof
from .informers import Informers
from .pods_of import kinds_needed
from .shared_lists import SharedLists
from .trackers import TRACKERS, Charts, Objects


class Clusters:
    """All clusters of the configuration; one per process. Connections open at first use and close with it."""

    def __init__(self, settings: Mapping[str, ClusterSettings], clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._clusters: dict[str, Connected] = {}
        self._opening = {cluster: asyncio.Lock() for cluster in settings}
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.aclose()

    async def baseline(self, target: Target, path: str, expected: Objects = ()) -> Baseline:
        """What runs at ``target`` now; empty where there is no release yet. ``path`` is where the chart will be pushed.

        ``expected`` is what real Helm renders from the chart, for the tracker ``workloads``.
        Asks the API itself, once; only that a kind may be read is taken from a watch of it that works.
        Raises ClusterUnreachable when the cluster does not answer, and StepFailed when this target can never be
        followed as things are: suspended, fed from elsewhere, of a kind that is not supported, not permitted, not
        installed.
        """
        cluster = await self._connected(target.cluster)
        rollout = TRACKERS[target.tracker](target, Charts(expected), cluster.settings.patience)
        seen = await read_proof(cluster.lists, rollout)
        obstacle = rollout.obstacle(seen, path)
        if obstacle is not None:
            raise StepFailed(obstacle.reason or Reason.CONFIG_ERROR, obstacle.message)
        needed = kinds_needed(rollout.running(seen))
        await check_access(cluster.api, [kind for kind in needed if not cluster.informers.follows(kind)])
        return rollout.baseline(seen)

    async def follow(self, target: Target, goal: Goal, contains: Contains) -> AsyncGenerator[Health, None]:
        """Health at every change, until the first HEALTHY or FAILED.

        ``contains`` says whether a commit is ``goal.commit`` or a descendant of it with the same content at
        ``goal.path``; a StepFailed of it ends the rollout. A cluster that does not answer is
        UNKNOWN, and followed again when it does. The deadline is the caller's. Who stops early closes the generator
        (``contextlib.aclosing``): then nobody looks any more, and idle watches end.
        """
        try:
            cluster = await self._connected(target.cluster)
        except StepFailed as error:
            yield failed(error.reason, error.message)
            return
        rollout = TRACKERS[target.tracker](target, Charts(goal.expected, goal.earlier), cluster.settings.patience)
        follower = Follower(cluster, rollout, goal, contains, nudge=target.nudge)
        async with aclosing(follower.healths()) as healths:
            async for health in healths:
                yield health

    async def _connected(self, name: str) -> Connected:
        """The one connection to a cluster. Raises ClusterMisconfigured when the config no longer has it."""
        if name not in self._settings:
            raise ClusterMisconfigured(f"the config has no cluster {name!r}: add it to clusters")
        async with self._opening[name]:
            if name not in self._clusters:
                self._clusters[name] = await self._connect(name, self._settings[name])
            return self._clusters[name]

    async def _connect(self, name: str, settings: ClusterSettings) -> Connected:
        api = Api(name, await connect(name, settings), settings.timeout)
        self._stack.push_async_callback(api.close)
        informers = Informers(api, self._clock, settings.scope)
        self._stack.push_async_callback(informers.aclose)
        lists = SharedLists(api, informers.count)
        self._stack.push_async_callback(lists.aclose)
        return Connected(api, informers, lists, self._clock, settings)
