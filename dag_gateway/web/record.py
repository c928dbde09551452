"""A deployment and its events as the JSON record of the API. Pure."""

from collections.abc import Sequence
from typing import Any

from dag_gateway.model.deployment import Deployment
from dag_gateway.model.event import Event, EventKind
from dag_gateway.model.timestamps import rfc3339


def record_json(deployment: Deployment, events: Sequence[Event]) -> dict[str, Any]:
    """The whole record; null where something is not known (yet)."""
    identity = deployment.identity
    return {
        "id": deployment.id,
        "app": deployment.app,
        "environment": deployment.environment,
        "repoUrl": deployment.repo_url,
        "branch": identity.ref,
        "version": deployment.version,
        "chartName": deployment.chart_name,
        "chartVersion": deployment.chart_version,
        "status": deployment.status.value,
        "message": deployment.message,
        "reason": deployment.reason.value if deployment.reason else None,
        "commit": deployment.commit,
        "commitUrl": deployment.commit_url,
        "jobId": identity.job_id,
        "jobUrl": identity.job_url or None,
        "actor": identity.actor or None,
        "sourceCommit": identity.commit or None,
        "acceptedAt": rfc3339(deployment.accepted_at),
        "times": {event.news.data["status"]: event.news.data["at"] for event in _status_events(events)},
        "targets": [state.public_json() for state in deployment.targets],
        "changes": deployment.changes,
        "events": [{"id": event.number, "event": event.news.kind.value, **event.news.data} for event in events],
    }


def _status_events(events: Sequence[Event]) -> list[Event]:
    return [event for event in events if event.news.kind is EventKind.STATUS]
