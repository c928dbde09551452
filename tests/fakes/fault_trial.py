"""One deployment after the other, each killed at a point of its own and brought to its end by another life."""

import asyncio
from collections.abc import Iterator, Sequence

from .fault_abilities import GIVEN_UP
from .fault_ledger import check_story
from .fault_scene import Scene
from .world import a_chart

_TRIES = 3


class Trial:
    """``behaviour`` is that of the containers, as in the simulated cluster, and ``end`` where it leads: the last status
    and the reason. Every deployment has a new version and another content; ``places`` are the environments."""

    def __init__(self, scene: Scene, behaviour: str, end: tuple[str, str | None], places: Iterator[str]) -> None:
        self._scene = scene
        self._behaviour = behaviour
        self._end = end
        self._places = places

    async def points(self) -> Sequence[str]:
        """What a deployment passes that nobody kills, in gateways that have done some before: what two of them have
        passed, so that chance has little part in it."""
        seen = [await self._passed() for _ in range(3)]
        return [point for point in seen[2] if point in seen[1]]

    async def killed_at(self, point: str) -> bool:
        """Whether it was killed there, in one of a few tries; either way everything has to be as it should."""
        for _ in range(_TRIES):
            if await self._deploy(point):
                return True
        return False

    async def _passed(self) -> Sequence[str]:
        assert not await self._deploy(None)
        scene = self._scene
        inside = dict.fromkeys(point for life in scene.running.values() for point in life.points)
        return [point for point in (*inside, *scene.outside_points) if not point.endswith(GIVEN_UP)]

    async def _deploy(self, kill_at: str | None) -> bool:
        scene = self._scene
        number = len(scene.ledger.accepted)
        await scene.arm(kill_at)
        chart = a_chart(f"1.27.{number}-{self._behaviour}", replicas=1)
        upload = scene.client.deploy(scene.around.job(), chart, f"1.0.{number}", environment=next(self._places))
        telling = asyncio.create_task(upload)
        killed = await self._killed(telling)
        story = await telling
        await scene.replace_the_dead()
        scene.ledger.enter(story)
        check_story(story, await scene.client.record(story.deployment_id), *self._end)
        await scene.ledger.check()
        return killed

    async def _killed(self, telling: "asyncio.Task[object]") -> bool:
        """Wait for a death or for the end; after a death, see to it that somebody can go on."""
        scene = self._scene
        dying = [asyncio.create_task(life.gone()) for life in scene.running.values()]
        await asyncio.wait([telling, *dying], return_when=asyncio.FIRST_COMPLETED)
        scene.outside.disarm()
        killed = any(task.done() for task in dying)
        if scene.all_killed:
            await asyncio.wait(dying)
        for task in dying:
            task.cancel()
        await scene.bury()
        if len(scene.dead) == len(scene.running):
            await scene.replace_the_dead()
        return killed
