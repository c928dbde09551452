"""No token, key or password that was used is in the log, the database, the repository, an answer or a child process."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from dag_gateway.charts import pack
from dag_gateway.model.api_key import Role
from tests.fakes.api_keys import KEYS, auth_section, shown
from tests.fakes.everything_kept import database_text, folder_text, process_texts, repository_text
from tests.fakes.forge_claims import github_claims, gitlab_claims
from tests.fakes.gateway_process import gateway_process
from tests.fakes.id_tokens import id_token
from tests.fakes.oidc_issuer import AUDIENCE, OidcIssuer, oidc_issuer
from tests.fakes.world import Surroundings, World, chart_files, image_files

CHART = pack("web", chart_files())
WRONG_KEY = "dag_wrong-key-hunter2"


@pytest.fixture
async def issuer() -> AsyncIterator[OidcIssuer]:
    async with oidc_issuer() as issuer:
        yield issuer


def configure(around: Surroundings, issuer: OidcIssuer) -> None:
    """A second app, of a forge with ID tokens, beside that with job tokens; and keys for operators."""
    place = around.config["apps"]["web"]["environments"]["production"]
    around.config["auth"] = auth_section()
    around.config["forges"]["actions"] = {
        "kind": "github",
        "url": issuer.url,
        "issuer": issuer.url,
        "audience": AUDIENCE,
    }
    around.config["apps"]["actions"] = {
        "repo_url": f"{issuer.url}/shop/web",
        "forge": "actions",
        "environments": {"production": {**place, "path": "clusters/actions/web"}},
    }


def parts(token: str) -> list[str]:
    """What of an ID token is worth something: all of it, what it says, its signature. The header is no secret."""
    return [token, *token.split(".")[1:]]


async def upload(world: World, issuer: OidcIssuer, token: str, chart: bytes = CHART) -> httpx.Response:
    data = {"repoUrl": f"{issuer.url}/shop/web", "jobId": "7", "version": "1.0.0", "jobToken": token}
    return await world.http.post("/api/deploy", data=data, files={"chart": chart})


async def a_life(world: World, issuer: OidcIssuer) -> tuple[list[str], list[str]]:
    """Good and bad requests with every kind of secret: the secrets, and all that was answered."""
    job = world.around.job()
    good, forged = id_token(issuer, github_claims()), id_token(issuer, github_claims(actor="mallory"))
    forged = forged[:-8] + "AAAAAAAA"
    foreign = id_token(issuer, gitlab_claims())
    record = await world.deploy(CHART, job=job)
    assert record["status"] == "deployed", record["message"]
    answers = [
        await upload(world, issuer, good),
        await upload(world, issuer, good, pack("web", image_files("1.28.0"))),
        await upload(world, issuer, forged),
        await upload(world, issuer, foreign),
        await world.upload(CHART, job=job, jobToken=good),
        await world.upload(CHART, job=job, repoUrl=f"https://ada:{job.token}@example.com/shop/web"),
        await world.http.get("/api/audit", headers=shown(Role.ADMIN)),
        await world.http.get("/api/audit", headers=shown(Role.VIEWER)),
        await world.http.get("/api/audit", headers={"X-API-KEY": WRONG_KEY}),
        await world.http.get("/livez", params={"jobToken": good}),
    ]
    assert [answer.status_code for answer in answers] == [200, 401, 401, 401, 401, 404, 200, 403, 401, 200]
    secrets = [job.token, WRONG_KEY, *KEYS.values(), world.around.cluster.token]
    secrets += [part for token in (good, forged, foreign) for part in parts(token)]
    return secrets, [json.dumps(record), *(answer.text for answer in answers)]


async def test_what_was_secret_is_kept_nowhere(around: Surroundings, issuer: OidcIssuer) -> None:
    configure(around, issuer)
    async with gateway_process(around) as (process, world):
        secrets, answers = await a_life(world, issuer)
        assert process.process
        shown_by_processes = process_texts(process.process.pid)
        process.terminate()
        assert await process.gone() == 0
    kept = {
        "the log": "".join(process.lines),
        "the answers": "\n".join(answers),
        "the database": database_text(around.folder / "gateway.db"),
        "the repository": repository_text(around.repository),
        "the folder of the gateway": folder_text(around.folder / "data"),
        "the processes": "\n".join(shown_by_processes.values()),
    }
    found = [(place, secret[:12]) for place, text in kept.items() for secret in secrets if secret in text]
    assert found == []
    assert_looked_at(kept, shown_by_processes)


def assert_looked_at(kept: dict[str, str], processes: dict[int, Any]) -> None:
    """That each of the texts is what it should be: what is no secret is found in it."""
    assert "token_replayed" in kept["the answers"]
    assert "listening" in kept["the log"]
    assert "INSERT INTO" in kept["the database"]
    assert "token_uses" in kept["the database"]
    assert "Deployment-Id" in kept["the repository"]
    assert "[core]" in kept["the folder of the gateway"]
    assert len(processes) > 1
    assert "dag_gateway" in kept["the processes"]


def test_the_scanner_finds_what_is_there(tmp_path: Path) -> None:
    (tmp_path / "below").mkdir()
    (tmp_path / "below" / "file").write_bytes(b"\xff hunter2")
    assert "hunter2" in folder_text(tmp_path)
