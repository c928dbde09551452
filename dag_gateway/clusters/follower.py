"""Following one rollout: look, judge, and prove every end on a fresh list before it is told."""

from collections.abc import AsyncGenerator
from dataclasses import replace
from datetime import datetime, timedelta

from dag_gateway.clock import SteadyClock
from dag_gateway.errors import GatewayError, Temporary
from dag_gateway.model.health import Health, Verdict, failed, progressing, unknown
from dag_gateway.model.reason import Reason, StepFailed
from dag_gateway.model.target import Goal

from .ancestry import Ancestry, Contains
from .assessment import Assessment, Assessor
from .connected import Connected
from .errors import ClusterMisconfigured
from .fresh import read_again
from .last_words import explained
from .live import Live, Snapshot
from .redact import without_tokens
from .rollout import Nudge, Rollout
from .watch import REFUSALS, backoff

__all__ = ["Contains", "Follower"]

_BETWEEN_WORDS = timedelta(seconds=1)
"""A rollout of many pods changes more often than anybody can read. Ends are never held back."""

_LAYERS = 10
"""How often looking at more may show that there is still more to look at: a release, its objects, their pods."""


class Follower:
    """Follows one target to its end, once."""

    def __init__(
        self, cluster: Connected, rollout: Rollout, goal: Goal, contains: Contains, *, nudge: bool = False
    ) -> None:
        self._cluster = cluster
        # A rollout may wait until a moment, which must come whatever becomes of the wall clock.
        self._clock = SteadyClock(cluster.clock)
        self._grace = timedelta(seconds=cluster.settings.unreachable_after)
        self._rollout = rollout
        self._goal = goal
        self._assessor = Assessor(rollout, goal, cluster.settings.patience)
        self._nudge = nudge
        self._nudged: set[str] = set()
        self._hint = ""
        self._ancestry = Ancestry(goal.commit, contains, self._clock)
        self._failures = 0
        self._refusals = 0
        self._parts = 0
        self._failing_since: datetime | None = None
        self._read_once = False
        self._told: Health | None = None
        self._next_word = self._clock.now()

    async def healths(self) -> AsyncGenerator[Health, None]:
        """Every change, at most one a second, the last one HEALTHY or FAILED. Close it to look no longer."""
        with Live(self._cluster.informers, self._clock) as live:
            while True:
                now = await self._look(live)
                if now.final or (now.health != self._told and self._clock.now() >= self._next_word):
                    self._told = now.health
                    self._next_word = self._clock.now() + _BETWEEN_WORDS
                    yield replace(now.health, message=without_tokens(now.health.message))
                if now.final:
                    return
                await live.changed(self._again_at(now))

    def _again_at(self, now: Assessment) -> datetime | None:
        unsaid = None if now.health == self._told else self._next_word
        return _earlier(now.again_at, unsaid)

    async def _look(self, live: Live) -> Assessment:
        seen = self._seen(live)
        if live.refused is not None:
            return Assessment(failed(Reason.CONFIG_ERROR, live.refused.message))
        if live.loss is not None:
            return self._away(live.loss.message, live.loss.since)
        if seen is None:
            return Assessment(self._told or progressing("reading what runs in the cluster"))
        self._read_once = True
        try:
            assessment = await self._proven(seen, live)
        except (Temporary, ClusterMisconfigured) as error:
            return self._stuck(error)
        except StepFailed as error:
            return Assessment(failed(error.reason, error.message))
        self._failures, self._refusals, self._failing_since = 0, 0, None
        return assessment

    def _seen(self, live: Live) -> Snapshot | None:
        """Everything that there is to look at; None while a part of it was not read yet.

        What is new to this follower may be known to others: then it is there at once, and may show more to look at.
        """
        seen = live.snapshot()
        for _ in range(_LAYERS):
            needed = {*self._rollout.proof(seen), *self._rollout.running(seen)}
            live.want(needed, self._rollout.helpful(seen))
            if needed <= seen.keys():
                return seen
            seen = live.snapshot()
            if not needed <= seen.keys():
                return None
        return None

    def _away(self, message: str, since: datetime) -> Assessment:
        """A short absence is nobody's business, unless there is nothing else to tell."""
        shown_at = since + self._grace
        if self._told is None or not self._read_once or self._clock.now() >= shown_at:
            return Assessment(unknown(message))
        return Assessment(self._told, again_at=shown_at)

    def _stuck(self, error: Temporary | ClusterMisconfigured) -> Assessment:
        """What does not answer is asked for ever again, what refuses as often in a row as a watch asks."""
        if isinstance(error, ClusterMisconfigured):
            self._failures, self._refusals = 0, self._refusals + 1
            if self._refusals >= REFUSALS:
                return Assessment(failed(error.reason, error.message))
            return Assessment(unknown(error.message), again_at=self._after(self._refusals))
        self._failures, self._refusals = self._failures + 1, 0
        self._failing_since = self._failing_since or self._clock.now()
        return replace(self._away(error.message, self._failing_since), again_at=self._after(self._failures))

    def _after(self, attempts: int) -> datetime:
        return self._clock.now() + timedelta(seconds=backoff(attempts))

    async def _proven(self, seen: Snapshot, live: Live) -> Assessment:
        """Every end is judged again on fresh lists: watches of different kinds run behind one another."""
        ask_at = await self._ask_for_attention(seen)
        assessment = await self._assess(seen)
        if not assessment.final:
            return replace(assessment, again_at=_earlier(assessment.again_at, ask_at))
        again = await read_again(self._cluster.lists, self._rollout, seen)
        if again is None:  # the watches will show what else there is, those that were refused perhaps by now
            self._parts += 1
            live.renew()
            return Assessment(
                self._told or progressing("reading what runs in the cluster"), (), self._after(self._parts)
            )
        self._parts = 0
        fresh = await self._assess(again)
        if fresh.health.verdict is not Verdict.FAILED:
            return fresh
        return Assessment(await explained(self._cluster.api, fresh.health, fresh.problems))

    async def _assess(self, seen: Snapshot) -> Assessment:
        ask_again_at = await self._ancestry.learn(self._rollout.hashes(seen))
        now = self._assessor.assess(seen, self._ancestry.good, self._clock.now(), self._hint)
        return replace(now, again_at=_earlier(now.again_at, ask_again_at))

    async def _ask_for_attention(self, seen: Snapshot) -> datetime | None:
        """Once each, where the target wants it; when the next is to be asked. A refusal costs time, not the deployment,
        so it is only told."""
        now = self._clock.now()
        wanted = self._rollout.nudges(seen, self._goal, now) if self._nudge else ()
        new = [nudge for nudge in wanted if nudge.key not in self._nudged]
        for nudge in new:
            if nudge.at is None or nudge.at <= now:
                self._nudged.add(nudge.key)
                await self._ask(nudge)
        return _earlier(*(nudge.at for nudge in new if nudge.key not in self._nudged))

    async def _ask(self, nudge: Nudge) -> None:
        try:
            await self._cluster.api.annotate(nudge.selection, nudge.annotations)
        except GatewayError as error:
            self._hint = f"could not ask for an immediate reconciliation: {error.message}"


def _earlier(*moments: datetime | None) -> datetime | None:
    return min((when for when in moments if when is not None), default=None)
