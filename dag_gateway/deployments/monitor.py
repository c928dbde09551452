"""Following the rollout at all targets at once until each has an end, and what the whole comes to."""

import asyncio
from collections.abc import Mapping, Sequence

import structlog

from dag_gateway.model.deployment import Deployment, Status
from dag_gateway.model.health import Health, Verdict, failed
from dag_gateway.model.reason import Reason
from dag_gateway.model.target import TargetState, TargetStatus
from dag_gateway.store import StoreUnavailable, environment_key

from .following import LAST_LOOK, Tell, follow
from .journal import Journal
from .tools import Tools

log = structlog.get_logger(__name__)

_STORE_PAUSE, _LONGEST_PAUSE = 1.0, 15.0


async def monitor(journal: Journal, tools: Tools) -> Deployment:
    """monitoring -> deployed | failed: the worst target decides.

    A proof is that of a moment. Before ``deployed`` is told, all targets but the one that was proven last are looked
    at again: minutes may have passed since, or an outage of the gateway itself.
    """
    last = await _to_their_ends(journal, tools)
    ended = conclusion(journal.deployment)
    if ended.status is not Status.DEPLOYED:
        return ended
    earlier = [state for state in journal.deployment.targets if state.target.id != last]
    gone = {name: health for name, health in (await _seen_again(earlier, journal, tools)).items() if _is_bad(health)}
    return not_any_more(journal.deployment, gone) if gone else ended


async def _to_their_ends(journal: Journal, tools: Tools) -> str | None:
    """Follow the targets that have no end yet until each has one. The id of the last; None when all had theirs."""
    news, last = _News(), None
    open_targets = [state for state in journal.deployment.targets if not state.status.terminal]
    at_least = LAST_LOOK if journal.resumed else 0.0
    following = [asyncio.create_task(follow(one, journal, tools, news.tell, at_least=at_least)) for one in open_targets]
    following.append(asyncio.create_task(_give_way(journal.deployment, tools, news.tell)))
    try:
        while not all(state.status.terminal for state in journal.deployment.targets):
            last, health = await news.next()
            await journal.observe(last, health)
    finally:
        await _stop(following)
    return last


async def _seen_again(states: Sequence[TargetState], journal: Journal, tools: Tools) -> Mapping[str, Health]:
    """What becomes of targets that were proven before, by their ids."""
    ends: dict[str, Health] = {}

    async def tell(target_id: str, health: Health) -> None:
        if health.final:
            ends.setdefault(target_id, health)

    looking = [asyncio.create_task(follow(one, journal, tools, tell, at_least=LAST_LOOK)) for one in states]
    giving_way = asyncio.create_task(_give_way(journal.deployment, tools, tell))
    try:
        while not giving_way.done() and (open_looks := [one for one in looking if not one.done()]):
            await asyncio.wait([giving_way, *open_looks], return_when=asyncio.FIRST_COMPLETED)
    finally:
        await _stop([*looking, giving_way])
    return {state.target.id: ends[state.target.id] for state in states}


def _is_bad(health: Health) -> bool:
    return health.verdict is not Verdict.HEALTHY


def not_any_more(deployment: Deployment, gone: Mapping[str, Health]) -> Deployment:
    """The end of a deployment that was live at all its targets, but not at all of them at the same time."""
    message = "\n".join(f"{name} was live and healthy, and then: {health.message}" for name, health in gone.items())
    reasons = [health.reason for health in gone.values() if health.reason]
    return deployment.failed(reasons[0] if reasons else Reason.ROLLOUT_FAILED, message)


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


def conclusion(deployment: Deployment) -> Deployment:
    """The end of a deployment whose targets have all ended."""
    lost = [state for state in deployment.targets if state.status is TargetStatus.FAILED]
    if not lost:
        where = ", ".join(state.target.id for state in deployment.targets)
        return deployment.after(Status.DEPLOYED, f"{deployment.chart_version} is live and healthy at {where}")
    message = "\n".join(f"{state.target.id}: {state.message}" for state in lost)
    return deployment.failed(lost[0].reason or Reason.ROLLOUT_FAILED, message)
