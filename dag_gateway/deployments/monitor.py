"""Following the rollout at all targets at once until each has an end, and what the whole comes to."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing

import structlog

from dag_gateway.errors import Temporary
from dag_gateway.iac import FolderReplaced
from dag_gateway.model.deployment import Deployment, Status
from dag_gateway.model.health import Health, Verdict, failed, progressing, unknown
from dag_gateway.model.reason import Reason, StepFailed
from dag_gateway.model.target import Goal, Target, TargetState, TargetStatus
from dag_gateway.store import StoreUnavailable, environment_key

from .expected import Renderings, expected_objects
from .journal import Journal
from .tools import Tools

log = structlog.get_logger(__name__)

# After a restart past the deadline: long enough to see what is live, instead of failing what has long succeeded.
_LAST_LOOK = 10.0

_STORE_PAUSE = 1.0

_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 15.0

Tell = Callable[[str, Health], Awaitable[None]]


async def monitor(journal: Journal, tools: Tools) -> Deployment:
    """monitoring -> deployed | failed: the worst target decides."""
    news = _News()
    tell = news.tell
    open_targets = [state for state in journal.deployment.targets if not state.status.terminal]
    followers = [asyncio.create_task(_follow(state, journal, tools, tell)) for state in open_targets]
    followers.append(asyncio.create_task(_give_way(journal.deployment, tools, tell)))
    try:
        while not all(state.status.terminal for state in journal.deployment.targets):
            await journal.observe(*await news.next())
    finally:
        await _stop(followers)
    return conclusion(journal.deployment)


class _News:
    """What is to be written down: of each target the newest, so that a slow store loses words and no time."""

    def __init__(self) -> None:
        self._newest: dict[str, Health] = {}
        self._some = asyncio.Event()

    async def tell(self, target_id: str, health: Health) -> None:
        """The first end of a target stays."""
        waiting = self._newest.get(target_id)
        if waiting is None or not waiting.final:
            self._newest[target_id] = health
            self._some.set()

    async def next(self) -> tuple[str, Health]:
        """In the order in which the targets spoke up."""
        await self._some.wait()
        target_id = next(iter(self._newest))
        health = self._newest.pop(target_id)
        if not self._newest:
            self._some.clear()
        return target_id, health


async def _stop(followers: list[asyncio.Task[None]]) -> None:
    for follower in followers:
        follower.cancel()
    await asyncio.gather(*followers, return_exceptions=True)


async def _follow(state: TargetState, journal: Journal, tools: Tools, tell: Tell) -> None:
    deployment, target = journal.deployment, state.target
    last = progressing("waiting")
    try:
        async with asyncio.timeout(_seconds_left(target, journal)):
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
    left = journal.seconds_left(target.deadline(journal.deployment.accepted_at))
    return max(left, _LAST_LOOK if journal.resumed else 0.0)


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


async def _give_way(deployment: Deployment, tools: Tools, tell: Tell) -> None:
    """End all open targets when a newer deployment of the environment wrote other content."""
    while True:
        ticket = tools.signals.ticket(environment_key(deployment.app, deployment.environment))
        try:
            newer = await tools.store.newest_pushed(deployment)
        except StoreUnavailable:
            await tools.clock.sleep(_STORE_PAUSE)
            continue
        except Exception:
            log.exception("asking for newer deployments failed unexpectedly", deployment=deployment.id)
            await tools.clock.sleep(_LONGEST_PAUSE)
            continue
        if newer is not None and _content(newer) != _content(deployment):
            for state in deployment.targets:
                await tell(state.target.id, superseded(newer))
            return
        await ticket.wait()


def _content(deployment: Deployment) -> tuple[str, str | None]:
    """One version stands for one content; the commit may be another though both are the same, after a merge."""
    return deployment.chart_digest, deployment.chart_version


def superseded(newer: Deployment) -> Health:
    """What is left to say once something newer is in the repository."""
    return failed(Reason.SUPERSEDED, f"superseded by {newer.version} (deployment {newer.id}) before it was proven")


def timed_out(target: Target, last: Health) -> Health:
    """The budget is used up. A cluster that could not be asked is ``unreachable``, anything else ``timeout``."""
    reason = Reason.UNREACHABLE if last.verdict is Verdict.UNKNOWN else Reason.TIMEOUT
    message = f"not proven within {target.timeout:g} s of acceptance; last seen: {last.message}"
    return failed(reason, message, ready=last.ready, desired=last.desired)


def conclusion(deployment: Deployment) -> Deployment:
    """The end of a deployment whose targets have all ended."""
    lost = [state for state in deployment.targets if state.status is TargetStatus.FAILED]
    if not lost:
        where = ", ".join(state.target.id for state in deployment.targets)
        return deployment.after(Status.DEPLOYED, f"{deployment.chart_version} is live and healthy at {where}")
    message = "\n".join(f"{state.target.id}: {state.message}" for state in lost)
    return deployment.failed(lost[0].reason or Reason.ROLLOUT_FAILED, message)
