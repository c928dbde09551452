"""`deployed` says that all targets are live at the same time: what was proven earlier is looked at again."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

from dag_gateway.clusters import Clusters
from dag_gateway.clusters.follower import Contains
from dag_gateway.deployments.journal import Journal
from dag_gateway.deployments.monitor import monitor
from dag_gateway.deployments.tools import Tools
from dag_gateway.model.deployment import Deployment, Status
from dag_gateway.model.health import Health, failed, healthy, progressing
from dag_gateway.model.reason import Reason
from dag_gateway.model.target import Goal, Target, TargetStatus
from dag_gateway.store import DeploymentStore
from tests.fakes.deployments import OTHER_TARGET, TARGET
from tests.fakes.followed_deployments import CLOCK, monitored, opened

UP = healthy("up")
CRASHED = failed(Reason.CRASH_LOOP, "web crashed")


class ChangingCluster(Clusters):
    """Tells of each release, look by look, what it is to tell; the last look has no end before ``done``."""

    def __init__(self, looks: Mapping[str, Sequence[Health]]) -> None:
        super().__init__({}, CLOCK)
        self._looks = {release: list(told) for release, told in looks.items()}
        self.looked: list[str] = []
        self.looking = asyncio.Event()
        self.done = asyncio.Event()

    async def follow(self, target: Target, goal: Goal, contains: Contains) -> AsyncGenerator[Health, None]:
        self.looked.append(target.release)
        yield progressing("looking")
        health = self._looks[target.release].pop(0)
        if not any(self._looks.values()):
            self.looking.set()
            await self.done.wait()
        yield health


@asynccontextmanager
async def changing(
    folder: Path, looks: Mapping[str, Sequence[Health]]
) -> AsyncIterator[tuple[Tools, ChangingCluster, DeploymentStore]]:
    async with opened(folder) as (tools, _, store):
        store.away = False
        clusters = ChangingCluster(looks)
        yield replace(tools, clusters=clusters), clusters, store


def journal_of(deployment: Deployment, tools: Tools, *, resumed: bool = False) -> Journal:
    return Journal(deployment, tools.store, tools.signals, tools.feed, CLOCK, resumed=resumed)


async def test_what_was_proven_first_is_looked_at_again_before_the_end(tmp_path: Path) -> None:
    async with changing(tmp_path, {"web": [UP, UP], "web-2": [UP]}) as (tools, clusters, store):
        clusters.done.set()
        both = await monitored(store, "both", others=(OTHER_TARGET,))
        ended = await monitor(journal_of(both, tools), tools)

    assert (ended.status, ended.message) == (
        Status.DEPLOYED,
        "1.0.0 is live and healthy at prod/shop/web, prod/shop/web-2",
    )
    assert len(clusters.looked) == 3


async def test_what_broke_while_another_target_was_awaited_is_not_deployed(tmp_path: Path) -> None:
    looks = {"web": [UP, CRASHED], "web-2": [UP, CRASHED]}
    async with changing(tmp_path, looks) as (tools, clusters, store):
        clusters.done.set()
        both = await monitored(store, "both", others=(OTHER_TARGET,))
        ended = await monitor(journal_of(both, tools), tools)

    again = clusters.looked[2]
    assert (ended.status, ended.reason) == (Status.FAILED, Reason.CRASH_LOOP)
    assert ended.message == f"prod/shop/{again} was live and healthy, and then: web crashed"
    assert [state.status for state in ended.targets] == [TargetStatus.DEPLOYED] * 2


async def test_a_single_target_is_not_proven_twice(tmp_path: Path) -> None:
    async with changing(tmp_path, {"web": [UP, CRASHED]}) as (tools, clusters, store):
        alone = await monitored(store, "alone")
        ended = await monitor(journal_of(alone, tools), tools)

    assert (ended.status, clusters.looked) == (Status.DEPLOYED, ["web"])


async def test_after_an_outage_between_the_proof_and_the_end_the_target_is_looked_at_again(tmp_path: Path) -> None:
    async with changing(tmp_path, {"web": [CRASHED]}) as (tools, clusters, store):
        clusters.done.set()
        proven = (await monitored(store, "proven")).with_target(TARGET.id, UP)
        ended = await monitor(journal_of(proven, tools, resumed=True), tools)

    assert (ended.status, ended.reason) == (Status.FAILED, Reason.CRASH_LOOP)


async def test_a_newer_deployment_ends_the_second_look(tmp_path: Path) -> None:
    async with changing(tmp_path, {"web": [UP]}) as (tools, clusters, store):
        proven = (await monitored(store, "proven")).with_target(TARGET.id, UP)
        waiting = asyncio.create_task(monitor(journal_of(proven, tools, resumed=True), tools))
        await clusters.looking.wait()
        newer = await monitored(store, "newer", "bb" * 32, "1.0.0+bbbbbbbb", "c2")
        tools.signals.wake_all()
        ended = await waiting

    assert (ended.status, ended.reason) == (Status.FAILED, Reason.SUPERSEDED)
    assert ended.message.endswith(f"superseded by 1.2.3 (deployment {newer.id}) before it was proven")
