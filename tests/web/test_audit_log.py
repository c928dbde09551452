"""Who did what is in the audit log: what was accepted with its deployment, and every refusal, but never a secret."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from dag_gateway.charts import pack
from dag_gateway.clock import SystemClock
from dag_gateway.model.api_key import Role
from dag_gateway.model.audit import AuditEntry, AuditFilter
from dag_gateway.store import AuditStore, Database
from dag_gateway.web.audit import AuditLog
from tests.fakes.api_keys import KEYS, auth_section, shown
from tests.fakes.database_trouble import table_away
from tests.fakes.stores import a_store
from tests.fakes.world import World, chart_files, gateway, surroundings

CHART = pack("web", chart_files())
pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def running(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[World]:
    async with surroundings(tmp_path_factory.mktemp("audit")) as around:
        around.config["auth"] = auth_section()
        async with gateway(around) as running:
            yield running


async def page(running: World, **wanted: Any) -> dict[str, Any]:
    answer = await running.http.get("/api/audit", params=wanted, headers=shown(Role.ADMIN))
    assert answer.status_code == 200, answer.text
    body: dict[str, Any] = answer.json()
    return body


async def newest(running: World, **wanted: Any) -> dict[str, Any]:
    row: dict[str, Any] = (await page(running, limit=1, **wanted))["entries"][0]
    return row


async def test_an_upload_is_told_with_who_what_and_from_where(running: World) -> None:
    job = running.around.job()
    answer = await running.upload(CHART, "1.2.3", job)
    row = await newest(running, action="deploy", outcome="allowed")
    assert row["requestId"] == answer.headers["x-request-id"]
    assert row["address"] == "127.0.0.1"
    assert row["actor"] == f"job:gitlab/{(await running.record(answer.json()['deploymentId']))['actor']}"
    facts = row["data"]
    assert (facts["app"], facts["environment"], facts["version"]) == ("web", "production", "1.2.3")
    assert facts["deployment"] == answer.json()["deploymentId"]
    assert (facts["ref"], facts["job"]) == ("main", str(job.id))


async def test_what_is_refused_at_the_very_door_is_told(running: World) -> None:
    answer = await running.http.get("/livez", params={"long": "x" * 9000})
    row = await newest(running, action="enter")
    assert (answer.status_code, row["outcome"], row["actor"]) == (414, answer.json()["code"], None)
    assert (row["requestId"], row["address"]) == (answer.headers["x-request-id"], "127.0.0.1")
    assert row["data"]["message"] == answer.json()["error"]


async def test_the_same_upload_again_is_told_again_with_the_deployment_that_it_got(running: World) -> None:
    job = running.around.job()
    first = await running.upload(CHART, "1.2.4", job)
    again = await running.upload(CHART, "1.2.4", job)
    rows = (await page(running, action="deploy", outcome="allowed", limit=2))["entries"]
    assert [row["requestId"] for row in rows] == [again.headers["x-request-id"], first.headers["x-request-id"]]
    assert {row["data"]["deployment"] for row in rows} == {first.json()["deploymentId"]}


@pytest.mark.parametrize(
    ("changes", "outcome", "actor", "message"),
    [
        ({"jobToken": "wrong-hunter2"}, "unverified", None, "does not accept jobToken"),
        ({"repoUrl": "https://elsewhere.example.com/x/y"}, "app_not_found", None, "https://elsewhere.example.com/x/y"),
        ({"environment": "moon"}, "environment_not_found", None, "moon"),
        ({"version": None}, "invalid_request", None, "version: this field is required"),
    ],
)
async def test_a_refused_upload_is_told_with_the_rule(
    running: World, changes: dict[str, Any], outcome: str, actor: str | None, message: str
) -> None:
    answer = await running.upload(CHART, **changes)
    row = await newest(running, outcome=outcome)
    assert answer.json()["code"] == outcome
    assert (row["action"], row["actor"], row["requestId"]) == ("deploy", actor, answer.headers["x-request-id"])
    assert message in row["data"]["message"]
    assert "hunter2" not in json.dumps(row)


async def test_a_verified_job_is_named_also_when_its_chart_is_refused(running: World) -> None:
    answer = await running.upload(b"no chart")
    row = await newest(running, outcome="invalid_chart")
    assert row["requestId"] == answer.headers["x-request-id"]
    assert row["actor"].startswith("job:gitlab/")
    assert row["data"]["app"] == "web"
    assert "gzip" in row["data"]["message"]


async def test_a_key_that_is_used_for_other_content_is_told(running: World) -> None:
    job = running.around.job()
    fields = {"repoUrl": job.project_url, "jobId": str(job.id), "jobToken": job.token}
    for version, status in (("3.0.0", 200), ("3.0.1", 422)):
        answer = await running.http.post(
            "/api/deploy",
            data=fields | {"version": version},
            files={"chart": CHART},
            headers={"Idempotency-Key": "the-key"},
        )
        assert answer.status_code == status
    row = await newest(running, outcome="idempotency_key_reused")
    assert row["requestId"] == answer.headers["x-request-id"]


async def test_bodies_that_are_too_large_or_of_another_type_are_told(running: World) -> None:
    await running.http.post("/api/get/chart", content=b" " * 70_000, headers={"Content-Type": "application/json"})
    assert (await newest(running, outcome="too_large"))["action"] == "get_chart"
    await running.http.post("/api/get/values", content=b"", headers={"Content-Type": "text/plain"})
    assert (await newest(running, outcome="wrong_media_type"))["action"] == "get_values"


async def test_guessing_ids_of_deployments_is_told(running: World) -> None:
    await running.http.get("/api/deployments/01890000-0000-7000-8000-000000000001")
    assert (await newest(running, outcome="deployment_not_found"))["action"] == "read_deployment"
    await running.http.get("/api/deployments/nonsense/events")
    assert (await newest(running, outcome="deployment_not_found"))["action"] == "follow_deployment"


async def test_reading_what_runs_is_told(running: World) -> None:
    await running.deploy(CHART, "4.0.0")
    for what in ("chart", "values"):
        answer = await running.current(what)
        assert answer.status_code == 200
        row = await newest(running, action=f"get_{what}", outcome="allowed")
        assert row["requestId"] == answer.headers["x-request-id"]
        assert (row["data"]["app"], row["data"]["environment"]) == ("web", "production")


async def test_reading_the_audit_log_is_told_too(running: World) -> None:
    await page(running, limit=1)
    row = await newest(running, action="read_audit", outcome="allowed")
    assert row["actor"] == "key:the-admin"


async def test_refused_keys_are_told_by_name_where_they_are_known(running: World) -> None:
    await running.http.get("/api/audit", headers=shown(Role.VIEWER))
    assert (await newest(running, outcome="role_too_small"))["actor"] == "key:the-viewer"
    await running.http.get("/api/audit", headers={"X-API-KEY": "dag_hunter2"})
    row = await newest(running, outcome="key_required")
    assert row["actor"] is None
    assert "hunter2" not in json.dumps(row)


async def test_in_a_flood_every_refusal_is_counted(running: World) -> None:
    ids = [f"flood-{number}" for number in range(30)]
    answers = await asyncio.gather(
        *(running.http.get("/api/audit", headers={"X-API-KEY": f"guess-{name}", "X-Request-ID": name}) for name in ids)
    )
    assert {answer.status_code for answer in answers} == {401}
    rows = [row for row in (await page(running, outcome="key_required"))["entries"] if row["requestId"] in ids]
    assert sum(row["data"].get("count", 1) for row in rows) == len(ids)


async def test_pages_follow_one_another_without_gap_or_repeat(running: World) -> None:
    for number in range(5):
        await running.upload(CHART, jobToken="wrong", environment=f"e{number}")
        await page(running, limit=1)
    rows: list[int] = []
    before: dict[str, int] = {}
    while True:
        answer = await page(running, outcome="unverified", limit=2, **before)
        rows += [row["number"] for row in answer["entries"]]
        if answer["next"] is None:
            break
        before = {"before": answer["next"]}
    assert len(rows) >= 5
    assert rows == sorted(set(rows), reverse=True)


async def test_rows_are_found_by_who(running: World) -> None:
    await running.http.get("/api/audit", headers=shown(Role.DEPLOYER))
    rows = (await page(running, actor="key:the-deployer"))["entries"]
    assert {row["outcome"] for row in rows} == {"role_too_small"}
    assert (await page(running, actor="nobody"))["entries"] == []


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ("limit=0", "limit: Input should be greater than or equal to 1"),
        ("limit=501", "limit: Input should be less than or equal to 500"),
        ("limit=many", "limit: Input should be a valid integer"),
        ("before=0", "before: Input should be greater than or equal to 1"),
        (f"before={2**63}", "before: Input should be less than"),
        (f"actor={'x' * 256}", "actor: String should have at most 255 characters"),
        ("actor=a%00b", "actor: it has control characters; only printable ones are allowed"),
        ("who=me", "who: there is no such parameter"),
        ("limit=1&limit=2", "limit: the parameter stands twice"),
    ],
)
async def test_a_wrong_parameter_is_named(running: World, query: str, text: str) -> None:
    answer = await running.http.get(f"/api/audit?{query}", headers=shown(Role.ADMIN))
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_request")
    assert answer.json()["error"].startswith(text)


async def test_no_token_and_no_key_is_in_the_audit_log(running: World) -> None:
    job = running.around.job()
    await running.upload(CHART, "5.0.0", job)
    await running.upload(CHART, "5.0.0", job, jobId="1")
    await running.http.get("/api/audit", headers={"Authorization": f"Bearer {job.token}"})
    text = json.dumps(await page(running, limit=500))
    for secret in (job.token, *KEYS.values()):
        assert secret not in text


async def test_nul_and_lone_surrogates_become_blanks(running: World) -> None:
    body = b'{"repoUrl": "https://x.example.com/a\\u0000b\\ud800", "jobId": "1", "jobToken": "t"}'
    await running.http.post("/api/get/chart", content=body, headers={"Content-Type": "application/json"})
    row = await newest(running, action="get_chart", outcome="invalid_request")
    assert row["data"]["message"].isprintable()


async def test_what_was_told_is_written_when_the_gateway_ends(tmp_path: Path) -> None:
    async with surroundings(tmp_path) as around:
        async with gateway(around) as running:
            answer = await running.http.get("/api/audit")
        async with Database(f"sqlite:///{tmp_path}/gateway.db") as database:
            (row,) = await AuditStore(database).page(AuditFilter(limit=10))
    assert (row.entry.outcome, row.entry.request_id) == ("key_required", answer.headers["x-request-id"])


async def test_a_client_that_has_to_wait_is_told(tmp_path: Path) -> None:
    async with surroundings(tmp_path) as around:
        around.config["auth"] = auth_section()
        around.config["server"] = {"limits": {"refusals_per_address": 1}}
        async with gateway(around) as running:
            answers = [await running.upload(CHART, jobToken="wrong") for _ in range(2)]
            assert [answer.status_code for answer in answers] == [401, 429]
            row = await newest(running, outcome="too_many_refusals")
    assert row["requestId"] == answers[1].headers["x-request-id"]


async def test_what_can_not_be_written_is_kept_until_it_can(tmp_path: Path) -> None:
    async with surroundings(tmp_path) as around:
        around.config["auth"] = auth_section()
        async with gateway(around) as running:
            assert (await running.http.get("/readyz")).status_code == 200
            async with table_away(tmp_path, "audit"):
                refused = await running.http.get("/api/audit")
                unread = await running.http.get("/api/audit", headers=shown(Role.ADMIN))
                assert (unread.status_code, unread.json()["code"]) == (503, "database_unavailable")
            row = await newest(running, outcome="key_required")
    assert row["requestId"] == refused.headers["x-request-id"]


async def test_who_gives_up_waiting_for_the_audit_log_takes_nothing_from_it(tmp_path: Path) -> None:
    async with a_store(tmp_path) as _, Database(f"sqlite:///{tmp_path}/gateway.db", patience=0.1) as database:
        log = AuditLog(AuditStore(database), SystemClock())
        log.tell(AuditEntry(log.now(), "", "192.0.2.1", "deploy", "invalid_request", "r1", {}))
        async with table_away(tmp_path, "audit"):
            reading = asyncio.create_task(log.page(AuditFilter(limit=10)))
            await asyncio.sleep(0)
            reading.cancel()
            await asyncio.wait([reading])
            assert reading.cancelled()
        (row,) = await log.page(AuditFilter(limit=10))
    assert row.entry.request_id == "r1"


async def test_an_upload_is_not_accepted_when_it_can_not_be_told(tmp_path: Path) -> None:
    async with surroundings(tmp_path) as around, gateway(around) as running:
        assert (await running.http.get("/readyz")).status_code == 200
        async with table_away(tmp_path, "audit"):
            answer = await running.upload(CHART)
    assert (answer.status_code, answer.json()["code"]) == (503, "database_unavailable")
