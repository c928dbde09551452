"""A forge that is down is left alone for a while, so that whoever asks gets an answer at once."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from enum import StrEnum

import structlog

from dag_gateway.clock import Clock

from .answer import ForgeUnavailable

log = structlog.get_logger(__name__)

FAILURES = 5
"""In a row, until the forge is left alone: a restart or one slow minute is not that."""

FIRST_PAUSE = 1.0
LONGEST_PAUSE = 30.0
"""Seconds. A pause doubles with every probe that fails, up to the longest: that is also how long a forge that has come
back goes unnoticed."""


class Phase(StrEnum):
    """Closed: calls pass. Open: none does. Probing: one is under way, and decides."""

    CLOSED = "closed"
    OPEN = "open"
    PROBING = "probing"


@dataclass(frozen=True, slots=True)
class Circuit:
    """What is known of a forge. Times are in seconds of a monotonic clock.

    ``era`` grows with every change of phase. A call that began in another era says nothing of this one: a hundred
    calls that fail together open the circuit once, and none of them lengthens the pause.
    """

    phase: Phase = Phase.CLOSED
    era: int = 0
    failures: int = 0
    pause: float = 0.0
    until: float = 0.0

    def wait(self, now: float) -> float:
        """Seconds until a call may be made; 0 when it may be made now."""
        if self.phase is Phase.CLOSED:
            return 0.0
        if self.phase is Phase.PROBING:
            return FIRST_PAUSE
        return max(self.until - now, 0.0)

    def called(self) -> "Circuit":
        """A call begins, in the era of the circuit that is returned."""
        return self._turned(Phase.PROBING) if self.phase is Phase.OPEN else self

    def succeeded(self, era: int) -> "Circuit":
        if era != self.era:
            return self
        return replace(self, failures=0) if self.phase is Phase.CLOSED else Circuit(era=self.era + 1)

    def failed(self, era: int, now: float) -> "Circuit":
        if era != self.era:
            return self
        if self.phase is Phase.CLOSED and self.failures + 1 < FAILURES:
            return replace(self, failures=self.failures + 1)
        pause = min(max(self.pause * 2, FIRST_PAUSE), LONGEST_PAUSE)
        return replace(self._turned(Phase.OPEN), pause=pause, until=now + pause)

    def abandoned(self, era: int) -> "Circuit":
        """Who called went away before the forge had answered; a probe is left to the next who asks."""
        return self._turned(Phase.OPEN) if self.phase is Phase.PROBING and era == self.era else self

    def _turned(self, phase: Phase) -> "Circuit":
        return replace(self, phase=phase, era=self.era + 1)


class Attempt:
    """One call. It has succeeded unless something was raised, or it was said to have failed."""

    def __init__(self) -> None:
        self.has_failed = False

    def fail(self) -> None:
        """The forge answered, but as one does that is broken."""
        self.has_failed = True


class Breaker:
    """The circuit of one forge, which all calls to it go through."""

    def __init__(self, forge: str, clock: Clock) -> None:
        self._forge = forge
        self._clock = clock
        self._circuit = Circuit()

    @contextmanager
    def attempt(self) -> Iterator[Attempt]:
        """Around one call. Raises ForgeUnavailable while the forge is left alone.

        A ForgeUnavailable out of the block is a failure; whatever else leaves it (a cancelled call, above all) decides
        nothing.
        """
        self._enter()
        era = self._circuit.era
        attempt = Attempt()
        try:
            yield attempt
        except ForgeUnavailable:
            self._fail(era)
            raise
        except BaseException:
            self._circuit = self._circuit.abandoned(era)
            raise
        if attempt.has_failed:
            self._fail(era)
        else:
            self._succeed(era)

    def _enter(self) -> None:
        if wait := self._circuit.wait(self._clock.monotonic()):
            raise ForgeUnavailable(
                f"forge {self._forge!r} has failed {FAILURES} times in a row; it is asked again in {wait:.1f} s",
                retry_after=wait,
            )
        self._circuit = self._circuit.called()

    def _fail(self, era: int) -> None:
        before, self._circuit = self._circuit, self._circuit.failed(era, self._clock.monotonic())
        if self._circuit.phase is Phase.OPEN and before.phase is not Phase.OPEN:
            log.warning("a forge fails and is left alone", forge=self._forge, seconds=self._circuit.pause)

    def _succeed(self, era: int) -> None:
        before, self._circuit = self._circuit, self._circuit.succeeded(era)
        if before.phase is Phase.PROBING and self._circuit.phase is Phase.CLOSED:
            log.info("a forge answers again", forge=self._forge)
