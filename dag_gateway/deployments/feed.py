"""The event streams: rows are read once and encoded once per deployment, and every subscriber gets the same bytes."""

import asyncio
from collections.abc import Coroutine, Sequence
from typing import Any, Self

import structlog

from dag_gateway.model.deployment import Deployment
from dag_gateway.model.event import Event
from dag_gateway.store import DeploymentStore, StoreUnavailable

from .channel import Channel
from .heartbeats import Heartbeats
from .signals import Signals
from .subscription import Subscription

log = structlog.get_logger(__name__)


class Feed:
    """Hands out event streams; ``stop`` ends them all with a ``retry:``. ``heartbeat`` is in seconds."""

    def __init__(self, store: DeploymentStore, signals: Signals, heartbeat: float) -> None:
        self._store = store
        self._signals = signals
        self._heartbeats = Heartbeats(heartbeat)
        self._stopping = False
        self._channels: dict[str, Channel] = {}
        self._tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        self._start(self._heartbeats.run())
        return self

    async def __aexit__(self, *_: object) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def stop(self) -> None:
        """End all streams, and every one that is asked for from now on."""
        self._stopping = True
        for channel in self._channels.values():
            channel.close()

    async def stream(self, deployment_id: str, after: int | None) -> Subscription | None:
        """The frames behind event ``after``, or where things stand and whatever follows when it is None.

        None when the deployment has ended and ``after`` was its last event. The caller closes what it gets.
        Raises DeploymentNotFound, StoreUnavailable.
        """
        channel = self._channel(deployment_id)
        channel.guests += 1
        try:
            transcript = await channel.open()
            if after is not None and after > transcript.last:
                # Another replica may have told it before this one heard of it.
                await channel.read_on()
            return channel.subscribe(transcript, after)
        finally:
            channel.guests -= 1
            self._keep(channel)

    def hear(self, changed: Deployment, events: Sequence[Event]) -> None:
        """What this process has just written: ``events``, and the record that they left."""
        channel = self._channels.get(changed.id)
        if channel is not None:
            channel.hear(changed, events)

    def _channel(self, deployment_id: str) -> Channel:
        channel = self._channels.get(deployment_id)
        if channel is None:
            channel = Channel(deployment_id, self._store, self._signals, self._heartbeats, self._keep)
            channel.closing = self._stopping
            self._channels[deployment_id] = channel
        return channel

    def _keep(self, channel: Channel) -> None:
        """A channel has a reader while somebody listens, and is forgotten once nobody does."""
        if not channel.empty:
            if channel.reader is None:
                channel.reader = self._start(self._follow(channel))
            return
        self._forget(channel)
        if channel.reader is not None:
            channel.reader.cancel()
            channel.reader = None

    def _forget(self, channel: Channel) -> None:
        if self._channels.get(channel.id) is channel:
            del self._channels[channel.id]

    async def _follow(self, channel: Channel) -> None:
        """Read for the channel; if that can not go on, the next who comes gets a new one."""
        try:
            await channel.follow()
        except Exception as error:
            unexpected = None if isinstance(error, StoreUnavailable) else error
            log.warning("event streams were cut short", deployment=channel.id, why=str(error), exc_info=unexpected)
            self._forget(channel)
            channel.close()

    def _start(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task
