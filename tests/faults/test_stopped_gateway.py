"""A gateway that was stopped, lost its lease to the other one meanwhile, and wakes up in the middle of its work."""

import asyncio
import signal
from pathlib import Path

import pytest

from tests.fakes.fault_abilities import GIVEN_UP
from tests.fakes.fault_database import rows
from tests.fakes.fault_ledger import check_story
from tests.fakes.fault_scene import scene
from tests.fakes.needs import needs
from tests.fakes.postgres import INITDB, PostgresServer
from tests.fakes.world import a_chart

PLACES = (
    "validating: store.record(pushing) asked",
    "pushing: iac.publish asked",
    "pushing: store.record(pushed) asked",
    "monitoring: store.record(target deployed) asked",
    "monitoring: store.record(deployed) asked",
)
TELLING = "store.record(target monitoring)"
NEWEST = "SELECT id FROM deployments ORDER BY number DESC LIMIT 1"


@needs(INITDB)
async def test_a_gateway_that_lost_its_lease_writes_nothing_when_it_wakes_up(
    tmp_path: Path, postgres: PostgresServer, subtests: pytest.Subtests
) -> None:
    async with scene(tmp_path, await postgres.new_database(), gateways=2) as two:
        for number, place in enumerate(PLACES):
            with subtests.test(place):
                await two.arm(place, signal.SIGSTOP)
                job, chart = two.around.job(), a_chart(f"1.27.{number}", replicas=1)
                uploading = asyncio.create_task(two.client.upload(job, chart, f"1.0.{number}"))
                stopped, other = await two.struck()
                ((deployment_id,),) = await rows(two.ledger.database, NEWEST)
                await two.outlive(stopped)
                story = await two.client.only(other.url).follow(deployment_id)
                stopped.signal(signal.SIGCONT)
                await stopped.comes_to(GIVEN_UP)
                assert await uploading == deployment_id
                check_story(story, await two.client.record(deployment_id), "deployed")
                two.ledger.enter(story)
                await two.ledger.check()


@needs(INITDB)
async def test_it_does_not_tell_of_a_rollout_that_the_other_follows_by_now(
    tmp_path: Path, postgres: PostgresServer
) -> None:
    async with scene(tmp_path, await postgres.new_database(), gateways=2) as two:
        await two.arm(f"monitoring: {TELLING} asked", signal.SIGSTOP)
        job, chart = two.around.job(), a_chart("never-ready", replicas=1)
        uploading = asyncio.create_task(two.client.upload(job, chart, "1.0.0"))
        stopped, other = await two.struck()
        await two.outlive(stopped)
        await other.comes_to(f"{TELLING} answered")
        stopped.signal(signal.SIGCONT)
        await stopped.comes_to(f"{TELLING}{GIVEN_UP}")
        assert not any(point.endswith(f"{TELLING} answered") for point in stopped.points)
        following = asyncio.create_task(two.client.follow(await uploading))
        newer = await two.client.deploy(two.around.job(), a_chart("1.27.1", replicas=1), "1.0.1")
        older = await following
        for story, end in ((older, ("failed", "superseded")), (newer, ("deployed", None))):
            check_story(story, await two.client.record(story.deployment_id), *end)
            two.ledger.enter(story)
        await two.ledger.check()
