"""Wake-ups between processes: what others announce on PostgreSQL is heard here. On SQLite there are no others."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import asyncpg
import structlog

from dag_gateway.clock import Clock

from .database import Database
from .dialects import CHANNEL, connect_postgresql

log = structlog.get_logger(__name__)

ACCEPTED = "accepted"
"""There may be work to claim."""

_POLL = 30.0
"""Seconds after which everybody looks again, whatever was announced."""

_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 15.0

Wake = Callable[[str], None]
WakeAll = Callable[[], None]


def environment_key(app: str, environment: str) -> str:
    """Something moved in the environment. The key of a single deployment is its id."""
    return f"environment:{app}/{environment}"


@asynccontextmanager
async def open_wakeups(database: Database, clock: Clock, wake: Wake, wake_all: WakeAll) -> AsyncIterator[None]:
    """Call ``wake`` with every key that another process announces, as long as the block runs.

    ``wake_all`` is called when announcements may have been missed, and every 30 s to be safe.
    """
    url = database.listens_at
    if url is None:
        yield
        return
    ears = _Ears(url, database.name, clock, wake, wake_all)
    tasks = [asyncio.create_task(ears.listen()), asyncio.create_task(ears.look_again())]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


class _Ears:
    """One connection that listens, made again whenever it is lost."""

    def __init__(self, url: str, own_name: str, clock: Clock, wake: Wake, wake_all: WakeAll) -> None:
        self._url = url
        self._own_name = own_name
        self._clock = clock
        self._wake = wake
        self._wake_all = wake_all
        self._pause = _FIRST_PAUSE

    async def look_again(self) -> None:
        """The safety net, until cancelled."""
        while True:
            await self._clock.sleep(_POLL)
            self._wake_all()

    async def listen(self) -> None:
        """Until cancelled."""
        while True:
            try:
                await self._listen()
            except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError) as error:
                log.warning("wake-ups are lost for now", seconds=self._pause, why=str(error) or type(error).__name__)
            except Exception:
                log.exception("listening for wake-ups failed unexpectedly", seconds=self._pause)
            await self._clock.sleep(self._pause)
            self._pause = min(2 * self._pause, _LONGEST_PAUSE)

    async def _listen(self) -> None:
        """Raises what ended the connection."""
        connection = await connect_postgresql(self._url)
        lost = asyncio.Event()
        try:
            connection.add_termination_listener(lambda _: lost.set())
            await connection.add_listener(CHANNEL, self._hear)
            self._pause = _FIRST_PAUSE
            self._wake_all()
            while not lost.is_set():
                # Nothing is heard of a server that vanished, so it is asked.
                await connection.execute("SELECT 1")
                with suppress(TimeoutError):
                    async with asyncio.timeout(_POLL):
                        await lost.wait()
        finally:
            connection.terminate()
        raise ConnectionError("the server closed the connection")

    def _hear(self, _connection: Any, _process: int, _channel: str, payload: object) -> None:
        sender, _, key = str(payload).partition(" ")
        if sender != self._own_name:
            self._wake(key)
