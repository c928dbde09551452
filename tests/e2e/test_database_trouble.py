"""The database goes away: clients are asked to come back, nothing is lost, and it goes on by itself, in order."""

import asyncio
from collections.abc import AsyncIterator, MutableMapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest
from structlog.testing import capture_logs

from dag_gateway.model.event import status_news
from tests.fakes.database_trouble import execute, moves_refused, table_away
from tests.fakes.deployments import NOON, a_deployment
from tests.fakes.git_cli import git
from tests.fakes.stores import a_store
from tests.fakes.world import Surroundings, World, a_chart, gateway

_PATIENCE = 60.0
"""Seconds; only a test that fails waits for so long."""


@asynccontextmanager
async def started(around: Surroundings) -> AsyncIterator[World]:
    """A gateway that has its tables: it listens before it has."""
    async with gateway(around) as running:
        await running.http.get("/readyz")
        yield running


def pushed(around: Surroundings) -> list[str]:
    """The deployment ids in the history, oldest first."""
    shown = git(around.repository, "log", "--reverse", "--format=%(trailers:key=Deployment-Id,valueonly)", "main")
    return shown.split()


async def ended(running: World, deployment_id: str) -> tuple[str, str]:
    async with asyncio.timeout(_PATIENCE):
        record = await running.ended(deployment_id)
    return record["status"], record["message"]


async def logged(logs: Sequence[MutableMapping[str, Any]], event: str) -> None:
    """Wait until the gateway of this process has logged it."""
    async with asyncio.timeout(_PATIENCE):
        while not any(line["event"] == event for line in logs):  # noqa: ASYNC110  the log has no event to wait for
            await asyncio.sleep(0.001)


async def looked_again(around: Surroundings, times: int) -> None:
    """Wait until the cluster was asked that often from now on."""
    enough = len(around.cluster.request_log) + times
    async with asyncio.timeout(_PATIENCE):
        while len(around.cluster.request_log) < enough:  # noqa: ASYNC110  the request log has no event to wait for
            await asyncio.sleep(0.001)


async def test_the_door_asks_to_come_back_and_opens_again(around: Surroundings) -> None:
    async with started(around) as running:
        job = around.job()
        async with table_away(around.folder, "charts"):
            answer = await running.upload(a_chart(), job=job)
        assert (answer.status_code, answer.json()["code"]) == (503, "database_unavailable")
        assert int(answer.headers["retry-after"]) >= 1
        accepted = (await running.upload(a_chart(), job=job)).json()["deploymentId"]
        async with table_away(around.folder, "deployments"):
            for path in (f"/api/deployments/{accepted}", f"/api/deployments/{accepted}/events"):
                answer = await running.http.get(path)
                assert (answer.status_code, answer.json()["code"]) == (503, "database_unavailable")
            assert (await running.http.get("/livez")).status_code == 200
        assert (await ended(running, accepted))[0] == "deployed"


@pytest.mark.parametrize("status", ["validating", "pushing", "pushed", "monitoring", "deployed"])
async def test_a_move_that_can_not_be_written_is_made_up_for(around: Surroundings, status: str) -> None:
    async with started(around) as running:
        with capture_logs() as logs:
            async with moves_refused(around.folder, f"NEW.status = '{status}'"):
                accepted = (await running.upload(a_chart())).json()["deploymentId"]
                await logged(logs, "going on later")
        assert (await ended(running, accepted))[0] == "deployed"
        assert pushed(around) == [accepted]


async def test_a_later_deployment_never_overtakes_one_that_is_tried_again(around: Surroundings) -> None:
    async with started(around) as running:
        async with moves_refused(around.folder, "OLD.number = 1 AND NEW.status = 'pushing'"):
            first = (await running.upload(a_chart("1.27.1"), "1.0.1")).json()["deploymentId"]
            second = (await running.upload(a_chart("1.27.2"), "1.0.2")).json()["deploymentId"]
            await looked_again(around, 6)
            assert (await running.record(second))["status"] == "pending"
        assert (await ended(running, second))[0] == "deployed"
        await ended(running, first)
        assert pushed(around) == [first, second]


async def test_a_record_that_can_not_be_read_does_not_end_the_runner(around: Surroundings) -> None:
    async with a_store(around.folder) as store:
        old = a_deployment()
        await store.accept(old, b"no chart", status_news(old, NOON))
    await execute(around.folder, "UPDATE deployments SET targets = replace(targets, 'flux', 'unknown')")
    with capture_logs() as logs:
        async with gateway(around) as running:
            await logged(logs, "going on later")
            [why] = {line["why"] for line in logs if line["event"] == "going on later"}
            assert "'unknown' is not a valid Tracker" in why
            accepted = (await running.upload(a_chart())).json()["deploymentId"]
            await execute(around.folder, "UPDATE deployments SET targets = replace(targets, 'unknown', 'flux')")
            assert (await ended(running, accepted))[0] == "deployed"
            assert (await ended(running, old.id))[0] == "failed"
