"""The tracker ``workloads``: whoever applies the chart, what is live is what real Helm renders from it."""

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime

from dag_gateway.model.health import Health, failed, healthy, progressing
from dag_gateway.model.reason import Reason
from dag_gateway.model.target import Baseline, Goal, Target

from .diagnose import Problem
from .live import Snapshot
from .objects import Object, name, namespace
from .rendered import RenderedChart
from .resources import Selection
from .rollout import Nudge
from .subset import difference
from .workloads import Workloads

_TOLD = 2
"""Differences that are told; the others are counted."""


class WorkloadsRollout:
    """See ``rollout.Rollout``. ``expected`` are the objects of the chart, ``earlier`` those of the one before it, both
    without hooks."""

    def __init__(self, target: Target, expected: Sequence[Object], earlier: Sequence[Object] = ()) -> None:
        self._chart = RenderedChart(expected, target.namespace)
        self._manifest = self._chart.manifest
        before = RenderedChart(earlier, target.namespace)
        self._before = self._chart.less_than(before)
        self._unprovable = self._chart.unprovable(before)
        self._others_tell = bool(self._chart.changed(before) - self._chart.expiring)
        self._jobs: dict[Selection, bool] = {}
        self._was_live: bool | None = None

    def proof(self, seen: Snapshot) -> tuple[Selection, ...]:
        return tuple(self._chart.compared)

    def running(self, seen: Snapshot) -> tuple[Selection, ...]:
        return self._manifest.running(seen)

    def helpful(self, seen: Snapshot) -> tuple[Selection, ...]:
        return tuple(selection for selection in self._manifest.helpful(seen) if selection not in self._chart.compared)

    def nudges(self, seen: Snapshot, goal: Goal, now: datetime) -> tuple[Nudge, ...]:
        """Nobody to ask: who applies the chart is not known."""
        return ()

    def obstacle(self, seen: Snapshot, path: str) -> Health | None:
        if self._chart.compared:
            return None
        return failed(
            Reason.CONFIG_ERROR, "the chart renders nothing that can be compared with the cluster; use another tracker"
        )

    def baseline(self, seen: Snapshot) -> Baseline:
        """The objects do not say of which chart they are."""
        return Baseline()

    def hashes(self, seen: Snapshot) -> tuple[str, ...]:
        return ()

    def released(self, seen: Snapshot, goal: Goal, known_good: Collection[str], now: datetime) -> Health:
        found = self._chart.differences(seen, self._done(seen)) or self._left_over(seen)
        if not found:
            return self.obstacle(seen, goal.path) or self._proven(goal)
        others = f"; and {len(found) - _TOLD} more" if len(found) > _TOLD else ""
        return progressing(f"{goal.chart_version} is not live yet: {'; '.join(found[:_TOLD])}{others}")

    def _done(self, seen: Snapshot) -> Collection[Selection]:
        """The Jobs that need not be there: seen complete; or not seen at all, where everything else was live, and other
        than what the chart before it says, when we came. Otherwise they are still to come."""
        if self._was_live is None:
            rest = self._chart.differences(seen, self._chart.expiring) or self._left_over(seen)
            self._was_live = self._others_tell and not rest
        self._jobs.update(self._chart.jobs(seen))
        return [selection for selection in self._chart.expiring if self._jobs.get(selection, self._was_live)]

    def _proven(self, goal: Goal) -> Health:
        if not self._unprovable:
            return healthy(f"live is what Helm rendered from {goal.chart_version}")
        return failed(
            Reason.CONFIG_ERROR,
            f"{goal.chart_version} changes only what is not compared with the cluster ({self._unprovable}), so nothing"
            " shows whether it is live; use another tracker, or let the chart annotate its pods with a checksum of it",
        )

    def _left_over(self, seen: Snapshot) -> list[str]:
        """Where the chart only takes something away, the old objects have all that it asks for: they have to change."""
        held = ((selection, old, live) for selection, old in self._before.items() for live in seen.get(selection, ()))
        return [
            f"{selection.resource.kind} {selection.namespace}/{selection.name} still has what the chart no longer says"
            for selection, old, live in held
            if difference(old, live) is None
        ]

    def problems(self, seen: Snapshot, goal: Goal, known_good: Collection[str]) -> tuple[Problem, ...]:
        return ()

    def since(self, seen: Snapshot, goal: Goal, known_good: Collection[str]) -> datetime | None:
        """Not known: what is live may have been there long before."""
        return None

    def workloads(self, seen: Snapshot) -> Workloads:
        """A Job that was seen complete has been judged, though it is gone."""
        complete = {(selection.namespace, selection.name) for selection, done in self._jobs.items() if done}
        held = self._manifest.workloads(seen)
        gone = [obj for obj in held.gone if (namespace(obj), name(obj)) not in complete]
        return replace(held, notes=self._chart.notes(), gone=gone)
