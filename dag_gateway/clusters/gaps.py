"""How far an object is, as numbers: what the rules of the kinds count with."""

from dag_gateway.model.health import Health, healthy, progressing

from .objects import Object, name, spec, status


def first_gap(obj: Object, *gaps: tuple[bool, str], done: str = "ready") -> Health:
    """Progressing with the words of the first gap that is open; healthy with those of ``done`` when none is."""
    for is_open, words in gaps:
        if is_open:
            return progressing(f"{name(obj)}: {words}")
    return healthy(f"{name(obj)}: {done}")


def replicas(obj: Object) -> int:
    """``spec.replicas``; the API server's default is 1."""
    told = spec(obj).get("replicas")
    return 1 if told is None else int(told)


def count(obj: Object, field: str) -> int:
    """A number of the status; 0 while it is not told."""
    return int(status(obj).get(field) or 0)


def pods(number: int, which: str = "") -> str:
    """``1 old pod``, ``2 old pods``; ``which`` ends with a space."""
    return f"{number} {which}{'pod' if number == 1 else 'pods'}"
