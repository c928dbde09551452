"""The message of a failure: what, where, why, and the last lines that the container wrote."""

from collections.abc import Sequence

from dag_gateway.errors import GatewayError
from dag_gateway.model.health import Health, failed

from .api import Api
from .diagnose import Problem

_LINES = 20
_LONGEST_LINE = 300


async def explained(api: Api, health: Health, problems: Sequence[Problem]) -> Health:
    """``health`` with the first problem told in full, the others counted. Its log is asked for, but not required."""
    if not problems:
        return health
    lead, others = problems[0], len(problems) - 1
    parts = [health.message] if lead.message not in health.message else []
    more = f" (and {others} more like it)" if others else ""
    parts.append(f"{lead.message}{more}{await _log(api, lead)}")
    return failed(health.reason or lead.reason, "; ".join(parts), ready=health.ready, desired=health.desired)


async def _log(api: Api, problem: Problem) -> str:
    if problem.container is None:
        return ""
    try:
        text = await api.logs(
            problem.namespace, problem.pod, problem.container, previous=problem.previous, lines=_LINES
        )
    except GatewayError as error:
        return f" (its log can not be read: {error.message})"
    lines = [line[:_LONGEST_LINE] for line in text.splitlines() if line.strip()][-_LINES:]
    return "\nlast lines:\n" + "\n".join(f"  {line}" for line in lines) if lines else " (it logged nothing)"
