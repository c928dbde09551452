"""Before anything is written: is the chart sound, can the targets be followed, what runs there now?"""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from dag_gateway.charts import ChartTooLarge, InvalidChart, Limits, pack, read_chart
from dag_gateway.clusters import ClusterUnreachable
from dag_gateway.helm import Rendered, images
from dag_gateway.model.deployment import Deployment, Status
from dag_gateway.model.reason import Reason, StepFailed
from dag_gateway.model.target import Baseline, TargetState

from .journal import Journal
from .tools import Tools

_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 5.0

Objects = Sequence[Mapping[str, Any]]
Place = tuple[str, str]
"""Release and namespace: what a chart becomes depends on both."""


async def begin(journal: Journal, tools: Tools) -> Deployment:
    """pending -> validating: somebody works on it."""
    return journal.deployment.after(Status.VALIDATING, "checking the chart and the targets")


async def validate(journal: Journal, tools: Tools) -> Deployment:
    """validating -> pushing: real Helm accepts the chart, and every target has answered."""
    deployment = journal.deployment
    rendered = await _check_chart(deployment, tools)
    checked = deployment.with_targets(await _with_baselines(journal, rendered, tools))
    changes = images(list(rendered.values())[-1].objects)
    return checked.after(Status.PUSHING, _summary(deployment, changes), changes=changes)


async def _check_chart(deployment: Deployment, tools: Tools) -> Mapping[Place, Rendered]:
    archive = await asyncio.to_thread(_repacked, await tools.store.chart(deployment.number), tools.limits)
    return {
        (release, namespace): await tools.helm.check(archive, release=release, namespace=namespace)
        for release, namespace in sorted({_place(state) for state in deployment.targets})
    }


def _repacked(upload: bytes, limits: Limits) -> bytes:
    """Exactly the files that will be pushed. Raises StepFailed for what another version of the gateway took."""
    try:
        chart = read_chart(upload, limits)
    except (InvalidChart, ChartTooLarge) as error:
        raise StepFailed(Reason.INVALID_CHART, error.message) from error
    return pack(chart.metadata.name, chart.files)


def _place(state: TargetState) -> Place:
    return state.target.release, state.target.namespace


def _summary(deployment: Deployment, changes: str) -> str:
    return f"the chart {deployment.chart_name} is sound" + (f": {changes}" if changes else "")


async def _with_baselines(journal: Journal, rendered: Mapping[Place, Rendered], tools: Tools) -> list[TargetState]:
    deployment = journal.deployment
    asked = [_baseline(state, rendered[_place(state)].objects, journal, tools) for state in deployment.targets]
    # All are waited for: nothing may go on asking after the first refusal has ended the deployment.
    answers = await asyncio.gather(*asked, return_exceptions=True)
    return [_answered(state, answer) for state, answer in zip(deployment.targets, answers, strict=True)]


def _answered(state: TargetState, answer: Baseline | BaseException) -> TargetState:
    if isinstance(answer, BaseException):
        raise answer
    return state.with_baseline(answer)


async def _baseline(state: TargetState, objects: Objects, journal: Journal, tools: Tools) -> Baseline:
    """Ask again while the cluster is away, for the grace period; a cluster that never answers gets no push."""
    target, deployment, pause = state.target, journal.deployment, _FIRST_PAUSE
    left = journal.seconds_left(target.deadline(deployment.accepted_at))
    give_up = tools.clock.monotonic() + min(left, tools.grace.get(target.cluster, 0.0))
    while True:
        try:
            return await tools.clusters.baseline(target, deployment.destination.path, objects)
        except ClusterUnreachable as error:
            if tools.clock.monotonic() + pause > give_up:
                raise StepFailed(Reason.UNREACHABLE, f"{error.message}; nothing was pushed") from error
        await tools.clock.sleep(pause)
        pause = min(2 * pause, _LONGEST_PAUSE)
