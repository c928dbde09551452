"""What was accepted goes on under the next config: where that can not follow it any more, it ends with the reason."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from dag_gateway.charts import pack
from tests.fakes.world import IAC_PATH, Surroundings, World, a_chart, chart_files, gateway, surroundings

_PATIENCE = 60.0
"""Seconds; only a test that fails waits for so long."""
NEVER_READY = a_chart("never-ready", replicas=1)


@pytest.fixture
async def around(tmp_path: Path) -> AsyncIterator[Surroundings]:
    async with surroundings(tmp_path) as around:
        around.config["apps"]["web"]["environments"]["production"]["targets"][0]["timeout"] = "10h"
        yield around


async def accepted(around: Surroundings, until: str) -> str:
    """The id of a deployment that a gateway leaves behind at a status."""
    around.cluster.unavailable = until == "validating"
    async with asyncio.timeout(_PATIENCE), gateway(around) as running:
        deployment_id: str = (await running.upload(NEVER_READY)).json()["deploymentId"]
        while (await running.record(deployment_id))["status"] != until:
            pass
    around.cluster.unavailable = False
    return deployment_id


async def carried_on(around: Surroundings, deployment_id: str) -> dict[str, Any]:
    async with asyncio.timeout(_PATIENCE), gateway(around) as running:
        return await running.ended(deployment_id)


def renamed(around: Surroundings, section: str, old: str, new: str) -> None:
    """The config with a thing under another name, and the app using that."""
    around.config[section][new] = around.config[section].pop(old)
    environment = around.config["apps"]["web"]["environments"]["production"]
    if section == "clusters":
        environment["targets"][0]["cluster"] = new
    else:
        environment["repository"] = new


@pytest.mark.parametrize(
    ("section", "old", "until", "text"),
    [
        ("clusters", "prod", "validating", "the config has no cluster 'prod': add it to clusters"),
        ("clusters", "prod", "monitoring", "the config has no cluster 'prod': add it to clusters"),
        ("repositories", "iac", "validating", "the config has no IaC repository 'iac': add it to repositories"),
    ],
)
async def test_what_is_no_longer_configured_is_named(
    around: Surroundings, section: str, old: str, until: str, text: str
) -> None:
    deployment_id = await accepted(around, until)
    renamed(around, section, old, "other")
    record = await carried_on(around, deployment_id)
    assert (record["status"], record["reason"]) == ("failed", "config_error")
    assert text in record["message"]


async def test_an_environment_that_is_gone_does_not_stop_what_was_accepted_for_it(around: Surroundings) -> None:
    deployment_id = await accepted(around, "validating")
    environments = around.config["apps"]["web"]["environments"]
    environments["staging"] = environments.pop("production") | {"path": f"{IAC_PATH}-staging"}
    async with asyncio.timeout(_PATIENCE), gateway(around) as running:
        while (await running.record(deployment_id))["status"] != "monitoring":
            pass
        await superseded_by_nobody(running, deployment_id)


async def superseded_by_nobody(running: World, deployment_id: str) -> None:
    """A deployment of another environment changes nothing for it."""
    newer = (await running.upload(pack("web", chart_files()), "2.0.0")).json()["deploymentId"]
    while (await running.record(newer))["status"] in ("pending", "validating", "pushing"):
        pass
    assert (await running.record(deployment_id))["status"] == "monitoring"
