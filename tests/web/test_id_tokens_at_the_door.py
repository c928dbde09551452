"""Jobs of every kind of forge, from their ID token to a deployment, through the real door."""

from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import httpx
import pytest
import pytest_asyncio

from dag_gateway.charts import pack
from tests.fakes.forge_claims import SHA, forgejo_claims, github_claims, gitlab_claims
from tests.fakes.id_tokens import id_token
from tests.fakes.oidc_issuer import AUDIENCE, OidcIssuer, oidc_issuer
from tests.fakes.world import World, chart_files, gateway, image_files, surroundings

CHART = pack("web", chart_files())
OTHER_CHART = pack("web", image_files("1.28.0"))

CLAIMS: Mapping[str, Callable[..., dict[str, Any]]] = {
    "gitlab": gitlab_claims,
    "github": github_claims,
    "forgejo": forgejo_claims,
}

pytestmark = pytest.mark.asyncio(loop_scope="module")
every_kind = pytest.mark.parametrize("kind", CLAIMS)


@dataclass(frozen=True)
class Door:
    """A gateway with an app at each of three forges; ``home`` is where each is known to people."""

    world: World
    issuers: Mapping[str, OidcIssuer]

    def token(self, kind: str, **claims: Any) -> str:
        """Forgejo's have no id of their own: what else tells two of one second apart is the attempt."""
        attempt = {"run_attempt": uuid4().hex} if kind == "forgejo" else {}
        return id_token(self.issuers[kind], CLAIMS[kind](**attempt | claims))

    async def upload(
        self, kind: str, fields: Mapping[str, str], chart: bytes = CHART, headers: Mapping[str, str] | None = None
    ) -> httpx.Response:
        """As job 7, which is run 7; a version of its own makes it another upload than all others."""
        data = {"repoUrl": f"{home(self.issuers[kind])}/shop/web", "jobId": "7", "version": uuid4().hex, **fields}
        return await self.world.http.post("/api/deploy", data=data, files={"chart": chart}, headers=headers)

    async def read(self, kind: str, token: str) -> httpx.Response:
        body = {"repoUrl": f"{home(self.issuers[kind])}/shop/web", "jobId": "7"}
        headers = {"Authorization": f"Bearer {token}"}
        return await self.world.http.post("/api/get/values", json=body, headers=headers)


def home(issuer: OidcIssuer) -> str:
    return issuer.url.removesuffix("/api/actions")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def door(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Door]:
    async with (
        oidc_issuer() as gitlab,
        oidc_issuer() as github,
        oidc_issuer("/api/actions") as forgejo,
        surroundings(tmp_path_factory.mktemp("world")) as around,
    ):
        issuers = {"gitlab": gitlab, "github": github, "forgejo": forgejo}
        place = around.config["apps"]["web"]["environments"]["production"]
        around.config["forges"] = {kind: forge(kind, issuer) for kind, issuer in issuers.items()}
        around.config["apps"] = {kind: app(kind, issuer, place) for kind, issuer in issuers.items()}
        async with gateway(around) as world:
            yield Door(world, issuers)


def forge(kind: str, issuer: OidcIssuer) -> dict[str, Any]:
    settings = {"kind": kind, "url": home(issuer), "audience": AUDIENCE}
    return settings | {"issuer": issuer.url} if kind == "github" else settings


def app(kind: str, issuer: OidcIssuer, place: Mapping[str, Any]) -> dict[str, Any]:
    production = {**place, "path": f"clusters/{kind}/web"}
    return {"repo_url": f"{home(issuer)}/shop/web", "forge": kind, "environments": {"production": production}}


def accepted(answer: httpx.Response) -> str:
    assert answer.status_code == 200, answer.text
    deployment_id: str = answer.json()["deploymentId"]
    return deployment_id


def refused(answer: httpx.Response, code: str) -> str:
    assert (answer.status_code, answer.json()["code"]) == (401, code), answer.text
    text: str = answer.json()["error"]
    return text


@every_kind
async def test_a_job_uploads_with_its_id_token(door: Door, kind: str) -> None:
    record = await door.world.record(accepted(await door.upload(kind, {"jobToken": door.token(kind)})))
    assert (record["app"], record["sourceCommit"], record["actor"]) == (kind, SHA, "ada")
    assert record["jobUrl"].startswith(f"{home(door.issuers[kind])}/shop/web/")


@every_kind
async def test_the_token_may_come_as_bearer(door: Door, kind: str) -> None:
    accepted(await door.upload(kind, {}, headers={"Authorization": f"Bearer {door.token(kind)}"}))


