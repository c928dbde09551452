"""How long to wait before another try: computed values, nothing waits here."""

_FIRST = 1.0
_LONGEST = 15.0
_SHORTEST_ASKED, _LONGEST_ASKED = 0.1, 60.0


def wait_before(failures: int, asked: float | None, spread: float) -> float:
    """Seconds before the next try after ``failures`` (at least 1) in a row.

    ``asked`` is what the server asked for (``Retry-After``, ``retry:``); it wins, within bounds. ``spread``, from 0
    to 1, adds up to a quarter so that many clients do not come back at the same moment.
    """
    doubled = _FIRST * 2 ** min(failures - 1, 10)
    wait = min(doubled, _LONGEST) if asked is None else min(max(asked, _SHORTEST_ASKED), _LONGEST_ASKED)
    return wait * (1 + spread / 4)


def retry_after(header: str | None) -> float | None:
    """``Retry-After`` in seconds; None when it is absent or a date (the gateway sends seconds)."""
    if header and header.isascii() and header.isdigit():
        return float(header[:9])
    return None
