"""What the stream of a deployment says, as data; what is not understood is None and is passed over."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from dag_gateway.model.deployment import Status
from dag_gateway.model.event import EventKind

from .sse import ServerEvent


@dataclass(frozen=True, slots=True)
class StatusUpdate:
    """A ``status`` event. ``status`` is text: a newer gateway may know words that this client does not."""

    status: str
    message: str = ""
    reason: str = ""
    commit: str = ""
    commit_url: str = ""

    @property
    def deployed(self) -> bool:
        return self.status == Status.DEPLOYED

    @property
    def terminal(self) -> bool:
        """Whether nothing follows. An unknown word is not an end."""
        return self.status in {status.value for status in Status if status.terminal}


@dataclass(frozen=True, slots=True)
class TargetUpdate:
    """A ``target`` event. ``ready`` and ``desired`` count pods; None where nothing is counted."""

    id: str
    status: str
    message: str = ""
    ready: int | None = None
    desired: int | None = None


Update = StatusUpdate | TargetUpdate


def update_of(event: ServerEvent) -> Update | None:
    """The update that ``event`` carries; None for a heartbeat and for what this client does not know."""
    data = _mapping(event.data)
    if event.name == EventKind.STATUS:
        return status_of(data)
    if event.name == EventKind.TARGET:
        return _target(data.get("target"))
    return None


def status_of(data: Mapping[str, Any]) -> StatusUpdate | None:
    """The status in the data of an event, or in the record of a deployment; both use the same names."""
    status = _text(data, "status")
    if not status.isidentifier():
        return None
    return StatusUpdate(
        status, _text(data, "message"), _text(data, "reason"), _text(data, "commit"), _text(data, "commitUrl")
    )


def _target(data: Any) -> TargetUpdate | None:
    if not isinstance(data, dict) or not _text(data, "id"):
        return None
    return TargetUpdate(
        _text(data, "id"),
        _text(data, "status"),
        _text(data, "message"),
        _count(data, "ready"),
        _count(data, "desired"),
    )


def _mapping(text: str) -> Mapping[str, Any]:
    try:
        data = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return data if isinstance(data, dict) else {}


def _text(data: Mapping[str, Any], name: str) -> str:
    value = data.get(name)
    return value if isinstance(value, str) else ""


def _count(data: Mapping[str, Any], name: str) -> int | None:
    value = data.get(name)
    return value if isinstance(value, int) and not isinstance(value, bool) else None
