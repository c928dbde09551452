"""How often something may happen: so many times at once, and so many times a minute from then on."""

from collections import OrderedDict

_MINUTE = 60.0


class Allowance:
    """One bucket of tokens for each key, the ``room`` keys that were used last.

    A bucket is one number: the time at which it is full again (the generic cell rate algorithm, ATM Forum TM 4.0).
    Times are seconds of any clock that does not go back.
    """

    def __init__(self, per_minute: int, room: int) -> None:
        self._interval = _MINUTE / per_minute
        self._room = room
        self._full_at: OrderedDict[str, float] = OrderedDict()

    def __len__(self) -> int:
        return len(self._full_at)

    def use(self, key: str, now: float) -> None:
        """It happened once more; whether it was allowed is asked before."""
        full_at = max(self._full_at.pop(key, now), now) + self._interval
        self._full_at[key] = min(full_at, now + _MINUTE)
        if len(self._full_at) > self._room:
            self._full_at.popitem(last=False)

    def wait(self, key: str, now: float) -> float:
        """Seconds until it may happen again; 0 when it may now."""
        return max(0.0, self._full_at.get(key, now) + self._interval - _MINUTE - now)

    def is_used(self, key: str, now: float) -> bool:
        """Whether the bucket is not full: it happened, and not long ago."""
        return self._full_at.get(key, now) > now
