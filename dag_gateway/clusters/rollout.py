"""What a tracker has to know: which objects prove a release, which run it, and what both say."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from dag_gateway.model.health import Health
from dag_gateway.model.target import Baseline, Goal

from .diagnose import Problem
from .live import Snapshot
from .resources import Selection
from .workloads import Workloads


@dataclass(frozen=True, slots=True)
class Nudge:
    """Annotations that ask a controller to look at once at the one object that ``selection`` names.

    Written once per ``key``, however often the same nudge is wanted, and not before ``at`` (None: at once).
    """

    key: str
    selection: Selection
    annotations: Mapping[str, str]
    at: datetime | None = None


class Rollout(Protocol):
    """One target as its tracker sees it; pure answers from a snapshot. One class per tracker, in a file of its own."""

    def proof(self, seen: Snapshot) -> tuple[Selection, ...]:
        """The objects that prove whose release it is. More of them may be known once the first were seen."""
        ...

    def running(self, seen: Snapshot) -> tuple[Selection, ...]:
        """The objects that the release consists of, and their pods; none before the release is known."""
        ...

    def helpful(self, seen: Snapshot) -> tuple[Selection, ...]:
        """What only explains or adds to the proof: refused or not served costs words, not the rollout."""
        ...

    def nudges(self, seen: Snapshot, goal: Goal, now: datetime) -> tuple[Nudge, ...]:
        """Who should be asked to look at once, in this order; asked for only where the target wants it."""
        ...

    def obstacle(self, seen: Snapshot, path: str) -> Health | None:
        """A FAILED that is certain before anything is pushed to ``path``; None when nothing stands in the way."""
        ...

    def baseline(self, seen: Snapshot) -> Baseline:
        """What runs now."""
        ...

    def hashes(self, seen: Snapshot) -> tuple[str, ...]:
        """The commits of which one has to know whether ours is in them."""
        ...

    def released(self, seen: Snapshot, goal: Goal, known_good: Collection[str], now: datetime) -> Health:
        """Whether our content is what was released."""
        ...

    def problems(self, seen: Snapshot, goal: Goal, known_good: Collection[str]) -> tuple[Problem, ...]:
        """What stops the release itself once it has lasted; that of its pods is asked of its workloads."""
        ...

    def since(self, seen: Snapshot, goal: Goal, known_good: Collection[str]) -> datetime | None:
        """Since when our content can have been rolled out, by the cluster's clock; None before it is."""
        ...

    def workloads(self, seen: Snapshot) -> Workloads:
        """The objects that the release consists of, and their pods."""
        ...
