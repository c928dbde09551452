"""One deployment and all who listen to it: one reader of the log, one copy of every frame."""

import asyncio
from collections.abc import Callable, Iterator, Sequence

import structlog

from dag_gateway.model.deployment import Deployment
from dag_gateway.model.event import Event
from dag_gateway.store import DeploymentStore, StoreUnavailable

from .heartbeats import Heartbeats
from .signals import Signals
from .subscription import Subscription
from .transcript import Transcript, is_end

# Woken in portions, so that ten thousand listeners of one deployment leave room for those of the others.
_AT_ONCE = 100

_AGAIN = 1.0
"""Seconds; the store has been patient itself before it gives up."""

log = structlog.get_logger(__name__)

Word = Callable[[Subscription], None]
"""What listeners are told; a method of theirs."""


class Channel:
    """``guests`` counts those on their way in, who keep it open as listeners do; ``deserted`` is told of the last one
    who leaves. Who comes to a channel that is ``closing`` gets what there is and is sent away.
    """

    def __init__(
        self,
        deployment_id: str,
        store: DeploymentStore,
        signals: Signals,
        heartbeats: Heartbeats,
        deserted: Callable[["Channel"], None],
    ) -> None:
        self.id = deployment_id
        self.guests = 0
        self.closing = False
        self.reader: asyncio.Task[None] | None = None
        self._store = store
        self._signals = signals
        self._heartbeats = heartbeats
        self._deserted = deserted
        self._transcript: Transcript | None = None
        self._listeners: set[Subscription] = set()
        self._reading = asyncio.Lock()
        self._failures = 0
        self._ticket = asyncio.Event()

    @property
    def empty(self) -> bool:
        """Nobody listens, and nobody is about to."""
        return not self._listeners and not self.guests

    async def open(self) -> Transcript:
        """What is told, read by the first who asks. Raises DeploymentNotFound, StoreUnavailable."""
        failures = self._failures
        async with self._reading:
            if self._transcript is None:
                if self._failures > failures:
                    # Thousands may wait while the database is away: they do not try one after the other.
                    raise StoreUnavailable("the database can not be read now; try again")
                self._transcript = await self._read()
            return self._transcript

    async def _read(self) -> Transcript:
        self._ticket = self._signals.ticket(self.id)
        try:
            snapshot = await self._store.get(self.id)
            events = await self._store.events(snapshot.deployment.number)
            record = await self._record_at_the_end(snapshot.deployment, events)
        except StoreUnavailable:
            self._failures += 1
            raise
        transcript = Transcript(snapshot, events)
        if record is not None:
            transcript.settle(record)
        return transcript

    async def read_on(self) -> None:
        """Take what the log has gained. Raises StoreUnavailable."""
        transcript = await self.open()
        async with self._reading:
            self._ticket = self._signals.ticket(self.id)
            events = await self._store.events(transcript.deployment.number, after=transcript.last)
            self._take(transcript, await self._record_at_the_end(transcript.deployment, events), events)

    async def follow(self) -> None:
        """Read whenever somebody else wrote, until the end. Raises StoreUnavailable before the first reading."""
        transcript = await self.open()
        while not transcript.ended:
            await self._ticket.wait()
            await self._read_on_patiently()

    async def _read_on_patiently(self) -> None:
        """While the database is away the streams stay: whoever came back would only be told to come back again."""
        while True:
            try:
                await self.read_on()
            except StoreUnavailable as error:
                log.warning("events can not be read now; the streams wait", deployment=self.id, why=error.message)
                await asyncio.sleep(_AGAIN)
            else:
                return

    def hear(self, changed: Deployment, events: Sequence[Event]) -> None:
        """What was just written here needs no reading, unless something before it is not known yet."""
        if self._transcript is None or events[0].number > self._transcript.last + 1:
            self._signals.wake(self.id)
        elif events[-1].number > self._transcript.last:
            self._take(self._transcript, changed, events)

    def subscribe(self, transcript: Transcript, after: int | None) -> Subscription | None:
        """None when the deployment has ended and ``after`` was its last event."""
        if transcript.ended and after == transcript.last:
            return None
        if after is None or not transcript.pruned <= after <= transcript.last:
            listener = Subscription(transcript, transcript.last, transcript.standing(), self._leave)
        else:
            listener = Subscription(transcript, after, (), self._leave)
        self._listeners.add(listener)
        self._heartbeats.join(listener)
        if transcript.ended:
            listener.finish()
        elif self.closing:
            listener.dismiss()
        return listener

    def close(self) -> None:
        """Send everybody away, and whoever comes from now on."""
        self.closing = True
        self._tell(Subscription.dismiss)

    async def _record_at_the_end(self, known: Deployment, events: Sequence[Event]) -> Deployment | None:
        """The end comes with more than its event tells; before it, the record is not needed."""
        if known.status.terminal or not any(map(is_end, events)):
            return None
        return (await self._store.get(self.id)).deployment

    def _take(self, transcript: Transcript, record: Deployment | None, events: Sequence[Event]) -> None:
        if record is not None:
            transcript.settle(record)
        if transcript.add(events):
            # To end a stream costs more than an event, so everybody has the event first.
            self._tell(*((Subscription.wake, Subscription.finish) if transcript.ended else (Subscription.wake,)))

    def _tell(self, *words: Word) -> None:
        """The first word to everybody, then the next."""
        listeners = [*self._listeners]
        self._tell_portions(
            (word, listeners[at : at + _AT_ONCE]) for word in words for at in range(0, len(listeners), _AT_ONCE)
        )

    def _tell_portions(self, portions: Iterator[tuple[Word, Sequence[Subscription]]]) -> None:
        word, listeners = next(portions, (Subscription.wake, ()))
        for listener in listeners:
            word(listener)
        if listeners:
            asyncio.get_running_loop().call_soon(self._tell_portions, portions)

    def _leave(self, listener: Subscription) -> None:
        self._listeners.discard(listener)
        self._heartbeats.leave(listener)
        if self.empty:
            self._deserted(self)
