"""Watching, as generators named by how long they live: while somebody looks, one list and its watches, one request.

What comes out are plain changes. ``Synced`` marks that everything there was has been said, ``Lost`` that the API can
not be reached for now; after a ``Lost`` comes a ``Synced`` again.
"""

import random
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass

from dag_gateway.clock import Clock

from .api import Api
from .errors import ClusterMisconfigured, ClusterUnreachable, Forbidden, VersionExpired
from .objects import Object, meta, name, namespace
from .resources import Selection

_FIRST_WAIT = 0.25
_LONGEST_WAIT = 15.0
REFUSALS = 6
"""How often in a row the cluster may refuse, which takes about 6 s: an API server that has just started knows neither
all rules nor all kinds yet, and a token may be renewed at this moment."""


@dataclass(frozen=True, slots=True)
class Seen:
    """An object as it is now."""

    object: Object


@dataclass(frozen=True, slots=True)
class Gone:
    """An object that is no longer there, or no longer selected."""

    object: Object


@dataclass(frozen=True, slots=True)
class Synced:
    """Everything that was there has been said."""


@dataclass(frozen=True, slots=True)
class Lost:
    """The API can not be reached; ``message`` names the cluster."""

    message: str


Change = Seen | Gone | Synced | Lost

Known = dict[tuple[str, str], Object]
"""Objects by namespace and name."""

Attempt = Callable[[], AsyncGenerator[Change, None]]
"""Tells everything, then ``Synced``, then what changes, until it raises VersionExpired or a trouble of the cluster."""


def changes_of(
    api: Api, clock: Clock, selection: Selection, *, may_be_narrowed: bool = False
) -> AsyncGenerator[Change, None]:
    """List and watch, for as long as somebody looks; raises as ``as_long_as_wanted`` does."""
    known: Known = {}
    return as_long_as_wanted(
        clock, lambda: list_and_watch(api, clock, selection, known), may_be_narrowed=may_be_narrowed
    )


async def as_long_as_wanted(
    clock: Clock, attempt: Attempt, *, may_be_narrowed: bool = False
) -> AsyncGenerator[Change, None]:
    """Never ends by itself; comes back after every loss. Raises ClusterMisconfigured when it is refused repeatedly.

    Who ``may_be_narrowed`` has another way if it was never let in: it is told at once, by Forbidden.
    """
    losses = refusals = 0
    ever = False
    while True:
        listed = False
        try:
            async with aclosing(attempt()) as changes:
                async for change in changes:
                    if listed:  # a list alone does not show that watching works, what comes after it does
                        losses = refusals = 0
                    listed = listed or isinstance(change, Synced)
                    ever = ever or listed
                    yield change
        except VersionExpired:
            losses = 0  # what was missed is in the next list
        except ClusterUnreachable as error:
            losses += 1
            yield Lost(error.message)
        except ClusterMisconfigured as error:
            losses, refusals = losses + 1, refusals + 1
            if refusals == REFUSALS or (may_be_narrowed and not ever and isinstance(error, Forbidden)):
                raise
            yield Lost(error.message)
        await clock.sleep(backoff(max(1, losses)))


async def list_and_watch(api: Api, clock: Clock, selection: Selection, known: Known) -> AsyncGenerator[Change, None]:
    """One list, what has vanished since the last one, ``Synced``, then watches until VersionExpired."""
    page = await api.list_objects(selection)
    for difference in differences(page.items, known):
        yield difference
    yield Synced()
    newest, silent = page.version, 0
    while True:
        silent += 1
        async with aclosing(api.events(selection, newest)) as events:
            async for event in events:
                newest, silent = version(event["object"]) or newest, 0
                change = _change(event["type"], event["object"], known)
                if change:
                    yield change
        await clock.sleep(backoff(silent - 1))


def backoff(failures: int) -> float:
    """Seconds before the next attempt: none at first, then doubling, with jitter so that not all come back at once."""
    if failures <= 0:
        return 0.0
    longest = min(_LONGEST_WAIT, _FIRST_WAIT * 2.0 ** min(failures - 1, 10))
    return longest * random.uniform(0.5, 1.0)  # noqa: S311  # spreads load, keeps no secret


def differences(items: tuple[Object, ...], known: Known) -> list[Change]:
    """What a new list says that is not known, vanished objects included; ``known`` becomes the list."""
    now = {_key(item): item for item in items}
    gone = [Gone(known[key]) for key in known.keys() - now.keys()]
    seen = [Seen(item) for key, item in now.items() if key not in known or version(known[key]) != version(item)]
    known.clear()
    known.update(now)
    return [*gone, *seen]


def _change(kind: str, obj: Object, known: Known) -> Change | None:
    """None for bookmarks, which only carry a version."""
    if kind == "DELETED":
        known.pop(_key(obj), None)
        return Gone(obj)
    if kind in ("ADDED", "MODIFIED"):
        known[_key(obj)] = obj
        return Seen(obj)
    return None


def _key(obj: Object) -> tuple[str, str]:
    return namespace(obj), name(obj)


def version(obj: Object) -> str:
    """Changes with every write."""
    return str(meta(obj).get("resourceVersion", ""))
