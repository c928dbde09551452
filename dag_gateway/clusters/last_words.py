"""The message of a failure: what, where, why, the last lines that the container wrote, and the warnings about it.

All of it goes to the job's log, so what looks like a secret value is taken out of what containers and kubelets say.
"""

from collections.abc import Sequence

from dag_gateway.errors import GatewayError
from dag_gateway.model.health import Health, failed

from . import warnings
from .api import Api
from .diagnose import Problem
from .errors import ClusterUnreachable
from .objects import Object
from .redact import redacted

_LINES = 20
_LONGEST_LINE = 300
_LONGEST_SECRET = 2000
"""Characters of a line that are searched for secrets: one that is cut off must still be known as one."""


async def explained(api: Api, health: Health, problems: Sequence[Problem]) -> Health:
    """A FAILED ``health`` with the first problem told in full, the others counted.

    The container's log and the events are asked for, but not required.
    """
    if not problems:
        return health
    lead, others = problems[0], len(problems) - 1
    parts = [health.message] if lead.message not in health.message else []
    more = f" (and {others} more like it)" if others else ""
    paragraph = "; ".join([*parts, f"{lead.message}{more}"])
    message = f"{paragraph}{await _log(api, lead)}{await _warnings(api, lead, paragraph)}"
    return failed(health.reason or lead.reason, message, ready=health.ready, desired=health.desired)


async def _log(api: Api, problem: Problem) -> str:
    if problem.container is None:
        return ""
    try:
        text = await _run(api, problem, problem.container)
    except GatewayError as error:
        return f" (its log can not be read: {error.message})"
    last = [line[:_LONGEST_SECRET] for line in text.splitlines() if line.strip()][-_LINES:]
    lines = [line[:_LONGEST_LINE] for line in redacted("\n".join(last)).splitlines()]
    return _listed("last lines", lines) or " (it logged nothing)"


async def _run(api: Api, problem: Problem, container: str) -> str:
    """The log of the run that ended, or of the current one where the kubelet has dropped the other."""
    if problem.previous:
        try:
            text = await api.logs(problem.namespace, problem.pod, container, previous=True, lines=_LINES)
        except ClusterUnreachable:  # HTTP status 400, where there is no such run
            text = ""
        if text.strip():
            return text
    return await api.logs(problem.namespace, problem.pod, container, previous=False, lines=_LINES)


async def _warnings(api: Api, problem: Problem, known: str) -> str:
    """Those about the pod and its controller, without what ``known`` says already."""
    events: list[Object] = []
    try:
        for uid in problem.about:
            events.extend((await api.list_objects(warnings.about(problem.namespace, uid))).items)
    except GatewayError as error:
        return f"\n(its events can not be read: {error.message})"
    return _listed("warnings", warnings.told(events, problem.since, known))


def _listed(title: str, lines: Sequence[str]) -> str:
    return f"\n{title}:\n" + "\n".join(f"  {line}" for line in lines) if lines else ""
