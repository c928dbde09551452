"""What a tracker has to know: which objects prove a release, which run it, and what both say."""

from collections.abc import Collection
from datetime import datetime
from typing import Protocol

from dag_gateway.model.health import Health
from dag_gateway.model.target import Baseline, Goal

from .live import Snapshot
from .resources import Selection
from .workloads import Workloads


class Rollout(Protocol):
    """One target as its tracker sees it; pure answers from a snapshot. One class per tracker, in a file of its own."""

    def proof(self, seen: Snapshot) -> tuple[Selection, ...]:
        """The objects that prove whose release it is. More of them may be known once the first were seen."""
        ...

    def running(self, seen: Snapshot) -> tuple[Selection, ...]:
        """The objects that the release consists of, and their pods; none before the release is known."""
        ...

    def nudged(self, seen: Snapshot) -> tuple[Selection, ...]:
        """The objects whose annotation asks the tracker's controller to look at once, in this order."""
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

    def released(self, seen: Snapshot, goal: Goal, known_good: Collection[str]) -> Health:
        """Whether our content is what was released."""
        ...

    def since(self, seen: Snapshot, goal: Goal, known_good: Collection[str]) -> datetime | None:
        """Since when our content can have been rolled out, by the cluster's clock; None before it is."""
        ...

    def workloads(self, seen: Snapshot) -> Workloads:
        """The objects that the release consists of, and their pods."""
        ...
