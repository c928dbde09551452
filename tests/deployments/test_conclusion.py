"""What the ends of the targets come to."""

from dataclasses import replace

import pytest

from dag_gateway.deployments.following import timed_out
from dag_gateway.deployments.monitor import conclusion, superseded
from dag_gateway.deployments.pipeline import STEPS
from dag_gateway.model.deployment import Status, fresh_targets
from dag_gateway.model.health import Health, failed, healthy, progressing, unknown
from dag_gateway.model.reason import Reason
from tests.fakes.deployments import OTHER_TARGET, TARGET, a_deployment

MONITORED = a_deployment(
    status=Status.MONITORING,
    targets=fresh_targets([TARGET, OTHER_TARGET]),
    commit="abc",
    chart_version="1.2.3",
)


def test_every_status_that_is_no_end_has_a_step() -> None:
    assert set(STEPS) == {status for status in Status if not status.terminal}


def test_all_healthy_targets_are_a_deployment() -> None:
    ended = conclusion(MONITORED.with_target(TARGET.id, healthy()).with_target(OTHER_TARGET.id, healthy()))
    assert ended.status is Status.DEPLOYED
    assert ended.message == "1.2.3 is live and healthy at prod/shop/web, prod/shop/web-2"


def test_one_failed_target_fails_the_deployment_with_its_reason_and_words() -> None:
    ended = conclusion(
        MONITORED.with_target(TARGET.id, healthy()).with_target(OTHER_TARGET.id, failed(Reason.QUOTA, "no room"))
    )
    assert (ended.status, ended.reason, ended.message) == (Status.FAILED, Reason.QUOTA, "prod/shop/web-2: no room")


@pytest.mark.parametrize(
    ("last", "reason"),
    [
        (progressing("web: 1/2 pods ready", ready=1, desired=2), Reason.TIMEOUT),
        (unknown("the cluster prod does not answer"), Reason.UNREACHABLE),
    ],
)
def test_a_spent_budget_tells_what_was_seen_last(last: Health, reason: Reason) -> None:
    health = timed_out(OTHER_TARGET, last)
    assert health.reason is reason
    assert health.message == f"not proven within 60 s of acceptance; last seen: {last.message}"
    assert health.ready == last.ready


def test_a_newer_deployment_is_named() -> None:
    newer = replace(MONITORED, id="newer", version="1.2.4")
    assert superseded(newer).reason is Reason.SUPERSEDED
    assert superseded(newer).message == "superseded by 1.2.4 (deployment newer) before it was proven"
