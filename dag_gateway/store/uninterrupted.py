"""Writes that, once begun, come to their end."""

import asyncio
from collections.abc import Callable, Coroutine
from functools import wraps
from typing import Any, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


def uninterrupted(write: Callable[P, Coroutine[Any, Any, T]]) -> Callable[P, Coroutine[Any, Any, T]]:
    """Let a cancellation wait until ``write`` is done.

    A connection that is dropped in the middle of a transaction keeps its lock until its last statement is collected
    (``sqlite3_close_v2``), and nobody else could write until then.
    """

    @wraps(write)
    async def to_its_end(*args: P.args, **kwargs: P.kwargs) -> T:
        writing = asyncio.create_task(write(*args, **kwargs))
        try:
            return await asyncio.shield(writing)
        except asyncio.CancelledError:
            await asyncio.gather(writing, return_exceptions=True)
            raise

    return to_its_end
