from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from dag_gateway.clusters.api import Api
from dag_gateway.clusters.diagnose import Problem
from dag_gateway.clusters.last_words import explained
from dag_gateway.clusters.objects import Object
from dag_gateway.model.health import failed
from dag_gateway.model.reason import Reason
from dag_gateway.simulator.server import serving
from tests.fakes.cluster_api import api_of
from tests.fakes.kubernetes_objects import load

CRASH = Problem("k", Reason.CRASH_LOOP, "pod web: crashed", 0.0, "shop", "web", "app", previous=True)
PULL = Problem("p", Reason.IMAGE_PULL, "pod api: no image", 20.0, "shop", "api")
FAILED = failed(Reason.ROLLOUT_FAILED, "Flux gave up", ready=0, desired=2)


@asynccontextmanager
async def logging(
    text: str, status: int = 200, *, current: str = "", events: Mapping[str, Sequence[Object]] | None = None
) -> AsyncIterator[Api]:
    """A cluster whose container ``app`` of the pod ``web`` logged ``text`` in its last run, answered with ``status``.

    It logs ``current`` in the current run. ``events`` are those of each uid; None: nobody may read them.
    """

    async def log(request: Request) -> Response:
        query = request.query_params
        assert (query["container"], query["tailLines"]) == ("app", "20")
        return PlainTextResponse(text, status) if query["previous"] == "true" else PlainTextResponse(current)

    async def warnings(request: Request) -> Response:
        field, _, uid = request.query_params["fieldSelector"].removesuffix(",type=Warning").partition("=")
        assert field == "involvedObject.uid"
        if events is None:
            return PlainTextResponse("", 403)
        return JSONResponse({"metadata": {}, "items": [dict(event) for event in events.get(uid, ())]})

    pods = Route("/api/v1/namespaces/shop/pods/web/log", log)
    app = Starlette(routes=[pods, Route("/api/v1/namespaces/shop/events", warnings)])
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
    async with logging("\n", current="\n") as api:
        assert (await explained(api, FAILED, [CRASH])).message.endswith("pod web: crashed (it logged nothing)")


@pytest.mark.parametrize(("text", "status"), [("\n", 200), ("there is no such run", 400)])
async def test_where_the_last_run_left_no_log_the_current_one_speaks(text: str, status: int) -> None:
    async with logging(text, status, current="no database") as api:
        assert (await explained(api, FAILED, [CRASH])).message.endswith("crashed\nlast lines:\n  no database")


async def test_a_container_that_ran_only_once_is_not_asked_for_another_run() -> None:
    async with logging("of another life", current="no database") as api:
        told = await explained(api, FAILED, [replace(CRASH, previous=False)])

    assert told.message.endswith("crashed\nlast lines:\n  no database")


async def test_a_problem_without_a_run_has_no_log() -> None:
    async with logging("") as api:
        assert (await explained(api, FAILED, [PULL])).message == "Flux gave up; pod api: no image"


async def test_a_log_that_can_not_be_read_says_why() -> None:
    async with logging("", 403) as api:
        told = await explained(api, FAILED, [CRASH])

    assert "pod web: crashed (its log can not be read: cluster production" in told.message
    assert 'resources: ["pods/log"], verbs: ["get"]' in told.message


async def test_long_logs_are_cut() -> None:
    async with logging("\n".join(["x" * 1000] * 30)) as api:
        lines = (await explained(api, FAILED, [CRASH])).message.splitlines()[2:]

    assert lines == ["  " + "x" * 300] * 20


async def test_the_warnings_about_the_pod_and_its_controller_are_told_behind_its_log() -> None:
    events = {"pod-web-2-a": [load("event-mount"), load("event-series")], "set": [load("event-quota")]}
    async with logging("no database", events=events) as api:
        told = await explained(api, FAILED, [replace(CRASH, about=("pod-web-2-a", "set"))])

    assert told.message.splitlines()[1:] == [
        "last lines:",
        "  no database",
        "warnings:",
        '  FailedCreate: create Pod db-0 in StatefulSet db failed error: pods "db-0" is forbidden: exceeded quota:'
        " small, requested: pods=1, used: pods=1, limited: pods=1 (4 times)",
        '  FailedMount: MountVolume.SetUp failed for volume "tls" : secret "web-tls" not found (7 times)',
        "  Unhealthy: Readiness probe failed: connection refused (3 times)",
    ]


async def test_a_problem_without_warnings_says_nothing_of_them() -> None:
    async with logging("no database", events={}) as api:
        told = await explained(api, FAILED, [replace(CRASH, about=("pod-web-2-a",))])

    assert told.message.endswith("  no database")


async def test_events_that_can_not_be_read_say_which_permission_is_missing() -> None:
    async with logging("no database") as api:
        told = await explained(api, FAILED, [replace(CRASH, about=("pod-web-2-a", "set"))])

    assert told.message.count("(its events can not be read: cluster production") == 1
    assert 'resources: ["events"], verbs: ["list", "watch"]' in told.message


async def test_neither_log_nor_warnings_tell_a_secret_value() -> None:
    mount = {**load("event-mount"), "message": "invalid value: --token=hunter2"}
    cut_off = "x" * 250 + " secret=" + "hunter2" * 20
    async with logging(f"db_password: hunter2\n{cut_off}", events={"pod": [mount]}) as api:
        told = await explained(api, FAILED, [replace(CRASH, about=("pod",))])

    assert "hunter" not in told.message
    assert told.message.count("[redacted]") == 3
