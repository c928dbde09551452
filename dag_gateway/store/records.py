"""Rows to records of the model and back. Pure."""

import json
import re
from dataclasses import asdict, replace
from datetime import datetime
from typing import Any

from sqlalchemy import RowMapping

from dag_gateway.model.deployment import Deployment, Destination, Status
from dag_gateway.model.event import Event, EventKind, News
from dag_gateway.model.identity import JobIdentity, RefKind
from dag_gateway.model.reason import Reason
from dag_gateway.model.target import TargetState
from dag_gateway.model.timestamps import rfc3339

# PostgreSQL has no NUL in its texts, and UTF-8 has no lone surrogates; clusters and remotes may send both.
_NO_TEXT = re.compile("[\0\ud800-\udfff]")


def storable(text: str) -> str:
    """The text with U+FFFD in place of what no database takes."""
    return _NO_TEXT.sub("\ufffd", text)


def storable_news(news: News) -> News:
    """The news as they are read back."""
    data = json.dumps(news.data, ensure_ascii=False)
    return replace(news, data=json.loads(storable(data))) if _NO_TEXT.search(data) else news


def deployment_from_row(row: RowMapping) -> Deployment:
    """The record of a row of ``deployments``."""
    return Deployment(
        id=row["id"],
        number=row["number"],
        app=row["app"],
        environment=row["environment"],
        repo_url=row["repo_url"],
        identity=_identity(json.loads(row["identity"])),
        destination=Destination(**json.loads(row["destination"])),
        version=row["version"],
        chart_name=row["chart_name"],
        chart_digest=row["chart_digest"],
        accepted_at=datetime.fromisoformat(row["accepted_at"]),
        targets=tuple(TargetState.from_json(item) for item in json.loads(row["targets"])),
        status=Status(row["status"]),
        message=row["message"],
        reason=Reason(row["reason"]) if row["reason"] else None,
        chart_version=row["chart_version"],
        commit=row["commit"],
        commit_url=row["commit_url"],
        changes=row["changes"],
    )


def accepted_columns(deployment: Deployment) -> dict[str, Any]:
    """The columns that are written once, at acceptance."""
    return {
        "id": deployment.id,
        "app": deployment.app,
        "environment": deployment.environment,
        "repo_url": deployment.repo_url,
        "identity": json.dumps(asdict(deployment.identity)),
        "destination": json.dumps(asdict(deployment.destination)),
        "version": deployment.version,
        "chart_name": deployment.chart_name,
        "chart_digest": deployment.chart_digest,
        "accepted_at": rfc3339(deployment.accepted_at),
    }


def moving_columns(deployment: Deployment) -> dict[str, Any]:
    """The columns that change on the way."""
    return {
        "status": deployment.status.value,
        "message": storable(deployment.message),
        "reason": deployment.reason.value if deployment.reason else None,
        "chart_version": deployment.chart_version,
        "commit": deployment.commit,
        "commit_url": deployment.commit_url,
        "changes": storable(deployment.changes),
        "targets": storable(json.dumps([state.to_json() for state in deployment.targets], ensure_ascii=False)),
    }


def event_columns(deployment: int, number: int, news: News) -> dict[str, Any]:
    """A row of ``events``."""
    return {
        "deployment": deployment,
        "number": number,
        "kind": news.kind.value,
        "at": rfc3339(news.at),
        "data": json.dumps(news.data, ensure_ascii=False),
    }


def event_from_row(row: RowMapping) -> Event:
    """The record of a row of ``events``."""
    news = News(EventKind(row["kind"]), datetime.fromisoformat(row["at"]), json.loads(row["data"]))
    return Event(row["number"], news)


def _identity(data: dict[str, Any]) -> JobIdentity:
    return JobIdentity(**{**data, "ref_kind": RefKind(data["ref_kind"])})
