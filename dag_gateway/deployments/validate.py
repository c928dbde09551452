"""Before anything is written: is the chart sound, can the targets be followed, what runs there now?"""

import asyncio

from dag_gateway.clusters import ClusterUnreachable
from dag_gateway.helm import images
from dag_gateway.model.deployment import Deployment, Status
from dag_gateway.model.reason import Reason, StepFailed
from dag_gateway.model.target import Baseline, TargetState

from .journal import Journal
from .tools import Tools

_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 5.0


async def begin(journal: Journal, tools: Tools) -> Deployment:
    """pending -> validating: somebody works on it."""
    return journal.deployment.after(Status.VALIDATING, "checking the chart and the targets")


async def validate(journal: Journal, tools: Tools) -> Deployment:
    """validating -> pushing: real Helm accepts the chart, and every target has answered."""
    deployment = journal.deployment
    changes = await _check_chart(deployment, tools)
    states = await _with_baselines(deployment, tools)
    checked = deployment.with_targets(states)
    return checked.after(Status.PUSHING, _summary(deployment, changes), changes=changes)


async def _check_chart(deployment: Deployment, tools: Tools) -> str:
    archive = await tools.store.chart(deployment.number)
    changes = ""
    for release, namespace in sorted({(s.target.release, s.target.namespace) for s in deployment.targets}):
        rendered = await tools.helm.check(archive, release=release, namespace=namespace)
        changes = images(rendered.objects)
    return changes


def _summary(deployment: Deployment, changes: str) -> str:
    return f"the chart {deployment.chart_name} is sound" + (f": {changes}" if changes else "")


async def _with_baselines(deployment: Deployment, tools: Tools) -> list[TargetState]:
    asked = [_baseline(state, deployment, tools) for state in deployment.targets]
    # All are waited for: nothing may go on asking after the first refusal has ended the deployment.
    answers = await asyncio.gather(*asked, return_exceptions=True)
    return [_answered(state, answer) for state, answer in zip(deployment.targets, answers, strict=True)]


def _answered(state: TargetState, answer: Baseline | BaseException) -> TargetState:
    if isinstance(answer, BaseException):
        raise answer
    return state.with_baseline(answer)


async def _baseline(state: TargetState, deployment: Deployment, tools: Tools) -> Baseline:
    """Ask again while the cluster is away, for the grace period; a cluster that never answers gets no push."""
    target, pause = state.target, _FIRST_PAUSE
    waiting_until = tools.clock.now().timestamp() + tools.grace.get(target.cluster, 0.0)
    give_up = min(waiting_until, target.deadline(deployment.accepted_at).timestamp())
    while True:
        try:
            return await tools.clusters.baseline(target, deployment.destination.path)
        except ClusterUnreachable as error:
            if tools.clock.now().timestamp() + pause > give_up:
                raise StepFailed(Reason.UNREACHABLE, f"{error.message}; nothing was pushed") from error
        await tools.clock.sleep(pause)
        pause = min(2 * pause, _LONGEST_PAUSE)
