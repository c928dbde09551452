"""The event streams: rows are read once and encoded once per deployment, and every subscriber gets the same bytes."""

import asyncio
from collections.abc import AsyncGenerator, Iterator
from weakref import WeakValueDictionary

import structlog

from dag_gateway.model.deployment import Deployment, Status
from dag_gateway.model.event import Event, EventKind, News, sse, target_news
from dag_gateway.store import DeploymentStore, StoreUnavailable

from .signals import Signals

log = structlog.get_logger(__name__)

HEARTBEAT = b"event: heartbeat\ndata: {}\n\n"
COME_BACK = b": this stream ends here; it goes on when you come back\nretry: 1000\n\n"


class Feed:
    """Hands out event streams; ``stop`` ends them all with a ``retry:``."""

    def __init__(self, store: DeploymentStore, signals: Signals, heartbeat: float) -> None:
        self._store = store
        self._signals = signals
        self._heartbeat = heartbeat
        self._stopping = False
        self._channels: WeakValueDictionary[int, _Channel] = WeakValueDictionary()

    def stop(self) -> None:
        """End all streams, and every one that is asked for from now on."""
        self._stopping = True
        self._signals.wake_all()

    async def stream(self, deployment_id: str, after: int | None) -> AsyncGenerator[bytes, None] | None:
        """The frames behind event ``after``, or where things stand and whatever follows when it is None.

        None when the deployment has ended and ``after`` was its last event. Raises DeploymentNotFound.
        """
        deployment = (await self._store.get(deployment_id)).deployment
        channel = self._channel(deployment)
        await channel.read()
        if after is None or not 0 <= after <= len(channel.events):
            return self._frames(channel, len(channel.events), [*_where_it_stands(deployment, channel.events)])
        if channel.ended and after == len(channel.events):
            return None
        return self._frames(channel, after, [])

    def _channel(self, deployment: Deployment) -> "_Channel":
        channel = self._channels.get(deployment.number)
        if channel is None:
            channel = self._channels[deployment.number] = _Channel(deployment, self._store, self._signals)
        return channel

    async def _frames(self, channel: "_Channel", position: int, first: list[bytes]) -> AsyncGenerator[bytes, None]:
        for frame in first:
            yield frame
        while True:
            try:
                changed = await channel.read()
            except StoreUnavailable as error:
                log.warning("an event stream was cut short", why=error.message)
                yield COME_BACK
                return
            while position < len(channel.frames):
                yield channel.frames[position]
                position += 1
            if channel.ended:
                return
            if self._stopping:
                yield COME_BACK
                return
            if not await _within(self._heartbeat, changed):
                yield HEARTBEAT


class _Channel:
    """The log of one deployment as bytes, shared by its subscribers. Event ``n`` is frame ``n - 1``."""

    def __init__(self, deployment: Deployment, store: DeploymentStore, signals: Signals) -> None:
        self.events: list[Event] = []
        self.frames: list[bytes] = []
        self.ended = False
        self._deployment = deployment
        self._store = store
        self._signals = signals
        self._lock = asyncio.Lock()
        self._changed: asyncio.Event | None = None

    async def read(self) -> asyncio.Event:
        """Bring the frames up to date. The event returned is set once they are no longer."""
        async with self._lock:
            if self._changed is None or self._changed.is_set():
                changed = self._signals.ticket(self._deployment.id)
                for event in await self._store.events(self._deployment.number, after=len(self.events)):
                    self._append(event)
                self._changed = changed
            return self._changed

    def _append(self, event: Event) -> None:
        self.events.append(event)
        self.frames.append(sse(event.news, event.number))
        self.ended = _is_end(event.news)


def _is_end(news: News) -> bool:
    return news.kind is EventKind.STATUS and Status(news.data["status"]).terminal


def _where_it_stands(deployment: Deployment, events: list[Event]) -> Iterator[bytes]:
    """The newest state of every target, then the newest status under the number of the newest event."""
    targets = {state.target.id: target_news(state, deployment.accepted_at) for state in deployment.targets}
    status = events[0].news
    for event in events:
        if event.news.kind is EventKind.TARGET:
            targets[event.news.data["target"]["id"]] = event.news
        else:
            status = event.news
    for news in targets.values():
        yield sse(news)
    yield sse(status, events[-1].number)


async def _within(seconds: float, event: asyncio.Event) -> bool:
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return False
    return True
