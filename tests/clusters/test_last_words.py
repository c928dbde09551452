from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from dag_gateway.clusters.api import Api
from dag_gateway.clusters.diagnose import Problem
from dag_gateway.clusters.last_words import explained
from dag_gateway.model.health import failed
from dag_gateway.model.reason import Reason
from dag_gateway.simulator.server import serving
from tests.fakes.cluster_api import api_of

CRASH = Problem("k", Reason.CRASH_LOOP, "pod web: crashed", 0.0, "shop", "web", "app", previous=True)
PULL = Problem("p", Reason.IMAGE_PULL, "pod api: no image", 20.0, "shop", "api")
FAILED = failed(Reason.ROLLOUT_FAILED, "Flux gave up", ready=0, desired=2)


@asynccontextmanager
async def logging(text: str, status: int = 200) -> AsyncIterator[Api]:
    """A cluster whose container ``app`` of the pod ``web`` logged ``text`` in its last run."""

    async def log(request: Request) -> Response:
        query = request.query_params
        assert (query["container"], query["tailLines"], query["previous"]) == ("app", "20", "true")
        return PlainTextResponse(text, status)

    app = Starlette(routes=[Route("/api/v1/namespaces/shop/pods/web/log", log)])
    async with serving(app) as url, api_of(url, "token") as api:
        yield api


async def test_a_failure_without_a_problem_stays_as_it_is() -> None:
    async with logging("") as api:
        assert await explained(api, FAILED, []) == FAILED


async def test_a_crash_is_told_with_its_last_lines() -> None:
    async with logging("starting\n\nno database\n") as api:
        told = await explained(api, FAILED, [CRASH, CRASH, PULL])

    assert told == failed(
        Reason.ROLLOUT_FAILED,
        "Flux gave up; pod web: crashed (and 2 more like it)\nlast lines:\n  starting\n  no database",
        ready=0,
        desired=2,
    )


async def test_a_problem_that_is_the_failure_is_told_once() -> None:
    async with logging("no database") as api:
        told = await explained(api, failed(CRASH.reason, CRASH.message), [CRASH])

    assert told.message == "pod web: crashed\nlast lines:\n  no database"


async def test_a_container_that_said_nothing_is_told() -> None:
    async with logging("\n") as api:
        assert (await explained(api, FAILED, [CRASH])).message.endswith("pod web: crashed (it logged nothing)")


async def test_a_problem_without_a_run_has_no_log() -> None:
    async with logging("") as api:
        assert (await explained(api, FAILED, [PULL])).message == "Flux gave up; pod api: no image"


@pytest.mark.parametrize(
    ("status", "why"),
    [(403, r'resources: ["pods/log"], verbs: ["get"]'), (400, "HTTP status 400 for get logs pods in namespace shop")],
)
async def test_a_log_that_can_not_be_read_says_why(status: int, why: str) -> None:
    async with logging("", status) as api:
        told = await explained(api, FAILED, [CRASH])

    assert "pod web: crashed (its log can not be read: cluster production" in told.message
    assert why in told.message


async def test_long_logs_are_cut() -> None:
    async with logging("\n".join(["x" * 1000] * 30)) as api:
        lines = (await explained(api, FAILED, [CRASH])).message.splitlines()[2:]

    assert lines == ["  " + "x" * 300] * 20
