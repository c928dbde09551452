"""A job of GitHub Actions from its runner to a proven rollout: the real client, a real gateway, no secret to set up."""

import asyncio
import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlencode

from tests.fakes.forge_claims import SHA, github_claims
from tests.fakes.id_tokens import id_token
from tests.fakes.oidc_issuer import AUDIENCE, OidcIssuer, oidc_issuer, reply
from tests.fakes.world import Surroundings, chart_files, gateway

ROOT = Path(__file__).parents[2]


def configure(around: Surroundings, issuer: OidcIssuer) -> None:
    around.config["forges"] = {
        "actions": {"kind": "github", "url": issuer.url, "issuer": issuer.url, "audience": AUDIENCE}
    }
    app = around.config["apps"]["web"]
    app |= {"repo_url": f"{issuer.url}/shop/web", "forge": "actions"}
    app["environments"]["production"]["ci_environment"] = "production"


def variables_of_the_job(issuer: OidcIssuer, server: str) -> dict[str, str]:
    """What GitHub sets, and the two of the gateway's client that the workflow sets."""
    return {
        "GITHUB_ACTIONS": "true",
        "GITHUB_SERVER_URL": issuer.url,
        "GITHUB_REPOSITORY": "shop/web",
        "GITHUB_RUN_ID": "7",
        "GITHUB_SHA": SHA,
        "ACTIONS_ID_TOKEN_REQUEST_URL": f"{issuer.url}/token",
        "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "of-the-runner",
        "DAG_SERVER_URL": server,
        "DAG_AUDIENCE": AUDIENCE,
    }


async def dag(*arguments: str, environment: Mapping[str, str]) -> tuple[int, str, str]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "dag_gateway.cli", *arguments),
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), **environment},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    assert process.returncode is not None
    return process.returncode, out.decode(), err.decode()


async def test_a_job_of_github_deploys_without_a_secret(around: Surroundings) -> None:
    chart = around.folder / "chart"
    for name, content in chart_files().items():
        (chart / name).parent.mkdir(parents=True, exist_ok=True)
        (chart / name).write_bytes(content)
    async with oidc_issuer() as issuer:
        configure(around, issuer)
        token = id_token(issuer, github_claims(environment="production"))
        asked = f"/token?{urlencode({'audience': AUDIENCE})}"
        issuer.fault[asked] = reply(json.dumps({"value": token}).encode())
        async with gateway(around) as world:
            environment = variables_of_the_job(issuer, str(world.http.base_url).rstrip("/"))
            code, out, err = await dag("deploy", str(chart), "--output", "json", environment=environment)
    assert code == 0, err
    record = json.loads(out)
    assert (record["status"], record["version"], record["actor"]) == ("deployed", SHA, "ada")
    assert asked in issuer.requests
    assert token not in out + err
