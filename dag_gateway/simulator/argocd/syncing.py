"""One attempt to sync: hooks before, apply, prune, hooks after."""

from collections.abc import Sequence

from dag_gateway.simulator import kinds
from dag_gateway.simulator.hooks import HookFailed, hooks_at, run_hook
from dag_gateway.simulator.kinds import Key, Object
from dag_gateway.simulator.readiness import NotReady, all_ready
from dag_gateway.simulator.refusals import Refused
from dag_gateway.simulator.registry import Registry

from .resources import MANAGER, Resource, configs, identity, leftovers
from .sources import Wanted

# How Argo CD reads the hooks of a chart (docs/user-guide/helm.md): it knows no difference of install and upgrade.
_BEFORE, _AFTER = ("pre-install", "pre-upgrade"), ("post-install", "post-upgrade")


class SyncFailed(Exception):
    """The attempt failed; the text is the operation's message, ``resources`` are its results so far."""

    def __init__(self, message: str, resources: Sequence[Object]) -> None:
        super().__init__(message)
        self.resources = resources


class Attempt:
    """``seconds`` (real ones) is how long hooks and, before hooks that come after, workloads may take."""

    def __init__(self, registry: Registry, application: Object, seconds: float) -> None:
        self._registry = registry
        self._application = application
        self._seconds = seconds
        self._results: list[Object] = []

    async def run(self, wanted: Wanted, resources: Sequence[Resource], *, prune: bool) -> list[Object]:
        """The entries of ``syncResult.resources``. Raises ``SyncFailed``."""
        self._make_namespace()
        await self._run_hooks(wanted, _BEFORE, "PreSync")
        keys = self._apply(wanted)
        if prune:
            self._prune(leftovers(resources))
        if hooks_at(wanted.hooks, _AFTER):
            await self._wait(keys)
            await self._run_hooks(wanted, _AFTER, "PostSync")
        return self._results

    @property
    def _namespace(self) -> str:
        return str(self._application["spec"]["destination"].get("namespace", "default"))

    def _make_namespace(self) -> None:
        options = (self._application["spec"].get("syncPolicy") or {}).get("syncOptions") or []
        missing = self._registry.store.get(kinds.NAMESPACE, "", self._namespace) is None
        if "CreateNamespace=true" in options and missing:
            self._registry.create(kinds.NAMESPACE, "", {"metadata": {"name": self._namespace}})

    async def _run_hooks(self, wanted: Wanted, events: Sequence[str], phase: str) -> None:
        for hook in hooks_at(wanted.hooks, events):
            try:
                key = await run_hook(self._registry, hook, self._namespace, self._seconds)
            except HookFailed as error:
                self._note(error.key, hookType=phase, syncPhase=phase, hookPhase="Failed", message=str(error))
                raise SyncFailed("one or more synchronization tasks completed unsuccessfully", self._results) from error
            except Refused as error:
                raise SyncFailed(f"one or more objects failed to apply, reason: {error}", self._results) from error
            self._note(key, hookType=phase, syncPhase=phase, hookPhase="Succeeded", message="Job completed")

    def _apply(self, wanted: Wanted) -> list[Key]:
        """All are tried, then the first problem counts."""
        problems, keys = [], []
        for key, config in configs(self._application, wanted.objects):
            try:
                self._registry.apply(key, config, MANAGER, force=True)
                self._note(
                    key, status="Synced", syncPhase="Sync", hookPhase="Running", message=f"{key.name} configured"
                )
            except Refused as error:
                problems.append(error)
                self._note(key, status="SyncFailed", syncPhase="Sync", hookPhase="Failed", message=str(error))
            keys.append(key)
        if problems:
            raise SyncFailed(f"one or more objects failed to apply, reason: {problems[0]}", self._results)
        return keys

    def _prune(self, keys: Sequence[Key]) -> None:
        for key in keys:
            if self._registry.store.get(*key) is not None:
                self._registry.delete(key)
            self._note(key, status="Pruned", syncPhase="Sync", message="pruned")

    async def _wait(self, keys: Sequence[Key]) -> None:
        try:
            await all_ready(self._registry.store, keys, self._seconds)
        except NotReady as error:
            raise SyncFailed(
                f"one or more synchronization tasks completed unsuccessfully: {error}", self._results
            ) from error

    def _note(self, key: Key, **result: str) -> None:
        self._results.append(identity(key) | result)
