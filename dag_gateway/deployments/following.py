"""Following the rollout at one target to its end, whatever becomes of the cluster, the time and this code."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing

import structlog

from dag_gateway.errors import Temporary
from dag_gateway.iac import FolderReplaced
from dag_gateway.model.deployment import Deployment
from dag_gateway.model.health import Health, Verdict, failed, progressing, unknown
from dag_gateway.model.reason import Reason, StepFailed
from dag_gateway.model.target import Goal, Target, TargetState

from .expected import Renderings, expected_objects
from .journal import Journal
from .tools import Tools

log = structlog.get_logger(__name__)

LAST_LOOK = 10.0
"""Seconds: long enough to see what is live, instead of failing what has long succeeded."""

_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 15.0

Tell = Callable[[str, Health], Awaitable[None]]


async def follow(state: TargetState, journal: Journal, tools: Tools, tell: Tell, *, at_least: float = 0.0) -> None:
    """Tell what is seen at one target, to its end.

    It has until its deadline; ``at_least`` so many seconds from now, when that has passed.
    """
    deployment, target = journal.deployment, state.target
    last = progressing("waiting")
    try:
        async with asyncio.timeout(max(at_least, _seconds_left(target, journal))):
            async with aclosing(_healths(deployment, state, tools)) as healths:
                async for last in healths:
                    await tell(target.id, last)
    except TimeoutError:
        await tell(target.id, timed_out(target, last))
    except Exception:
        log.exception("following a target failed unexpectedly", deployment=deployment.id, target=target.id)
        await tell(target.id, failed(Reason.INTERNAL, "the gateway failed while following it; its log has the details"))


async def _healths(deployment: Deployment, state: TargetState, tools: Tools) -> AsyncGenerator[Health, None]:
    """What is seen at one target, to its end; before that, what keeps the gateway from knowing what to look for."""
    pause = _FIRST_PAUSE
    while True:
        try:
            renderings = await expected_objects(deployment, state.target, tools)
            break
        except StepFailed as error:
            yield failed(error.reason, error.message)
            return
        except Temporary as error:
            yield unknown(error.message)
        await tools.clock.sleep(pause)
        pause = min(2 * pause, _LONGEST_PAUSE)
    goal = _goal(deployment, state, renderings)
    async with aclosing(tools.clusters.follow(state.target, goal, _contains(deployment, tools))) as healths:
        async for health in healths:
            yield health


def _seconds_left(target: Target, journal: Journal) -> float:
    return journal.seconds_left(target.deadline(journal.deployment.accepted_at))


def _goal(deployment: Deployment, state: TargetState, renderings: Renderings) -> Goal:
    if deployment.commit is None or deployment.chart_version is None:
        raise ValueError(f"deployment {deployment.id} is monitored before it was pushed")
    where = deployment.destination.path
    return Goal(
        deployment.commit,
        where,
        deployment.chart_name,
        deployment.chart_version,
        state.baseline,
        renderings.expected,
        renderings.earlier,
    )


def _contains(deployment: Deployment, tools: Tools) -> Callable[[str], Awaitable[bool | None]]:
    where = deployment.destination

    async def contains(commit: str) -> bool | None:
        ours = deployment.commit or ""
        try:
            return await tools.iac.contains(where.repository, where.branch, where.path, ancestor=ours, commit=commit)
        except FolderReplaced as error:
            raise StepFailed(Reason.SUPERSEDED, f"superseded before it was proven: {error.message}") from error

    return contains


def timed_out(target: Target, last: Health) -> Health:
    """The budget is used up. A cluster that could not be asked is ``unreachable``, anything else ``timeout``."""
    reason = Reason.UNREACHABLE if last.verdict is Verdict.UNKNOWN else Reason.TIMEOUT
    message = f"not proven within {target.timeout:g} s of acceptance; last seen: {last.message}"
    return failed(reason, message, ready=last.ready, desired=last.desired)
