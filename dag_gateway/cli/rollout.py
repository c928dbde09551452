"""One deployment as the client sees it: upload, follow, and the record at the end."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from typing import Any

from dag_gateway.clock import Clock

from .api_client import Gateway, Order, open_gateway
from .exits import OutcomeUnknown
from .follow import follow
from .job import find_job
from .options import Call
from .show import View
from .updates import StatusUpdate, status_of, update_of


@dataclass(slots=True)
class Journey:
    """How far it is. ``link`` and ``deployment_id`` are empty until the chart is accepted, ``record`` is None until
    it is asked for."""

    deployment_id: str = ""
    link: str = ""
    last: StatusUpdate | None = None
    record: dict[str, Any] | None = None

    @property
    def deployed(self) -> bool:
        return self.last is not None and self.last.deployed

    @property
    def ended(self) -> bool:
        return self.last is not None and self.last.terminal

    def told(self) -> str:
        """What to say when the client stops looking."""
        if not self.link:
            return "the gateway has not accepted the chart yet"
        if self.ended and self.last:
            return f"it ended {self.last.status!r}, but its record was not read: {self.link}"
        seen = f"it was {self.last.status!r}" if self.last else "nothing was heard of it"
        return f"{seen} and goes on without this job: {self.link}"


async def deploy_chart(
    call: Call, version: str, packed: bytes, view: View, clock: Clock, *, with_record: bool = False
) -> Journey:
    """Upload ``packed``, show the rollout in ``view`` to its end, and read the record when it is wanted.

    An end that is known stays known when the record can not be read any more. Raises WrongUsage, Refused, and
    OutcomeUnknown, also when ``call.timeout`` is over.
    """
    journey = Journey()
    try:
        async with _in_time(call, journey), open_gateway(call.server, clock, view.note) as gateway:
            with view:
                await _upload(gateway, await _order(call, version, packed, view, clock), view, journey)
                await _watch(gateway, view, clock, journey)
            if with_record:
                journey.record = await gateway.record(journey.deployment_id)
    except OutcomeUnknown as error:
        if not journey.ended:
            raise
        view.note(error.message)
    return journey


@asynccontextmanager
async def _in_time(call: Call, journey: Journey) -> AsyncIterator[None]:
    """Raises OutcomeUnknown when ``call.timeout`` is over."""
    try:
        async with asyncio.timeout(call.timeout):
            yield
    except TimeoutError as error:
        raise OutcomeUnknown(f"--timeout: {call.timeout:g} s are over: {journey.told()}") from error


async def _order(call: Call, version: str, packed: bytes, view: View, clock: Clock) -> Order:
    job = await find_job(call.job, call.ci, call.server, clock, view.note)
    return Order(job, version, call.environment, packed, idempotency_key=str(uuid.uuid4()))


async def _upload(gateway: Gateway, order: Order, view: View, journey: Journey) -> None:
    with view.stage("dag_upload", f"Upload to {gateway.url}"):
        journey.deployment_id = await gateway.deploy(order, view.sent)
        journey.link = gateway.link(journey.deployment_id)
        view.note(f"accepted: {journey.link}")


async def _watch(gateway: Gateway, view: View, clock: Clock, journey: Journey) -> None:
    with view.stage("dag_rollout", f"Deployment {journey.deployment_id}"):
        await _follow(gateway, view, clock, journey)
        if not journey.ended:
            journey.last = await _recorded(gateway, journey)
    # Outside of the section: the end and its reason must be seen where sections are folded.
    if journey.last:
        view.update(journey.last)


async def _follow(gateway: Gateway, view: View, clock: Clock, journey: Journey) -> None:
    async with aclosing(follow(gateway, journey.deployment_id, clock, view.note)) as events:
        async for event in events:
            update = update_of(event)
            if isinstance(update, StatusUpdate):
                journey.last = update
            if update and not journey.ended:
                view.update(update)


async def _recorded(gateway: Gateway, journey: Journey) -> StatusUpdate:
    """The end as the record has it. Raises OutcomeUnknown when the record has none."""
    status = status_of(await gateway.record(journey.deployment_id))
    if status is None or not status.terminal:
        raise OutcomeUnknown(f"the stream is over, but the deployment is not: {journey.told()}")
    return status
