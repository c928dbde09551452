"""The stream of one deployment over as many connections as it takes."""

import random
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing

import httpx

from dag_gateway.clock import Clock

from .answers import Answer, describe
from .api_client import Gateway
from .exits import OutcomeUnknown
from .retry import retry_after, wait_before
from .sse import EventTooLarge, Parser, ServerEvent
from .transport import described_error
from .updates import StatusUpdate, update_of

# Connections in a row that brought nothing: with waits of up to 15 s, more than four minutes of absence.
_PATIENCE = 20
_LARGEST_REFUSAL = 64 * 1024


class _Broken(Exception):
    """This connection is over and another one may do better. ``asked`` is how many seconds the server asked for."""

    def __init__(self, problem: str, asked: float | None = None) -> None:
        super().__init__(problem)
        self.asked = asked


class _Finished(Exception):
    """The server has nothing after what was already seen (HTTP 204)."""


async def follow(
    gateway: Gateway, deployment_id: str, clock: Clock, note: Callable[[str], None]
) -> AsyncGenerator[ServerEvent, None]:
    """Every event once, up to and including the terminal one, or until the server says that all was seen.

    ``note`` is told of every lost connection. Raises OutcomeUnknown when the gateway stays away or does not know
    the deployment.
    """
    last_id, failures = "", 0
    while True:
        try:
            async with aclosing(_one_connection(gateway, deployment_id, last_id)) as events:
                async for event in events:
                    last_id, failures = event.id, 0
                    yield event
                    if _is_terminal(event):
                        return
        except _Finished:
            return
        except _Broken as broken:
            failures += 1
            if failures > _PATIENCE:
                raise OutcomeUnknown(f"{gateway.url}: the stream is lost for good: {broken}") from broken
            # No secret: it only keeps many clients from coming back at the same moment.
            seconds = wait_before(failures, broken.asked, random.random())  # noqa: S311 (no secret)
            note(f"{broken}; connecting again in {seconds:.0f} s")
        await clock.sleep(seconds)


async def _one_connection(gateway: Gateway, deployment_id: str, last_id: str) -> AsyncGenerator[ServerEvent, None]:
    """The events of one connection, which always ends in _Broken or _Finished."""
    parser = Parser(last_id)
    try:
        async with gateway.events(deployment_id, last_id) as response:
            await _check(response)
            async for chunk in response.aiter_bytes():
                for event in parser.feed(chunk):
                    yield event
    except httpx.RequestError as error:
        raise _Broken(f"the stream broke: {described_error(error)}", parser.retry) from error
    except EventTooLarge as error:
        raise _Broken(str(error)) from error
    raise _Broken("the stream ended before the deployment did", parser.retry)


async def _check(response: httpx.Response) -> None:
    """Raises _Finished for 204, _Broken for what may pass, OutcomeUnknown for what will not."""
    kind = response.headers.get("content-type", "").partition(";")[0].strip().lower()
    if response.status_code == 204:
        raise _Finished
    if response.status_code == 200 and kind == "text/event-stream":
        return
    answer = Answer(response.status_code, response.headers, await _refusal(response))
    if 400 <= answer.status < 500 and not answer.passing:
        raise OutcomeUnknown(f"the deployment can not be followed any more: {describe(answer)}")
    raise _Broken(f"no stream: {describe(answer)}", retry_after(answer.headers.get("retry-after")))


async def _refusal(response: httpx.Response) -> bytes:
    body = b""
    async for chunk in response.aiter_bytes():
        body += chunk
        if len(body) > _LARGEST_REFUSAL:
            break
    return body


def _is_terminal(event: ServerEvent) -> bool:
    update = update_of(event)
    return isinstance(update, StatusUpdate) and update.terminal
