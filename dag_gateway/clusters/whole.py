"""Whole Secrets of Helm, and whole ConfigMaps: read once per version, when their metadata says that there is a new one.

A watch of whole ones would hold everything that anybody stores in the cluster in memory; only what belongs to the
releases that are followed is needed.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable
from dataclasses import replace

from . import helm_record
from .api import Api
from .cache import Wake
from .lease import Lease
from .objects import Object
from .resources import CONFIG_MAPS, SECRETS, Selection
from .watch import Change, Known, Lost, Synced, differences, version

OWNED_BY_HELM = "owner=helm"
"""The label of Helm's release Secrets: no other Secret is watched, not even its metadata."""

READ_ONE_BY_ONE = frozenset({SECRETS, CONFIG_MAPS})

Borrow = Callable[[Selection, Wake], Lease]


async def read_at_changes(api: Api, selection: Selection, borrow: Borrow, known: Known) -> AsyncGenerator[Change, None]:
    """The one object that ``selection`` names. Raises what listing raises, and what the metadata were refused with."""
    changed = asyncio.Event()
    labels = OWNED_BY_HELM if selection.resource == SECRETS else ""
    metadata = borrow(replace(selection, labels=labels, metadata_only=True), changed.set)
    try:
        while True:
            changed.clear()
            metadata.check()
            if metadata.refused is not None:
                raise metadata.refused
            if metadata.loss is not None:
                yield Lost(metadata.loss.message)
            elif metadata.synced:
                for change in await _news(api, selection, metadata.objects, known):
                    yield change
                yield Synced()
            await changed.wait()
    finally:
        metadata.release()


async def read_now(api: Api, selection: Selection) -> tuple[Object, ...]:
    """What the API answers; whole Secrets ``helm_record.opened``, in a thread, so that nothing else waits for that."""
    items = (await api.list_objects(selection)).items
    if selection.resource != SECRETS or selection.metadata_only:
        return items
    return tuple([await asyncio.to_thread(helm_record.opened, secret) for secret in items])


async def _news(api: Api, selection: Selection, metadata: tuple[Object, ...], known: Known) -> list[Change]:
    if [version(obj) for obj in metadata] == [version(obj) for obj in known.values()]:
        return []
    return differences(await read_now(api, selection), known)
