"""Following one rollout: watch, judge, and prove every end on a fresh list before it is told."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from dag_gateway.clock import Clock
from dag_gateway.errors import GatewayError, Temporary
from dag_gateway.model.health import Health, Verdict, failed, progressing, unknown
from dag_gateway.model.reason import Reason, StepFailed
from dag_gateway.model.target import Goal
from dag_gateway.model.timestamps import rfc3339

from . import workloads
from .api import Api
from .diagnose import Patience, Problem
from .errors import ClusterMisconfigured
from .last_words import explained
from .live import Live, Snapshot
from .objects import uid
from .rollout import Rollout
from .watch import REFUSALS, Watch, backoff
from .workloads import Workloads

Contains = Callable[[str], Awaitable[bool]]

_BEGINNING = datetime.min.replace(tzinfo=UTC)
_REQUESTED_AT = "reconcile.fluxcd.io/requestedAt"


@dataclass(frozen=True, slots=True)
class Assessment:
    """A verdict, the problems behind it, and when it would turn out differently without any change (None: never)."""

    health: Health
    problems: tuple[Problem, ...] = ()
    again_at: datetime | None = None

    @property
    def final(self) -> bool:
        return self.health.verdict in (Verdict.HEALTHY, Verdict.FAILED)


class Follower:
    """Follows one target to its end, once."""

    def __init__(
        self,
        api: Api,
        watch: Watch,
        clock: Clock,
        rollout: Rollout,
        goal: Goal,
        contains: Contains,
        *,
        nudge: bool = False,
    ) -> None:
        self._api = api
        self._watch = watch
        self._clock = clock
        self._rollout = rollout
        self._goal = goal
        self._contains = contains
        self._nudge = nudge
        self._hint = ""
        self._ancestry = {goal.commit: True}
        self._patience = Patience.fresh()
        self._older: set[str] = set()
        self._failures = 0
        self._told: Health | None = None

    async def healths(self) -> AsyncGenerator[Health, None]:
        """Every change, the last one HEALTHY or FAILED. Close it to close the watches."""
        async with Live(self._watch, self._clock) as live:
            while True:
                now = await self._look(live)
                if now.health != self._told:
                    self._told = now.health
                    yield now.health
                if now.final:
                    return
                await live.changed(now.again_at)

    async def _look(self, live: Live) -> Assessment:
        seen = live.snapshot()
        await live.want((*self._rollout.proof(seen), *self._rollout.running(seen)))
        if live.refused:
            return Assessment(failed(Reason.CONFIG_ERROR, live.refused))
        if live.lost:
            return Assessment(unknown(live.lost))
        if not live.complete:
            return Assessment(self._told or progressing("reading what runs in the cluster"))
        try:
            assessment = await self._proven(seen)
        except (Temporary, ClusterMisconfigured) as error:
            return self._stuck(error)
        except StepFailed as error:
            return Assessment(failed(error.reason, error.message))
        self._failures = 0
        return assessment

    def _stuck(self, error: Temporary | ClusterMisconfigured) -> Assessment:
        """What does not answer is asked for ever again, what refuses as often as a watch asks."""
        self._failures += 1
        if isinstance(error, ClusterMisconfigured) and self._failures >= REFUSALS:
            return Assessment(failed(error.reason, error.message))
        return Assessment(unknown(error.message), again_at=self._after(backoff(self._failures)))

    async def _proven(self, seen: Snapshot) -> Assessment:
        """Every end is judged again on fresh lists: watches of different kinds run behind one another."""
        await self._ask_for_attention(seen)
        assessment = await self._assess(seen)
        if not assessment.final:
            return assessment
        fresh = await self._assess(await self._fresh(seen))
        if fresh.health.verdict is not Verdict.FAILED:
            return fresh
        return Assessment(await explained(self._api, fresh.health, fresh.problems))

    async def _fresh(self, seen: Snapshot) -> Snapshot:
        """The workloads first, then what proves the release: ours before and after, so ours in between."""
        order = (*self._rollout.running(seen), *self._rollout.proof(seen))
        return {selection: (await self._api.list_objects(selection)).items for selection in order}

    async def _assess(self, seen: Snapshot) -> Assessment:
        await self._learn(self._rollout.hashes(seen))
        good = [commit for commit, ours in self._ancestry.items() if ours]
        released = self._rollout.released(seen, self._goal, good)
        since = self._rollout.since(seen, self._goal, good)
        if released.verdict is Verdict.HEALTHY:
            since = _BEGINNING
        return self._judged(released, self._rollout.workloads(seen), since)

    def _judged(self, released: Health, held: Workloads, since: datetime | None) -> Assessment:
        """The verdict on release and workloads together; ``since`` says from when on the workloads can be ours."""
        now = self._clock.now()
        problems = self._problems(held, since, now)
        if released.verdict is Verdict.FAILED:
            return Assessment(_with_reason_of(released, problems), problems)
        running = workloads.judge(held, since)
        ends = {problem: end for problem in problems if (end := self._patience.until(problem)) is not None}
        lasting = tuple(problem for problem, end in ends.items() if end <= now)
        if lasting:
            return Assessment(_stopped(running, lasting[0]), lasting)
        if running.verdict is Verdict.FAILED and since is not None:
            return Assessment(running, problems)
        return Assessment(self._progress(released, running, since), (), min(ends.values(), default=None))

    def _problems(self, held: Workloads, since: datetime | None, now: datetime) -> tuple[Problem, ...]:
        """What stops the rollout, each noted with the time it was first seen."""
        if since is None:
            self._older.update(uid(pod) for pod in held.pods)
        problems = workloads.problems(held, since, self._older)
        self._patience = self._patience.seeing(problems, now)
        return problems

    def _progress(self, released: Health, running: Health, since: datetime | None) -> Health:
        """What is said of the workloads counts once they can be ours; before that they are the old release."""
        if released.verdict is Verdict.HEALTHY:
            return running
        told = (released.message, running.message if since else "", self._hint)
        message = "; ".join(part for part in told if part)
        if since is None:
            return progressing(message)
        return progressing(message, ready=running.ready, desired=running.desired)

    async def _learn(self, hashes: Iterable[str]) -> None:
        """Asks once per commit whether ours is in it."""
        for commit in hashes:
            if commit not in self._ancestry:
                self._ancestry[commit] = await self._contains(commit)

    async def _ask_for_attention(self, seen: Snapshot) -> None:
        """Once, where the target wants it. A refusal costs time, not the deployment, so it is only told."""
        if not self._nudge:
            return
        self._nudge = False
        for selection in self._rollout.nudged(seen):
            try:
                await self._api.annotate(selection, {_REQUESTED_AT: rfc3339(self._clock.now())})
            except GatewayError as error:
                self._hint = f"could not ask for an immediate reconciliation: {error.message}"

    def _after(self, seconds: float) -> datetime:
        return self._clock.now() + timedelta(seconds=seconds)


def _stopped(running: Health, problem: Problem) -> Health:
    return failed(problem.reason, problem.message, ready=running.ready, desired=running.desired)


def _with_reason_of(released: Health, problems: tuple[Problem, ...]) -> Health:
    """Flux and Helm only say that waiting took too long; the pods say why."""
    vague = released.reason in (Reason.ROLLOUT_FAILED, Reason.STALLED)
    return failed(
        problems[0].reason if vague and problems else released.reason or Reason.ROLLOUT_FAILED, released.message
    )
