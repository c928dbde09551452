"""How long to wait before the next attempt, as a computed value."""

import random
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Backoff:
    """Doubling waits in seconds from ``first`` up to ``most``."""

    first: float
    most: float

    def wait(self, attempt: int, jitter: float) -> float:
        """``attempt`` counts from 0; ``jitter`` from 0 to 1 takes up to half of the wait away."""
        full = min(self.most, self.first * 2.0 ** min(attempt, 30))
        return full * (1 - jitter / 2)


AFTER_RACE = Backoff(first=0.01, most=0.05)
"""In every race somebody gets through, so there is no storm to wait for; a lock is held for milliseconds."""
WHILE_AWAY = Backoff(first=0.5, most=10.0)
"""A remote that restarts is away for seconds."""


def wait_after_race(lost: int, jitter: float) -> float:
    """``lost`` counts the races before this one. The first is run again at once: its winner is through already."""
    return AFTER_RACE.wait(lost - 1, jitter) if lost else 0.0


def jitter() -> float:
    """From 0 to 1, so that writers who lost the same race do not meet again."""
    return random.SystemRandom().random()
