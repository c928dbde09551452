"""Reading a rollout from the API itself: every baseline and every end is judged on lists that no cache answered."""

import asyncio
from collections.abc import Coroutine, Iterable
from typing import Any, TypeVar

from .api import Api
from .errors import ClusterMisconfigured, Forbidden
from .live import Snapshot
from .objects import Object
from .resources import FOLLOWED, Selection
from .rollout import Rollout
from .shared_lists import SharedLists

_Answer = TypeVar("_Answer")


async def read_proof(lists: SharedLists, rollout: Rollout) -> Snapshot:
    """Everything that proves the release, in the order in which it becomes known, and what helps if it is permitted."""
    seen: dict[Selection, tuple[Object, ...]] = {}
    while missing := [selection for selection in rollout.proof(seen) if selection not in seen]:
        seen.update(await _lists(lists, missing))
    return {**seen, **await _permitted_lists(lists, rollout.helpful(seen))}


async def read_again(lists: SharedLists, rollout: Rollout, seen: Snapshot) -> Snapshot | None:
    """What ``seen`` shows, read anew: the workloads first, then what proves the release, so ours before and after.

    None when there is more to read by now than ``seen`` knew of: nothing can be concluded from a part.
    """
    running, proof, helpful = rollout.running(seen), rollout.proof(seen), rollout.helpful(seen)
    parts = await _together((_lists(lists, running), _permitted_lists(lists, helpful)))
    fresh = {**parts[0], **parts[1], **await _lists(lists, proof)}
    asked = {*running, *proof, *helpful}
    wanted = {*rollout.running(fresh), *rollout.proof(fresh), *rollout.helpful(fresh)}
    return fresh if wanted <= asked else None


async def check_access(api: Api, selections: Iterable[Selection]) -> None:
    """Raises ClusterMisconfigured for the first that may not be read."""
    await _together(api.check_access(selection) for selection in selections)


async def _lists(lists: SharedLists, selections: Iterable[Selection]) -> dict[Selection, tuple[Object, ...]]:
    asked = tuple(dict.fromkeys(selections))
    found = await _together(lists.read(selection) for selection in asked)
    return dict(zip(asked, found, strict=True))


async def _permitted_lists(lists: SharedLists, selections: Iterable[Selection]) -> dict[Selection, tuple[Object, ...]]:
    """Without those that are refused or not served; a cluster that does not answer has not refused.

    What runs pods may be unknown to a cluster, never hidden: raises Forbidden, as nobody would see an unfinished one.
    """
    found = await _together(_permitted_list(lists, selection) for selection in dict.fromkeys(selections))
    return {selection: items for part in found for selection, items in part.items()}


async def _permitted_list(lists: SharedLists, selection: Selection) -> dict[Selection, tuple[Object, ...]]:
    try:
        return {selection: await lists.read(selection)}
    except Forbidden:
        if selection.resource.key in FOLLOWED:
            raise
        return {}
    except ClusterMisconfigured:
        return {}


async def _together(work: Iterable[Coroutine[Any, Any, _Answer]]) -> list[_Answer]:
    """All answers once all are there; raises the first error, when nothing is being asked any more."""
    tasks = [asyncio.ensure_future(one) for one in work]
    if tasks:
        await asyncio.gather(*tasks, return_exceptions=True)
    return [task.result() for task in tasks]
