"""Transactions that, once begun, come to their end."""

import asyncio
from collections.abc import Callable, Coroutine
from contextlib import suppress
from functools import wraps
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


def uninterrupted(work: Callable[P, Coroutine[Any, Any, T]]) -> Callable[P, Coroutine[Any, Any, T]]:
    """Let a cancellation wait until ``work``, one short transaction, is done.

    A connection that is dropped in the middle of a transaction keeps its lock until its last statement is collected
    (``sqlite3_close_v2``), and nobody else could write until then; the task that closes it may outlive the loop.
    """

    @wraps(work)
    async def to_its_end(*args: P.args, **kwargs: P.kwargs) -> T:
        return await settled(asyncio.create_task(work(*args, **kwargs)))

    return to_its_end


async def settled(working: asyncio.Future[T]) -> T:
    """The result; a cancellation waits until there is one, and is raised then."""
    try:
        return await asyncio.shield(working)
    except asyncio.CancelledError:
        # Whoever cancels may do it again and again, as anyio's scopes do.
        while not working.done():
            with suppress(asyncio.CancelledError):
                await asyncio.wait([working])
        if not working.cancelled():
            working.exception()
        raise
