"""What is told of a deployment: one numbered row of its append-only log."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any


class EventKind(StrEnum):
    """The SSE event name."""

    STATUS = "status"
    TARGET = "target"


@dataclass(frozen=True, slots=True)
class Event:
    """One row of the log. ``number`` counts from 1 without a gap per deployment and is the SSE ``id``.

    ``data`` is the JSON object as subscribers see it.
    """

    number: int
    kind: EventKind
    at: datetime
    data: Mapping[str, Any]
