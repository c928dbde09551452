"""What can be known before the push is known before the push: nothing is written that can not be followed."""

from dag_gateway.charts import pack
from dag_gateway.iac.bare import tip
from tests.fakes.world import Surroundings, World, chart_files, flux_objects, gateway

CHART = pack("web", chart_files())


async def refused(running: World, reason: str) -> str:
    """Deploy, see it fail for ``reason`` with nothing pushed, and return the message."""
    before = tip(running.around.repository, "main")
    record = await running.deploy(CHART)
    assert (record["status"], record["reason"]) == ("failed", reason), record["message"]
    assert tip(running.around.repository, "main") == before
    assert record["commit"] is None
    assert [target["status"] for target in record["targets"]] == ["failed"]
    message: str = record["message"]
    return message


async def test_a_cluster_that_is_away_gets_no_push(around: Surroundings) -> None:
    around.cluster.unavailable = True
    async with gateway(around) as running:
        message = await refused(running, "unreachable")
    assert "prod" in message
    assert message.endswith("nothing was pushed")


async def test_a_cluster_that_refuses_the_token_gets_no_push(around: Surroundings) -> None:
    around.config["clusters"]["prod"]["token"] = "wrong-hunter2"
    async with gateway(around) as running:
        message = await refused(running, "config_error")
    assert "hunter2" not in message


async def test_a_suspended_release_gets_no_push(around: Surroundings) -> None:
    *_, release = flux_objects(around.repository)
    release["spec"]["suspend"] = True
    await around.cluster.apply(release)
    async with gateway(around) as running:
        assert "suspended" in await refused(running, "suspended")


async def test_a_cluster_that_comes_back_within_its_grace_is_waited_for(around: Surroundings) -> None:
    around.config["clusters"]["prod"]["grace"] = "1h"
    around.cluster.unavailable = True
    async with gateway(around) as running:
        deployment_id = (await running.upload(CHART)).json()["deploymentId"]
        asked = len(around.cluster.request_log)
        while len(around.cluster.request_log) <= asked:
            await running.record(deployment_id)
        around.cluster.unavailable = False
        assert (await running.ended(deployment_id))["status"] == "deployed"


async def test_a_repository_that_does_not_answer_fails_as_unreachable_within_the_budget(around: Surroundings) -> None:
    around.config["repositories"]["iac"]["url"] = "http://127.0.0.1:9/iac.git"
    around.config["apps"]["web"]["environments"]["production"]["targets"][0]["timeout"] = "30s"
    async with gateway(around) as running:
        message = await refused(running, "unreachable")
        assert "iac" in message
        answer = await running.current("values")
        assert (answer.status_code, answer.json()["code"]) == (503, "iac_unavailable")
        assert int(answer.headers["retry-after"]) >= 1


async def test_an_environment_without_a_chart_has_none_to_fetch(around: Surroundings) -> None:
    async with gateway(around) as running:
        for what in ("chart", "values"):
            answer = await running.current(what)
            assert (answer.status_code, answer.json()["code"]) == (404, "chart_not_found")