@every_kind
async def test_an_honest_retry_gets_the_same_deployment_even_after_its_end(door: Door, kind: str) -> None:
    fields = {"jobToken": door.token(kind), "version": f"retry-{kind}"}
    first = accepted(await door.upload(kind, fields))
    assert accepted(await door.upload(kind, fields)) == first
    assert (await door.world.ended(first))["status"] == "failed"
    assert accepted(await door.upload(kind, fields)) == first


@every_kind
@pytest.mark.parametrize(
    ("version", "chart"), [("2.0.0", CHART), ("1.0.0", OTHER_CHART)], ids=["other version", "other chart"]
)
async def test_a_token_that_was_used_for_something_else_is_refused(
    door: Door, kind: str, version: str, chart: bytes
) -> None:
    token = door.token(kind)
    accepted(await door.upload(kind, {"jobToken": token, "version": "1.0.0"}))
    answer = await door.upload(kind, {"jobToken": token, "version": version}, chart)
    assert refused(answer, "token_replayed") == (
        "jobToken was used before for another upload; each upload needs an ID token of its own, only the very same "
        "upload may be sent again with the same one"
    )
    assert token not in answer.text


async def test_an_idempotency_key_does_not_help_a_token_that_was_used(door: Door) -> None:
    token = door.token("github")
    accepted(await door.upload("github", {"jobToken": token}))
    headers = {"Idempotency-Key": uuid4().hex}
    answer = await door.upload("github", {"jobToken": token}, headers=headers)
    assert refused(answer, "token_replayed").startswith("jobToken was used before")


@every_kind
async def test_reading_does_not_use_a_token_up(door: Door, kind: str) -> None:
    token = door.token(kind)
    answers = [await door.read(kind, token) for _ in range(2)]
    assert [answer.json()["code"] for answer in answers] == ["chart_not_found"] * 2
    accepted(await door.upload(kind, {"jobToken": token}))
    assert (await door.read(kind, token)).json()["code"] == "chart_not_found"


@every_kind
async def test_a_renamed_project_stays_and_another_in_its_place_is_refused(door: Door, kind: str) -> None:
    accepted(await door.upload(kind, {"jobToken": door.token(kind)}))
    renamed = {"repository": "shop/front", "project_path": "shop/front", "job_project_path": "shop/front"}
    accepted(await door.upload(kind, {"jobToken": door.token(kind, **renamed)}))
    another = {"repository_id": "13", "project_id": "13", "job_project_id": "13"}
    text = refused(await door.upload(kind, {"jobToken": door.token(kind, **another)}), "project_changed")
    assert text == (
        f"app {kind!r} is project 12 of forge {kind!r} since its first job, but this one runs in project 13 "
        f"({home(door.issuers[kind])}/shop/web); if that is right, set its project_id to 13"
    )


@pytest.mark.parametrize(
    ("kind", "claims", "text"),
    [
        ("gitlab", {"project_id": "66", "project_path": "mallory/web"}, "job 7 runs in shop/web what comes from mall"),
        ("gitlab", {"pipeline_source": "merge_request_event"}, "job 7 runs for merge_request_event; only pipelines"),
        ("gitlab", {"job_id": "8"}, "jobId '7' is not the job that jobToken belongs to"),
        ("github", {"event_name": "pull_request_target"}, "run 7 runs for pull_request_target; only these events"),
        ("github", {"event_name": "workflow_run"}, "run 7 runs for workflow_run; only these events count: push"),
        ("github", {"repository_id": None}, "the ID token of forge 'github' has no claim repository_id"),
        ("forgejo", {"event_name": "workflow_call"}, "run 7 runs for workflow_call; only these events count: push"),
        ("forgejo", {"ref": "refs/pull/1/head"}, "run 7 runs on refs/pull/1/head, which is neither a branch nor a tag"),
    ],
)
async def test_a_refusal_names_the_rule_and_not_the_token(
    door: Door, kind: str, claims: dict[str, Any], text: str
) -> None:
    token = door.token(kind, **claims)
    answer = await door.upload(kind, {"jobToken": token})
    assert refused(answer, "unverified").startswith(text)
    assert token not in answer.text


async def test_a_token_of_another_forge_is_refused(door: Door) -> None:
    answer = await door.upload("github", {"jobToken": door.token("gitlab")})
    assert refused(answer, "unverified").startswith("jobToken is not of a kind that forge 'github' takes, which is an")


async def test_an_unprotected_branch_is_refused(door: Door) -> None:
    answer = await door.upload("github", {"jobToken": door.token("github", ref_protected="false")})
    assert refused(answer, "ref_not_protected").startswith("branch 'main' is not protected at forge 'github'")
