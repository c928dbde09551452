"""Many deployments at once: real rollouts, one after the other in each of a few environments, among unsound charts."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from dag_gateway.charts import pack

from .fault_client import Client, Story
from .fault_ledger import check_story
from .fault_scene import Scene
from .fault_stages import stage
from .world import a_chart, chart_files

STAGES = 6
_TALKERS = 4
"""Clients that hand over one unsound chart after the other."""


@dataclass
class Crowd:
    """``told`` is called after every deployment that has ended, with how many have."""

    scene: Scene
    count: int
    told: Callable[[int], object]
    stories: list[Story] = field(default_factory=list)

    async def run(self) -> None:
        """A third are rollouts. All end as they would have without any trouble."""
        rollouts = self.count // 3
        async with asyncio.TaskGroup() as group:
            for number in range(STAGES):
                group.create_task(self._roll_out(stage(number), range(number, rollouts, STAGES)))
            for number in range(_TALKERS):
                group.create_task(self._fail(range(rollouts + number, self.count, _TALKERS)))

    async def _roll_out(self, environment: str, numbers: range) -> None:
        client = self.scene.client.beginning_at(numbers.start)
        for number in numbers:
            chart = a_chart(f"1.27.{number}", replicas=1)
            await self._deploy(client, number, chart, environment, ("deployed", None))

    async def _fail(self, numbers: range) -> None:
        client = self.scene.client.beginning_at(numbers.start)
        for number in numbers:
            files = chart_files(templates__deployment_yaml=f'{{{{ fail "unsound {number}" }}}}')
            await self._deploy(client, number, pack("web", files), "production", ("failed", "render_failed"))

    async def _deploy(
        self, client: Client, number: int, chart: bytes, environment: str, end: tuple[str, str | None]
    ) -> None:
        job = self.scene.around.job()
        story = await client.deploy(job, chart, f"1.0.{number}", environment=environment)
        check_story(story, await client.record(story.deployment_id), *end)
        self.scene.ledger.enter(story)
        self.stories.append(story)
        self.told(len(self.stories))
