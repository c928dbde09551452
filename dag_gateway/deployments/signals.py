"""Wake-ups. They carry no content: the store has the truth, a signal only says that looking again is worth it."""

import asyncio
from weakref import WeakValueDictionary


class Signals:
    """One-shot tickets per key: a deployment's id, or one of ``store.wakeups``.

    Take the ticket, *then* read the store, then wait: nothing falls in between.
    """

    def __init__(self) -> None:
        # Weak: a key lives as long as somebody waits for it.
        self._tickets: WeakValueDictionary[str, asyncio.Event] = WeakValueDictionary()

    def ticket(self, key: str) -> asyncio.Event:
        """Set at the next ``wake`` of ``key``; the same for all who ask until then."""
        ticket = self._tickets.get(key)
        if ticket is None:
            ticket = self._tickets[key] = asyncio.Event()
        return ticket

    def wake(self, key: str) -> None:
        """Set the ticket of ``key`` that was handed out, if any."""
        ticket = self._tickets.pop(key, None)
        if ticket is not None:
            ticket.set()

    def __len__(self) -> int:
        """How many keys somebody waits for."""
        return len(self._tickets)

    def wake_all(self) -> None:
        for key in list(self._tickets):
            self.wake(key)
