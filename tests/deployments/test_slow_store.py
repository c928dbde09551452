"""A store that is slower than the cluster: words are lost, time and ends are not."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from dataclasses import replace
from pathlib import Path

from dag_gateway.clusters.follower import Contains
from dag_gateway.deployments.journal import Journal
from dag_gateway.deployments.monitor import monitor
from dag_gateway.model.deployment import Deployment, Status
from dag_gateway.model.event import Event, News
from dag_gateway.model.health import Health, healthy, progressing
from dag_gateway.model.target import Goal, Target
from dag_gateway.store import DeploymentStore
from tests.fakes.followed_deployments import CLOCK, SlowCluster, monitored, opened


class TalkativeCluster(SlowCluster):
    """Says a hundred things in a row, then waits until it is ``done``."""

    async def follow(self, target: Target, goal: Goal, contains: Contains) -> AsyncGenerator[Health, None]:
        for number in range(100):
            yield progressing(f"{number} of 99")
        await self.done.wait()
        yield healthy("up")


class SlowStore(DeploymentStore):
    """Takes a while for each record, and ends the rollout when the last word is in."""

    done: asyncio.Event

    async def record(self, old: Deployment, new: Deployment, news: Sequence[News], lease: int) -> Sequence[Event]:
        for _ in range(50):
            await asyncio.sleep(0)
        if new.targets[0].message == "99 of 99":
            self.done.set()
        return await super().record(old, new, news, lease)


async def test_what_nobody_could_write_down_in_time_is_left_out_and_the_end_is_not(tmp_path: Path) -> None:
    async with opened(tmp_path) as (tools, _, store):
        clusters, slow = TalkativeCluster({}), SlowStore(store._database)
        slow.done = clusters.done
        deployment = await monitored(store, "talkative")
        tools = replace(tools, clusters=clusters, store=slow)
        ended = await monitor(Journal(deployment, slow, tools.signals, tools.feed, CLOCK), tools)
        events = await store.events(deployment.number)

    told = [event.news.data.get("target", {}).get("message", "") for event in events]
    words = [message for message in told if "of 99" in message]
    assert ended.status is Status.DEPLOYED
    assert words[-1] == "99 of 99"
    assert len(words) < 50
