"""What strangers at its own address can not do to an honest job: many of them may share one with it."""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import yaml

from dag_gateway.charts import pack
from dag_gateway.config import parse
from tests.fakes.door import Door, RawAnswer, ask, door_settings, form, job_fields, open_door, upload
from tests.fakes.forge_claims import gitlab_claims
from tests.fakes.id_tokens import id_token
from tests.fakes.oidc_issuer import AUDIENCE, OidcIssuer, oidc_issuer
from tests.fakes.world import chart_files

CHART = pack("web", chart_files())
AT_ONCE = 20


@pytest.fixture
async def gitlab() -> AsyncIterator[OidcIssuer]:
    """It knows no job: ``/api/v4/job`` is answered 404."""
    async with oidc_issuer() as issuer:
        yield issuer


@pytest.fixture
async def door(tmp_path: Path, gitlab: OidcIssuer) -> AsyncIterator[Door]:
    settings = door_settings(tmp_path)
    settings["forges"] = {"local": {"kind": "gitlab", "url": gitlab.url, "audience": AUDIENCE}}
    settings["apps"]["web"]["repo_url"] = f"{gitlab.url}/shop/web"
    settings["server"] = {"drain": "1s", "limits": {"refusals_per_address": 6}}
    async with open_door(parse(yaml.safe_dump(settings), {})) as running:
        yield running


def read(repo_url: str, token: str) -> bytes:
    body = json.dumps({"repoUrl": repo_url, "jobId": "7", "jobToken": token}).encode()
    lines = ["POST /api/get/values HTTP/1.1", "Host: dag", "Content-Type: application/json"]
    return "\r\n".join([*lines, f"Content-Length: {len(body)}", "", ""]).encode() + body


async def deploy(door: Door, gitlab: OidcIssuer, token: str) -> RawAnswer:
    fields = job_fields(repoUrl=f"{gitlab.url}/shop/web", jobId="7", jobToken=token)
    return await ask(door.url, upload(form(fields, CHART)))


async def test_bad_tokens_that_come_all_at_once_are_asked_for_a_few_at_a_time(door: Door, gitlab: OidcIssuer) -> None:
    guess = read(f"{gitlab.url}/shop/web", "guess")
    answers = await asyncio.gather(*(ask(door.url, guess) for _ in range(5 * AT_ONCE)))
    told = Counter(answer.status for answer in answers)
    assert set(told) == {401, 429}
    assert 3 <= len(gitlab.requests) <= AT_ONCE


async def test_a_job_with_an_id_token_gets_in_past_neighbours_who_have_to_wait(door: Door, gitlab: OidcIssuer) -> None:
    told = [(await deploy(door, gitlab, "guess")).status for _ in range(5)]
    assert told == [401, 401, 401, 429, 429]
    answer = await deploy(door, gitlab, id_token(gitlab, gitlab_claims()))
    assert answer.status == 200, answer.body


async def test_bad_id_tokens_are_counted_too(door: Door, gitlab: OidcIssuer) -> None:
    told = [(await deploy(door, gitlab, id_token(gitlab, gitlab_claims(aud="x")))) for _ in range(4)]
    assert [answer.status for answer in told] == [401, 401, 401, 429]
    assert told[-1].json()["code"] == "too_many_refusals"
    assert (await deploy(door, gitlab, id_token(gitlab, gitlab_claims()))).status == 200


async def test_what_is_too_long_for_a_job_token_is_not_shown_to_the_forge(door: Door, gitlab: OidcIssuer) -> None:
    answer = await ask(door.url, read(f"{gitlab.url}/shop/web", "x" * 4097))
    assert (answer.status, gitlab.requests) == (401, [])
    assert answer.json()["error"] == "jobToken is longer than 4096 characters; forge 'local' has no such job tokens"


@pytest.mark.parametrize("field", ["jobId", "version", "environment"])
async def test_a_token_in_another_field_is_refused_and_not_echoed(door: Door, gitlab: OidcIssuer, field: str) -> None:
    secret = "glcbt-64_Zm9vYmFyYmF6"
    fields = job_fields(repoUrl=f"{gitlab.url}/shop/web", jobToken=secret, **{field: f"v{secret}"})
    answer = await ask(door.url, upload(form(fields, CHART)))
    assert (answer.status, gitlab.requests) == (400, [])
    assert answer.json()["error"] == f"body: the value of jobToken is part of {field} too; tokens belong into jobToken"
    assert secret.encode() not in answer.body
