"""Application: compared with git every interval and when asked, synced when that is wanted, judged by its resources."""

import asyncio
from collections.abc import Callable, Iterable

from dag_gateway.helm import Helm
from dag_gateway.simulator import kinds
from dag_gateway.simulator.kinds import Key, Object
from dag_gateway.simulator.pace import Pace
from dag_gateway.simulator.refusals import Refused
from dag_gateway.simulator.registry import Registry
from dag_gateway.simulator.store import Change

from . import application_status as outcome
from . import operations
from .resources import Resource, application_of, compared, tracked
from .sources import NoManifests, Wanted, sources_of, wanted_by
from .syncing import Attempt, SyncFailed

_REFRESH = "argocd.argoproj.io/refresh"
_SKIP = "argocd.argoproj.io/skip-reconcile"
_INTERVAL = 180.0
"""Simulated seconds between two looks at git (``timeout.reconciliation``)."""
_FIRST_BACKOFF, _LAST_BACKOFF = 5.0, 180.0
_ATTEMPT = 60.0
"""Simulated seconds for the hooks of a sync."""


class ApplicationController:
    """``stale``: so many simulated seconds after a sync nobody looks, and the health from before it stays."""

    def __init__(self, registry: Registry, helm: Helm, pace: Pace, stale: float) -> None:
        self._registry = registry
        self._helm = helm
        self._pace = pace
        self._stale = stale
        self._wanted: dict[str, Wanted] = {}
        self._due: dict[str, float] = {}
        self._blind: dict[str, float] = {}

    def concerned(self, change: Change) -> Iterable[Key]:
        if change.key.kind is kinds.APPLICATION:
            return [change.key]
        name = application_of(change.item)
        if not name:
            return []
        found = self._registry.store.select(kinds.APPLICATION, where=lambda item: item["metadata"]["name"] == name)
        return [Key(kinds.APPLICATION, item["metadata"]["namespace"], name) for item in found]

    async def reconcile(self, key: Key) -> float | None:
        item = self._registry.store.get(*key)
        if item is None or _annotation(item, _SKIP) == "true":
            return None
        if "deletionTimestamp" in item["metadata"]:
            self._delete(key, item)
            return None
        uid, now = item["metadata"]["uid"], asyncio.get_running_loop().time()
        if (left := self._blind.get(uid, 0.0) - now) > 0:
            return left
        if self._is_due(item, now):
            self._due[uid] = now + self._pace.step(_INTERVAL)
            await self._load(key, item)
        if uid in self._wanted:
            return await self._go_on(key, uid)
        return self._due[uid] - now

    def _is_due(self, item: Object, now: float) -> bool:
        sync = (item.get("status") or {}).get("sync") or {}
        is_new = sync.get("comparedTo") != outcome.compared_to(item)
        return bool(_annotation(item, _REFRESH)) or is_new or now >= self._due.get(item["metadata"]["uid"], 0.0)

    async def _load(self, key: Key, item: Object) -> None:
        """Ask git and Helm what is wanted now, and compare; the request to refresh is done with that."""
        uid = item["metadata"]["uid"]
        self._wanted.pop(uid, None)
        if not any("path" in source or "chart" in source for source in sources_of(item)):
            problem = "spec.source.repoURL and either spec.source.path or spec.source.chart are required"
            self._write(key, outcome.invalid(item, problem, self._registry.now()), _refreshed)
            return
        try:
            wanted = await wanted_by(item, self._helm)
            resources = compared(self._registry, item, wanted.objects)
        except (NoManifests, Refused) as error:
            status = outcome.not_comparable(item, str(error), self._registry.now())
        else:
            self._wanted[uid] = wanted
            status = outcome.compared(item, wanted.revisions, resources, self._registry.now())
        self._write(key, {**status, "reconciledAt": self._registry.now()}, _refreshed)

    async def _go_on(self, key: Key, uid: str) -> float | None:
        """Judge again what is live, and sync when that is wanted."""
        wanted, item = self._wanted[uid], self._registry.read(key)
        resources = compared(self._registry, item, wanted.objects)
        status = outcome.compared(item, wanted.revisions, resources, self._registry.now())
        problem = operations.failed_before(item, wanted.revisions)
        if problem and status["sync"]["status"] != "Synced":
            status = outcome.with_condition(status, "SyncError", problem, self._registry.now())
        else:
            status = outcome.without_conditions(status, "SyncError")
        self._write(key, status)
        operation = operations.asked_for(item, wanted.revisions, resources)
        if operation is None:
            return self._due[uid] - asyncio.get_running_loop().time()
        await self._sync(key, operation, wanted, resources)
        blind = self._pace.step(self._stale)
        self._blind[uid] = self._due[uid] = asyncio.get_running_loop().time() + blind
        return blind

    async def _sync(self, key: Key, operation: Object, wanted: Wanted, resources: list[Resource]) -> None:
        item = self._registry.read(key)
        state = operations.begun(item, operation, self._registry.now())
        self._write(key, {**item["status"], "operationState": state}, lambda item: {**item, "operation": operation})
        prune, limit = bool(operation["sync"].get("prune")), (operation.get("retry") or {}).get("limit", 0)
        while True:
            try:
                attempt = Attempt(self._registry, item, self._pace.deadline(_ATTEMPT))
                results = await attempt.run(wanted, resources, prune=prune)
            except SyncFailed as error:
                if 0 <= limit <= state.get("retryCount", 0):
                    now = self._registry.now()
                    self._finish(key, operations.ended(state, "Failed", str(error), error.resources, now))
                    return
                state = operations.retried(state, str(error), error.resources)
                self._write(key, {**self._registry.read(key)["status"], "operationState": state})
                await asyncio.sleep(self._pace.step(_backoff(state["retryCount"])))
            else:
                now, told = self._registry.now(), "successfully synced (all tasks run)"
                self._finish(key, operations.ended(state, "Succeeded", told, results, now), wanted)
                return

    def _finish(self, key: Key, state: Object, wanted: Wanted | None = None) -> None:
        """Write the end; after a success (``wanted``) also what is in sync now, with the health from before."""
        item = self._registry.read(key)
        status = {**item["status"], "operationState": state}
        if wanted is not None:
            resources = compared(self._registry, item, wanted.objects)
            now = self._registry.now()
            status = outcome.compared({**item, "status": status}, wanted.revisions, resources, now, with_health=False)
            status = outcome.with_history(item, status, state, now)
        self._write(key, status, _without_operation)

    def _delete(self, key: Key, item: Object) -> None:
        for place in tracked(self._registry.store, item):
            self._registry.delete(place)
        self._registry.replace(key, {**item, "metadata": {**item["metadata"], "finalizers": []}})

    def _write(self, key: Key, status: Object, *more: Callable[[Object], Object]) -> None:
        """The status, and ``more`` changes of the object in the same write."""

        def changed(item: Object) -> Object:
            for change in more:
                item = change(item)
            return {**item, "status": status}

        self._registry.edit(key, changed)


def _refreshed(item: Object) -> Object:
    """Without the request for a refresh: that is how it is acknowledged."""
    annotations = {**(item["metadata"].get("annotations") or {})}
    annotations.pop(_REFRESH, None)
    return {**item, "metadata": {**item["metadata"], "annotations": annotations}}


def _without_operation(item: Object) -> Object:
    return {name: value for name, value in item.items() if name != "operation"}


def _annotation(item: Object, name: str) -> str:
    return str((item["metadata"].get("annotations") or {}).get(name, ""))


def _backoff(attempt: int) -> float:
    """Simulated seconds before a retry: doubled each time."""
    return min(_FIRST_BACKOFF * 2.0 ** (attempt - 1), _LAST_BACKOFF)
