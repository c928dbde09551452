"""Hooks of a chart: created at their moment, one by one by weight, and waited for."""

from collections.abc import Collection, Sequence

from .keys import key_of, placed
from .kinds import Key, Object
from .readiness import NotReady, all_ready
from .registry import Registry

_HOOK = "helm.sh/hook"
_WEIGHT = "helm.sh/hook-weight"


class HookFailed(NotReady):
    """A hook did not complete: in time, or ever."""

    def __init__(self, key: Key, problem: str) -> None:
        super().__init__(problem)
        self.key = key


def hooks_at(hooks: Sequence[Object], events: Collection[str]) -> list[Object]:
    """Those that run at one of the events (``pre-install`` ...), in their order."""
    chosen = [hook for hook in hooks if not set(events).isdisjoint(_events(hook))]
    return sorted(chosen, key=lambda hook: int(_annotation(hook, _WEIGHT) or 0))


async def run_hook(registry: Registry, hook: Object, namespace: str, seconds: float) -> Key:
    """Create a hook anew and wait for so many real seconds until it is complete. Raises ``HookFailed``."""
    job = placed(hook, namespace)
    key = key_of(job)
    if registry.store.get(*key) is not None:
        registry.delete(key, at_once=True)
    registry.create(key.kind, key.namespace, job)
    try:
        await all_ready(registry.store, [key], seconds)
    except NotReady as error:
        raise HookFailed(key, str(error)) from error
    return key


def _events(hook: Object) -> list[str]:
    return _annotation(hook, _HOOK).replace(" ", "").split(",")


def _annotation(item: Object, name: str) -> str:
    return str((item["metadata"].get("annotations") or {}).get(name, ""))
