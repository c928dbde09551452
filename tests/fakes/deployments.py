"""Deployments to test with."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from dag_gateway.model.deployment import Deployment, Destination, fresh_targets
from dag_gateway.model.identity import JobIdentity, RefKind
from dag_gateway.model.target import Target, Tracker

NOON = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)
TARGET = Target("prod", "shop", "web", Tracker.FLUX, "flux-system", "web")
OTHER_TARGET = Target("prod", "shop", "web-2", Tracker.HELM, "shop", "web-2", timeout=60.0)
IDENTITY = JobIdentity(
    forge="git",
    project="42",
    ref="main",
    ref_kind=RefKind.BRANCH,
    job_id="1001",
    commit="c0ffee",
    job_url="https://gitlab.example.com/shop/web/-/jobs/1001",
    actor="dev",
)


def a_deployment(**known: Any) -> Deployment:
    """A deployment that was just accepted, with ``known`` fields of the caller's."""
    deployment = Deployment(
        id="01890a5d-ac96-774b-bcce-b302099a8057",
        number=1,
        app="web",
        environment="production",
        repo_url="https://gitlab.example.com/shop/web",
        identity=IDENTITY,
        destination=Destination("iac", None, "prod/web"),
        version="1.2.3",
        chart_name="web",
        chart_digest="ab" * 32,
        accepted_at=NOON,
        targets=fresh_targets([TARGET]),
    )
    return replace(deployment, **known)
