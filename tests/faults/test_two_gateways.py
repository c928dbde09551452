"""Two gateways on one PostgreSQL, in the middle of many deployments: one is killed, then the database."""

import asyncio
import os
from collections.abc import Awaitable, Callable
from pathlib import Path

from tests.fakes.fault_crowd import STAGES, Crowd
from tests.fakes.fault_scene import Scene, scene
from tests.fakes.needs import needs
from tests.fakes.postgres import INITDB, PostgresServer

DEPLOYMENTS = int(os.environ.get("DAG_FAULTS", "40"))


class Moments:
    """Does something once so many deployments have ended."""

    def __init__(self, plan: dict[int, Callable[[], Awaitable[object]]]) -> None:
        self._plan = plan
        self._tasks: list[asyncio.Future[object]] = []

    def told(self, ended: int) -> None:
        if work := self._plan.pop(ended, None):
            self._tasks.append(asyncio.ensure_future(work()))

    async def all_came(self) -> None:
        assert not self._plan, f"these moments never came: {list(self._plan)}"
        await asyncio.gather(*self._tasks)


async def kill_one(two: Scene) -> None:
    life = next(iter(two.running.values()))
    life.kill()
    await life.gone()
    await two.bury()


@needs(INITDB)
async def test_nothing_is_lost_or_doubled_when_a_gateway_and_the_database_are_killed(
    tmp_path: Path, postgres: PostgresServer
) -> None:
    async def kill_the_database() -> None:
        await asyncio.to_thread(postgres.kill)
        await asyncio.to_thread(postgres.start)

    async with scene(tmp_path, await postgres.new_database(), gateways=2, stages=STAGES) as two:
        moments = Moments({DEPLOYMENTS // 3: lambda: kill_one(two), DEPLOYMENTS * 2 // 3: kill_the_database})
        crowd = Crowd(two, DEPLOYMENTS, moments.told)
        await crowd.run()
        await moments.all_came()
        assert len(two.dead) == 1
        assert len(crowd.stories) == DEPLOYMENTS
        await two.ledger.check()
