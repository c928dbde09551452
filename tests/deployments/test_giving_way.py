"""When a deployment under way gives way to a newer one of its environment, and when not."""

import asyncio
from pathlib import Path

import pytest

from dag_gateway.deployments.journal import Journal
from dag_gateway.deployments.monitor import monitor
from dag_gateway.model.deployment import Status
from dag_gateway.model.reason import Reason
from tests.fakes.followed_deployments import CLOCK, monitored, opened


async def test_a_newer_deployment_of_other_content_takes_over_though_the_database_was_away(tmp_path: Path) -> None:
    async with opened(tmp_path) as (tools, _, store):
        old = await monitored(store, "old", "aa" * 32, "1.0.0", "c1")
        await monitored(store, "new", "bb" * 32, "1.0.0+bbbbbbbb", "c2")
        ended = await monitor(Journal(old, store, tools.signals, tools.feed, CLOCK), tools)

    assert (ended.status, ended.reason) == (Status.FAILED, Reason.SUPERSEDED)
    assert ended.message == ("prod/shop/web: superseded by 1.2.3 (deployment new) before it was proven")
    assert store.answered.is_set()


async def test_a_mistake_while_asking_for_newer_deployments_is_logged_and_the_question_asked_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    async with opened(tmp_path) as (tools, _, store):
        store.trouble = ValueError("an odd row")
        old = await monitored(store, "old", "aa" * 32, "1.0.0", "c1")
        await monitored(store, "new", "bb" * 32, "1.0.0+bbbbbbbb", "c2")
        ended = await monitor(Journal(old, store, tools.signals, tools.feed, CLOCK), tools)

    assert ended.reason is Reason.SUPERSEDED
    assert "asking for newer deployments failed unexpectedly" in capsys.readouterr().out


@pytest.mark.parametrize("commit", ["c1", "c2"])
async def test_a_newer_deployment_of_the_same_content_lets_the_older_be_proven(tmp_path: Path, commit: str) -> None:
    async with opened(tmp_path) as (tools, clusters, store):
        old = await monitored(store, "old", "aa" * 32, "1.0.0", "c1")
        await monitored(store, "new", "aa" * 32, "1.0.0", commit)
        journal = Journal(old, store, tools.signals, tools.feed, CLOCK)
        waiting = asyncio.create_task(monitor(journal, tools))
        await store.answered.wait()
        clusters.done.set()
        ended = await waiting

    assert (ended.status, ended.message) == (Status.DEPLOYED, "1.0.0 is live and healthy at prod/shop/web")
