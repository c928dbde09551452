"""What is told of a deployment: one numbered row of its append-only log, and how it reads on the wire."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from dag_gateway.model.timestamps import rfc3339

from .deployment import Deployment
from .target import TargetState


class EventKind(StrEnum):
    """The SSE event name."""

    STATUS = "status"
    TARGET = "target"


@dataclass(frozen=True, slots=True)
class News:
    """Something worth telling, not yet in the log. ``data`` is the JSON object as subscribers see it."""

    kind: EventKind
    at: datetime
    data: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Event:
    """One row of the log. ``number`` counts from 1 without a gap per deployment and is the SSE ``id``."""

    number: int
    news: News


def status_news(deployment: Deployment, at: datetime) -> News:
    """Where the deployment stands; what is not known yet is left out."""
    known = {
        "status": deployment.status.value,
        "message": deployment.message,
        "at": rfc3339(at),
        "reason": deployment.reason.value if deployment.reason else None,
        "commit": deployment.commit,
        "commitUrl": deployment.commit_url,
        "chartVersion": deployment.chart_version,
    }
    return News(EventKind.STATUS, at, {key: value for key, value in known.items() if value is not None})


def target_news(state: TargetState, at: datetime) -> News:
    """How far the rollout at one target is."""
    return News(EventKind.TARGET, at, {"target": state.public_json(), "at": rfc3339(at)})


def sse(news: News, number: int | None = None) -> bytes:
    """The event as it goes to every subscriber: single-line JSON, UTF-8, ended by a blank line.

    ``number`` None leaves the ``id`` out, so that a client's ``Last-Event-ID`` stays where it was.
    """
    head = f"event: {news.kind}\n" if number is None else f"id: {number}\nevent: {news.kind}\n"
    data = json.dumps(news.data, ensure_ascii=False, separators=(",", ":"))
    # Clusters may send lone surrogates, which UTF-8 does not have.
    return f"{head}data: {data}\n\n".encode(errors="replace")
