"""How well something runs: verdicts, ordered once; a whole is as good as its worst part."""

from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum

from .reason import Reason


class Verdict(IntEnum):
    """From best to worst."""

    HEALTHY = 0
    """Proven."""
    PROGRESSING = 1
    """On its way; waiting makes sense."""
    UNKNOWN = 2
    """Nobody can tell now (the API does not answer); waiting makes sense, success is out of the question."""
    FAILED = 3
    """Waiting can not mend it."""


@dataclass(frozen=True, slots=True)
class Health:
    """A verdict and the words for it.

    ``message`` says how far (``web: 1/3 pods ready``). ``reason`` is set exactly when the verdict is FAILED.
    ``ready`` and ``desired`` count pods; None where nothing is counted.
    """

    verdict: Verdict
    message: str = ""
    reason: Reason | None = None
    ready: int | None = None
    desired: int | None = None

    def __post_init__(self) -> None:
        if (self.verdict is Verdict.FAILED) != (self.reason is not None):
            raise ValueError(f"a reason belongs to FAILED and only to it, not {self.reason} to {self.verdict.name}")

    @property
    def final(self) -> bool:
        """Whether it ends a rollout."""
        return self.verdict in (Verdict.HEALTHY, Verdict.FAILED)


def healthy(message: str = "", *, ready: int | None = None, desired: int | None = None) -> Health:
    """It runs as it should."""
    return Health(Verdict.HEALTHY, message, None, ready, desired)


def progressing(message: str, *, ready: int | None = None, desired: int | None = None) -> Health:
    """Not there yet; ``message`` says how far."""
    return Health(Verdict.PROGRESSING, message, None, ready, desired)


def unknown(message: str) -> Health:
    """Can not be told now; ``message`` says what does not answer."""
    return Health(Verdict.UNKNOWN, message)


def failed(reason: Reason, message: str, *, ready: int | None = None, desired: int | None = None) -> Health:
    """It will not become healthy by waiting; ``message`` says what, where and why."""
    return Health(Verdict.FAILED, message, reason, ready, desired)


def worst(parts: Iterable[Health]) -> Health:
    """The whole as good as its worst part, pods summed up. No parts at all are healthy: nothing is missing.

    The message tells the first parts of the worst verdict and counts the others.
    """
    listed = list(parts)
    if not listed:
        return healthy()
    lead = max(listed, key=lambda part: part.verdict)
    return Health(
        lead.verdict,
        _told([part.message for part in listed if part.verdict is lead.verdict and part.message]),
        lead.reason,
        _total(part.ready for part in listed),
        _total(part.desired for part in listed),
    )


_TOLD = 5
"""Parts of a message; a release may have hundreds of workloads."""


def _told(messages: list[str]) -> str:
    others = len(messages) - _TOLD
    return "; ".join(messages[:_TOLD]) + (f"; and {others} more" if others > 0 else "")


def _total(counts: Iterable[int | None]) -> int | None:
    known = [count for count in counts if count is not None]
    return sum(known) if known else None
