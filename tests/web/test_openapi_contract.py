"""The gateway answers what its description says: to real jobs, and to generated requests, the same ones every time."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any

import httpx
import pytest
import pytest_asyncio
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.schemas import APIOperation
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from dag_gateway.model.api_key import Role
from dag_gateway.simulator.gitlab import Fault
from dag_gateway.web.openapi import openapi, places
from dag_gateway.web.operations import OPERATIONS
from dag_gateway.web.routes import ROUTES
from tests.fakes.api_keys import auth_section, shown
from tests.fakes.database_trouble import table_away
from tests.fakes.world import World, a_chart, gateway, surroundings

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
PLACES = places(ROUTES)
DOCUMENT = openapi(PLACES)
SCHEMA = schemathesis.openapi.from_dict(DOCUMENT)
NAMES = [name for _, _, name in PLACES]
# Any text may stand for an id, and the others take nothing at all.
CAN_BE_ASKED_WRONGLY = [name for name, known in OPERATIONS.items() if known.form or known.body or known.query]
EXAMPLES = 8
PATIENCE = 60.0

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def running(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    async with surroundings(tmp_path_factory.mktemp("contract")) as around:
        around.config["auth"] = auth_section()
        async with gateway(around) as running:
            yield running


def operation(name: str) -> APIOperation[Any, Any, Any, Any]:
    path, method, _ = next(place for place in PLACES if place[2] == name)
    return SCHEMA[path][method.upper()]


def generated(name: str, mode: GenerationMode) -> Sequence[Case[Any]]:
    """All requests, before the first is sent: hypothesis bears nobody beside it who draws random numbers."""
    cases: list[Case[Any]] = []

    @settings(
        derandomize=True,
        database=None,
        deadline=None,
        max_examples=EXAMPLES,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation(name).as_strategy(generation_mode=mode))
    def collect(case: Case[Any]) -> None:
        cases.append(case)

    collect()
    return cases


@pytest.mark.parametrize("name", NAMES)
async def test_whatever_is_asked_is_answered_as_described(running: World, name: str) -> None:
    wrong = generated(name, GenerationMode.NEGATIVE) if name in CAN_BE_ASKED_WRONGLY else []
    for case in [*generated(name, GenerationMode.POSITIVE), *wrong]:
        await asyncio.to_thread(
            case.call_and_validate,
            base_url=str(running.http.base_url),
            headers=shown(Role.ADMIN),
            checks=CHECKS,
            timeout=PATIENCE,
        )
    assert (await running.http.get("/readyz")).status_code == 200


async def described(name: str, answer: httpx.Response, status: int) -> None:
    """The answer has this status, and is what the description says of it."""
    assert answer.status_code == status, answer.text
    path, method, _ = next(place for place in PLACES if place[2] == name)
    assert str(status) in DOCUMENT["paths"][path][method]["responses"]
    # An upload was sent while it was made, and is wanted as a whole.
    await answer.request.aread()
    operation(name).validate_response(answer)


async def test_the_answers_to_real_jobs_are_as_described(running: World) -> None:
    job = running.around.job()
    upload = await running.upload(a_chart(), "1.0.0", job)
    await described("deploy", upload, 200)
    deployment = upload.json()["deploymentId"]
    await running.ended(deployment)
    await described("read_deployment", await running.http.get(f"/api/deployments/{deployment}"), 200)
    followed = await running.http.get(f"/api/deployments/{deployment}/events")
    await described("follow_deployment", followed, 200)
    last = followed.text.rpartition("id: ")[2].partition("\n")[0]
    seen = await running.http.get(f"/api/deployments/{deployment}/events", headers={"Last-Event-ID": last})
    await described("follow_deployment", seen, 204)
    for name, path in (("get_chart", "/api/get/chart"), ("get_values", "/api/get/values")):
        body = {"repoUrl": job.project_url, "jobId": str(job.id), "jobToken": job.token}
        whole = await running.http.post(path, json=body)
        await described(name, whole, 200)
        again = await running.http.post(path, json=body, headers={"If-None-Match": whole.headers["etag"]})
        await described(name, again, 304)


async def test_the_refusals_of_uploads_are_as_described(running: World) -> None:
    await described("deploy", await running.upload(b"no chart"), 400)
    await described("deploy", await running.upload(a_chart(), jobToken="wrong"), 401)
    await described("deploy", await running.upload(a_chart(), environment="moon"), 404)
    await described("deploy", await running.http.post("/api/deploy", json={}), 415)
    headers = {"Content-Type": "application/json"}
    large = await running.http.post("/api/get/chart", content=b" " * 70_000, headers=headers)
    await described("get_chart", large, 413)


async def test_the_refusals_of_operators_are_as_described(running: World) -> None:
    await described("read_audit", await running.http.get("/api/audit"), 401)
    await described("read_audit", await running.http.get("/api/audit", headers=shown(Role.VIEWER)), 403)
    await described("read_audit", await running.http.get("/api/audit?limit=0", headers=shown(Role.ADMIN)), 400)
    await described("read_audit", await running.http.get("/api/audit", headers=shown(Role.ADMIN)), 200)


@pytest.mark.parametrize("name", NAMES)
async def test_a_head_that_is_too_large_is_answered_as_described(running: World, name: str) -> None:
    path, method, _ = next(place for place in PLACES if place[2] == name)
    await described(name, await running.http.request(method, f"{path}?{'x' * 9000}"), 414)
    many = [("x-many", "1")] * 200
    await described(name, await running.http.request(method, path, headers=many), 431)


async def test_a_forge_that_is_down_is_answered_as_described(running: World) -> None:
    job = running.around.job()
    running.around.gitlab.fault = Fault.ERROR
    try:
        await described("deploy", await running.upload(a_chart(), job=job), 503)
        for what in ("chart", "values"):
            await described(f"get_{what}", await running.current(what, job), 503)
    finally:
        running.around.gitlab.fault = None


async def test_a_database_without_its_table_is_answered_as_described(running: World) -> None:
    async with table_away(running.around.folder, "audit"):
        await described("read_audit", await running.http.get("/api/audit", headers=shown(Role.ADMIN)), 503)
