"""Deadlines that pass while nobody looks: what was done meanwhile counts, what was not is not begun."""

import asyncio

from dag_gateway.charts import pack
from dag_gateway.iac.bare import tip
from tests.fakes.database_trouble import execute, moves_refused
from tests.fakes.git_http import REFS, Fault, serving_git
from tests.fakes.stores import a_store
from tests.fakes.world import Surroundings, chart_files, gateway

CHART = pack("web", chart_files())
_PATIENCE = 60.0
"""Seconds; only a test that fails waits for so long."""
LONG_AGO = "UPDATE deployments SET accepted_at = '2020-01-01T00:00:00.000Z'"


async def left_at(around: Surroundings, status: str) -> str:
    """The id of a deployment that a gateway could not carry on from ``status``, long ago."""
    async with a_store(around.folder):
        pass
    async with moves_refused(around.folder, f"OLD.status = '{status}' AND NEW.status <> OLD.status"):
        async with asyncio.timeout(_PATIENCE), gateway(around) as running:
            deployment_id: str = (await running.upload(CHART)).json()["deploymentId"]
            while (await running.record(deployment_id))["status"] != status:
                pass
        await execute(around.folder, LONG_AGO)
    return deployment_id


async def test_what_was_rolled_out_meanwhile_is_deployed(around: Surroundings) -> None:
    deployment_id = await left_at(around, "monitoring")
    async with gateway(around) as running:
        record = await running.ended(deployment_id)
    assert (record["status"], record["reason"]) == ("deployed", None), record["message"]


async def test_what_was_pushed_before_the_crash_is_found_and_deployed(around: Surroundings) -> None:
    deployment_id = await left_at(around, "pushing")
    pushed = tip(around.repository, "main")
    async with gateway(around) as running:
        record = await running.ended(deployment_id)
    assert (record["status"], record["commit"]) == ("deployed", pushed), record["message"]
    assert tip(around.repository, "main") == pushed


async def test_a_remote_with_the_hiccups_is_asked_again_for_what_was_pushed(around: Surroundings) -> None:
    deployment_id = await left_at(around, "pushing")
    with serving_git(around.folder) as server:
        around.config["repositories"]["iac"]["url"] = server.url("iac.git")
        server.faults = [Fault(REFS, status=502)] * 2
        async with gateway(around) as running:
            record = await running.ended(deployment_id)
    assert server.faults == []
    assert (record["status"], record["commit"]) == ("deployed", tip(around.repository, "main")), record["message"]


async def test_a_remote_that_stays_away_is_not_waited_for_for_ever(around: Surroundings) -> None:
    deployment_id = await left_at(around, "pushing")
    with serving_git(around.folder) as server:
        around.config["repositories"]["iac"]["url"] = server.url("iac.git")
        server.always = lambda service: Fault(service, status=502)
        async with gateway(around) as running:
            record = await running.ended(deployment_id)
    assert (record["status"], record["reason"]) == ("failed", "unreachable")
    assert "'iac' does not answer: HTTP 502" in record["message"]
    assert len(server.requests) > 1


async def test_what_was_not_begun_is_not_begun(around: Surroundings) -> None:
    before = tip(around.repository, "main")
    deployment_id = await left_at(around, "pending")
    async with gateway(around) as running:
        record = await running.ended(deployment_id)
    assert (record["status"], record["reason"]) == ("failed", "timeout")
    assert "not pushed: the deadline passed" in record["message"]
    assert tip(around.repository, "main") == before
