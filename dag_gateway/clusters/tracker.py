"""Clusters: the connections of the process, and what is asked of them: what runs, and how a rollout goes."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import AsyncExitStack, aclosing
from types import TracebackType
from typing import Self

from dag_gateway.clock import Clock
from dag_gateway.config import ClusterSettings
from dag_gateway.model.health import Health, failed
from dag_gateway.model.reason import Reason, StepFailed
from dag_gateway.model.target import Baseline, Goal, Target, Tracker

from .api import Api
from .connection import connect
from .errors import ClusterMisconfigured
from .flux_rollout import FluxRollout
from .follower import Contains, Follower
from .helm_rollout import HelmRollout
from .live import Snapshot
from .objects import Object
from .resources import Selection
from .rollout import Rollout
from .watch import watching

TRACKERS: Mapping[Tracker, Callable[[Target], Rollout]] = {Tracker.FLUX: FluxRollout, Tracker.HELM: HelmRollout}


class Clusters:
    """All clusters of the configuration; one per process. Connections open at first use and close with it."""

    def __init__(self, settings: Mapping[str, ClusterSettings], clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._apis: dict[str, Api] = {}
        self._opening = {cluster: asyncio.Lock() for cluster in settings}
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.aclose()

    async def baseline(self, target: Target, path: str) -> Baseline:
        """What runs at ``target`` now; empty where there is no release yet. ``path`` is where the chart will be pushed.

        Asks once. Raises ClusterUnreachable when the cluster does not answer, and StepFailed when this target can
        never be followed as things are: suspended, fed from elsewhere, of a kind that is not supported, not permitted,
        not installed.
        """
        api, rollout = await self._api(target.cluster), _rollout(target)
        seen = await _read(api, rollout)
        obstacle = rollout.obstacle(seen, path)
        if obstacle is not None:
            raise StepFailed(obstacle.reason or Reason.CONFIG_ERROR, obstacle.message)
        for selection in rollout.running(seen):
            await api.check_access(selection)
        return rollout.baseline(seen)

    async def follow(self, target: Target, goal: Goal, contains: Contains) -> AsyncGenerator[Health, None]:
        """Health at every change, until the first HEALTHY or FAILED.

        ``contains`` says whether a commit is ``goal.commit`` or a descendant of it with the same content at
        ``goal.path``; a StepFailed of it ends the rollout. A cluster that does not answer is
        UNKNOWN, and followed again when it does. The deadline is the caller's. Who stops early closes the generator
        (``contextlib.aclosing``): that closes the watches.
        """
        try:
            api, rollout = await self._api(target.cluster), _rollout(target)
        except StepFailed as error:
            yield failed(error.reason, error.message)
            return
        watch = watching(api, self._clock)
        follower = Follower(api, watch, self._clock, rollout, goal, contains, nudge=target.nudge)
        async with aclosing(follower.healths()) as healths:
            async for health in healths:
                yield health

    async def _api(self, cluster: str) -> Api:
        """The one connection to a cluster. Raises ClusterMisconfigured when the config no longer has it."""
        if cluster not in self._settings:
            raise ClusterMisconfigured(f"the config has no cluster {cluster!r}: add it to clusters")
        async with self._opening[cluster]:
            if cluster in self._apis:
                return self._apis[cluster]
            settings = self._settings[cluster]
            api = Api(cluster, await connect(cluster, settings), settings.timeout)
            self._stack.push_async_callback(api.close)
            self._apis[cluster] = api
            return api


def _rollout(target: Target) -> Rollout:
    if target.tracker not in TRACKERS:
        raise StepFailed(
            Reason.CONFIG_ERROR,
            f"target {target.id}: the tracker {target.tracker} is not supported; use {' or '.join(sorted(TRACKERS))}",
        )
    return TRACKERS[target.tracker](target)


async def _read(api: Api, rollout: Rollout) -> Snapshot:
    """Everything that proves the release, read in the order in which it becomes known."""
    seen: dict[Selection, tuple[Object, ...]] = {}
    while missing := [selection for selection in rollout.proof(seen) if selection not in seen]:
        for selection in missing:
            seen[selection] = (await api.list_objects(selection)).items
    return seen
