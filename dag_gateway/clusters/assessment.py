"""What a snapshot says of a rollout: release and workloads together, and what must last before it is said."""

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from dag_gateway.config import PatienceSettings
from dag_gateway.model.health import Health, Verdict, failed, progressing
from dag_gateway.model.reason import Reason
from dag_gateway.model.target import Goal

from . import gone_jobs, old_news, workloads
from .diagnose import Patience, Problem
from .in_place import Containers
from .live import Snapshot
from .objects import uid
from .old_news import OldNews
from .rollout import Rollout
from .untouched import Standing
from .workloads import Workloads

_BEGINNING = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Assessment:
    """A verdict, the problems behind it, and when it would turn out differently without any change (None: never)."""

    health: Health
    problems: tuple[Problem, ...] = ()
    again_at: datetime | None = None

    @property
    def final(self) -> bool:
        return self.health.final


class Assessor:
    """Judges one rollout again and again; remembers since when each problem lasts, and what was there before."""

    def __init__(self, rollout: Rollout, goal: Goal, limits: PatienceSettings) -> None:
        self._rollout = rollout
        self._goal = goal
        self._limits = limits
        self._patience = Patience.fresh()
        self._older: set[str] = set()
        self._jobs: gone_jobs.Finished = {}
        self._containers = Containers()
        self._standing = Standing()
        self._old_news: OldNews | None = None

    def assess(self, seen: Snapshot, good: Collection[str], now: datetime, hint: str = "") -> Assessment:
        """``good`` are the commits that hold our content; ``hint`` is told while the rollout is on its way."""
        released = self._rollout.released(seen, self._goal, good, now)
        since = self._rollout.since(seen, self._goal, good)
        held = self._containers.seeing(self._with_jobs_judged(self._rollout.workloads(seen), released, since))
        untouched = self._untouched(released, held, since, now)
        if self._old_news is None or released.verdict is not Verdict.HEALTHY:
            self._old_news = old_news.noted(held, untouched)
        if released.verdict is Verdict.HEALTHY:
            held = old_news.without(held, self._old_news, since, self._older)
            since = _BEGINNING
        touched = replace(held, owners=[owner for owner in held.owners if uid(owner) not in untouched])
        problems = (*self._of_pods(touched, since, now), *self._rollout.problems(seen, self._goal, good))
        self._patience = self._patience.seeing(problems, now)
        running = workloads.judge(workloads.without_news(held, untouched), since, now)
        return self._judged(released, running, problems, since, now, hint)

    def _with_jobs_judged(self, held: Workloads, released: Health, since: datetime | None) -> Workloads:
        """Jobs of ours may be removed while we look; one from before may have the same name."""
        if since is not None or released.verdict is Verdict.HEALTHY:
            self._jobs = gone_jobs.seeing(self._jobs, held)
        return gone_jobs.judged(held, self._jobs)

    def _untouched(self, released: Health, held: Workloads, since: datetime | None, now: datetime) -> frozenset[str]:
        """What still runs as it did before our rollout began; once ours is released, all of it is ours."""
        if since is None:
            self._standing = self._standing.seeing(held, now)
        if since is None or released.verdict is Verdict.HEALTHY:
            return frozenset()
        return self._standing.untouched(held, since)

    def _of_pods(self, held: Workloads, since: datetime | None, now: datetime) -> tuple[Problem, ...]:
        """What stops the rollout in its pods; those that were there before it began are not among them."""
        if since is None:
            self._older.update(uid(pod) for pod in held.pods)
        return workloads.problems(held, since, now, self._older, self._limits)

    def _judged(
        self,
        released: Health,
        running: Health,
        problems: tuple[Problem, ...],
        since: datetime | None,
        now: datetime,
        hint: str,
    ) -> Assessment:
        """The verdict on release and workloads together; ``since`` says from when on the workloads can be ours."""
        if released.verdict is Verdict.FAILED:
            return Assessment(_with_reason_of(released, problems), problems)
        ends = {problem: end for problem in problems if (end := self._patience.until(problem)) is not None}
        lasting = tuple(problem for problem, end in ends.items() if end <= now)
        if lasting:
            return Assessment(_stopped(running, lasting[0]), lasting)
        if running.verdict is Verdict.FAILED and since is not None:
            return Assessment(running, problems)
        return Assessment(_progress(released, running, since, hint), (), min(ends.values(), default=None))


def _progress(released: Health, running: Health, since: datetime | None, hint: str) -> Health:
    """What is said of the workloads counts once they can be ours; before that they are the old release."""
    if released.verdict is Verdict.HEALTHY:
        return running
    told = (released.message, running.message if since else "", hint)
    message = "; ".join(part for part in told if part)
    if since is None:
        return progressing(message)
    return progressing(message, ready=running.ready, desired=running.desired)


def _stopped(running: Health, problem: Problem) -> Health:
    return failed(problem.reason, problem.message, ready=running.ready, desired=running.desired)


def _with_reason_of(released: Health, problems: tuple[Problem, ...]) -> Health:
    """Flux and Helm only say that waiting took too long; the pods say why."""
    vague = released.reason in (Reason.ROLLOUT_FAILED, Reason.STALLED)
    return failed(
        problems[0].reason if vague and problems else released.reason or Reason.ROLLOUT_FAILED, released.message
    )
