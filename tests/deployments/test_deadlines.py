"""How a deployment that is followed ends: its deadline, its worst target, a mistake of the gateway's own."""

from datetime import timedelta
from pathlib import Path

import pytest

from dag_gateway.deployments.journal import Journal
from dag_gateway.deployments.monitor import monitor
from dag_gateway.model.deployment import Status
from dag_gateway.model.health import Health, failed, healthy, progressing, unknown
from dag_gateway.model.reason import Reason
from dag_gateway.model.target import TargetStatus
from tests.fakes.deployments import OTHER_TARGET
from tests.fakes.followed_deployments import CLOCK, NOW, monitored, opened


@pytest.mark.parametrize(
    ("last", "reason"),
    [
        (progressing("web: 1/2 pods ready"), Reason.TIMEOUT),
        (unknown("cluster prod does not answer"), Reason.UNREACHABLE),
    ],
)
async def test_what_is_not_proven_by_its_deadline_has_failed(tmp_path: Path, last: Health, reason: Reason) -> None:
    async with opened(tmp_path, {"web": last}) as (tools, _, store):
        accepted_at = CLOCK.now() - timedelta(seconds=59.5)
        late = await monitored(store, "late", timeout=60.0, accepted_at=accepted_at)
        ended = await monitor(Journal(late, store, tools.signals, tools.feed, CLOCK), tools)

    assert (ended.status, ended.reason) == (Status.FAILED, reason)
    assert ended.message == (f"prod/shop/web: not proven within 60 s of acceptance; last seen: {last.message}")


async def test_after_a_restart_past_the_deadline_there_is_one_more_look(tmp_path: Path) -> None:
    async with opened(tmp_path) as (tools, clusters, store):
        clusters.done.set()
        late = await monitored(store, "late", timeout=60.0, accepted_at=NOW - timedelta(hours=1))
        ended = await monitor(Journal(late, store, tools.signals, tools.feed, CLOCK, resumed=True), tools)

    assert ended.status is Status.DEPLOYED


async def test_one_target_that_fails_fails_the_whole_and_the_others_keep_their_end(tmp_path: Path) -> None:
    first = {"web": healthy("up"), "web-2": failed(Reason.QUOTA, "no room")}
    async with opened(tmp_path, first) as (tools, _, store):
        both = await monitored(store, "both", others=(OTHER_TARGET,))
        ended = await monitor(Journal(both, store, tools.signals, tools.feed, CLOCK), tools)

    assert (ended.status, ended.reason, ended.message) == (Status.FAILED, Reason.QUOTA, "prod/shop/web-2: no room")
    assert [state.status for state in ended.targets] == [TargetStatus.DEPLOYED, TargetStatus.FAILED]


async def test_a_bug_while_following_is_told_as_such_and_not_as_a_state_of_the_cluster(tmp_path: Path) -> None:
    async with opened(tmp_path, {"web": ZeroDivisionError("a bug")}) as (tools, _, store):
        unlucky = await monitored(store, "unlucky")
        ended = await monitor(Journal(unlucky, store, tools.signals, tools.feed, CLOCK), tools)

    assert ended.reason is Reason.INTERNAL
    assert ended.message == "prod/shop/web: the gateway failed while following it; its log has the details"
