"""How a deployment goes on: a status has a step, a step gives the next record, the record is written, and again.

The same loop serves the first run and every restart, because each step is safe to repeat.
"""

from collections.abc import Awaitable, Callable, Mapping

import structlog

from dag_gateway.errors import Temporary
from dag_gateway.model.deployment import Deployment, Status
from dag_gateway.model.reason import Reason, StepFailed
from dag_gateway.store import LostRace, StoreUnavailable

from .journal import Journal
from .monitor import monitor
from .publish import publish
from .tools import Tools
from .validate import begin, validate

log = structlog.get_logger(__name__)

Step = Callable[[Journal, Tools], Awaitable[Deployment]]


async def follow_up(journal: Journal, tools: Tools) -> Deployment:
    """pushed -> monitoring: from here on only the clusters decide."""
    targets = ", ".join(state.target.id for state in journal.deployment.targets)
    return journal.deployment.after(Status.MONITORING, f"waiting for {targets}")


STEPS: Mapping[Status, Step] = {
    Status.PENDING: begin,
    Status.VALIDATING: validate,
    Status.PUSHING: publish,
    Status.PUSHED: follow_up,
    Status.MONITORING: monitor,
}


async def advance(journal: Journal, tools: Tools) -> None:
    """Do the step of the current status and record where it led.

    Raises LostRace when somebody else carries the deployment on, Temporary when it should be tried again later.
    """
    moved = await _step(journal, tools)
    try:
        await journal.move(moved)
    except (LostRace, Temporary):
        raise
    except Exception:
        # Trying again would meet the same text or number that the database does not take, for ever.
        log.exception("a move could not be recorded", deployment=moved.id, status=moved.status)
        await journal.move(_failed_here(journal.deployment))


async def _step(journal: Journal, tools: Tools) -> Deployment:
    step = STEPS[journal.deployment.status]
    try:
        return await step(journal, tools)
    except StepFailed as failure:
        return journal.deployment.failed(failure.reason, failure.message)
    except LostRace:
        raise
    except Temporary as error:
        if isinstance(error, StoreUnavailable) or journal.seconds_left(journal.deployment.deadline) > 0:
            raise
        return journal.deployment.failed(Reason.UNREACHABLE, error.message)
    except Exception:
        deployment = journal.deployment
        log.exception("a step failed unexpectedly", deployment=deployment.id, status=deployment.status)
        return _failed_here(deployment)


def _failed_here(deployment: Deployment) -> Deployment:
    return deployment.failed(Reason.INTERNAL, f"the gateway failed while {deployment.status}; its log has the details")
