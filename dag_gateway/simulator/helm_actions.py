"""Installing and upgrading as Helm does it: record, hooks, apply, prune, wait, record."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import yaml

from dag_gateway.charts import pack
from dag_gateway.helm import Helm, Rendered

from . import helm_storage as storage
from . import kinds
from .helm_storage import Release
from .hooks import hooks_at, run_hook
from .keys import key_of, placed
from .kinds import Key, Object
from .readiness import NotReady, all_ready
from .refusals import Refused
from .registry import Registry


class ActionFailed(Exception):
    """The action did not succeed; the text is Helm's. ``release`` is the failed revision."""

    def __init__(self, message: str, release: Release) -> None:
        super().__init__(message)
        self.release = release


@dataclass(frozen=True, slots=True)
class Action:
    """What to install or upgrade to.

    ``storage_namespace`` is where the release records are; ``labels`` are put on every object; ``wait`` is how many
    real seconds to wait for readiness, None: not at all; ``manager`` owns the applied fields.
    """

    release: str
    namespace: str
    storage_namespace: str
    chart: Object
    values: Object
    rendered: Rendered
    wait: float | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    manager: str = "helm"


async def perform(registry: Registry, action: Action, hook_seconds: float) -> Release:
    """Run an action to its end and return the deployed revision. Raises ``ActionFailed``.

    A hook that does not complete within ``hook_seconds`` (real ones) fails the action.
    """
    earlier = storage.history(registry, action.storage_namespace, action.release)
    verb = "upgrade" if earlier else "install"
    release = _begun(registry, action, earlier, verb)
    storage.save(registry, action.storage_namespace, release)
    try:
        await _run_hooks(registry, action, f"pre-{verb}", hook_seconds)
        keys = [_apply(registry, action, item) for item in action.rendered.objects]
        _prune(registry, earlier, keys, action.namespace)
        if action.wait is not None:
            await all_ready(registry.store, keys, action.wait)
        await _run_hooks(registry, action, f"post-{verb}", hook_seconds)
    except (NotReady, Refused) as error:
        failed = release.ended("failed", f"{verb.title()} {action.release!r} failed: {error}")
        storage.save(registry, action.storage_namespace, failed)
        raise ActionFailed(str(error), failed) from error
    for old in earlier:
        if old.status == "deployed":
            storage.save(registry, action.storage_namespace, old.ended("superseded", old.description))
    deployed = release.ended("deployed", f"{verb.title()} complete")
    storage.save(registry, action.storage_namespace, deployed)
    return deployed


async def helm_upgrade(
    registry: Registry,
    helm: Helm,
    files: Mapping[str, bytes],
    *,
    release: str,
    namespace: str,
    values: Object | None = None,
    hook_seconds: float = 10.0,
) -> Release:
    """``helm upgrade --install`` of a chart folder, without ``--wait``: deployed as soon as everything is applied."""
    chart = metadata_of(files)
    archive = pack(chart["name"], files)
    rendered = await helm.render(archive, release=release, namespace=namespace, values=values or {})
    action = Action(release, namespace, namespace, chart, values or {}, rendered)
    return await perform(registry, action, hook_seconds)


def rollback(registry: Registry, storage_namespace: str, release: str) -> Release | None:
    """``helm rollback`` to the newest revision that was ever good, without waiting; None when there is none."""
    revisions = storage.history(registry, storage_namespace, release)
    good = next((found for found in revisions if found.status in ("deployed", "superseded")), None)
    if good is None:
        return None
    for item in _items(good.manifest, good.namespace):
        registry.apply(key_of(item), item, "helm", force=True)
    _prune(registry, revisions, _keys_of(good.manifest, good.namespace), good.namespace)
    if good.status == "deployed":
        storage.save(registry, storage_namespace, good.ended("superseded", good.description))
    version, now = revisions[0].version + 1, registry.now()
    back = replace(
        good, version=version, status="deployed", last_deployed=now, description=f"Rollback to {good.version}"
    )
    storage.save(registry, storage_namespace, back)
    return back


def uninstall(registry: Registry, storage_namespace: str, namespace: str, release: str) -> None:
    """Delete the objects of the newest revision, and all records."""
    revisions = storage.history(registry, storage_namespace, release)
    for key in _keys_of(revisions[0].manifest, namespace) if revisions else []:
        if registry.store.get(*key) is not None:
            registry.delete(key)
    for revision in revisions:
        registry.delete(Key(kinds.SECRET, storage_namespace, revision.secret_name))


def metadata_of(files: Mapping[str, bytes]) -> Object:
    """``Chart.yaml`` as data."""
    metadata: Any = yaml.safe_load(files["Chart.yaml"])
    return {**metadata}


def _begun(registry: Registry, action: Action, earlier: list[Release], verb: str) -> Release:
    now = registry.now()
    return Release(
        action.release,
        action.namespace,
        earlier[0].version + 1 if earlier else 1,
        f"pending-{verb}",
        action.chart,
        action.values,
        action.rendered.manifest,
        earlier[-1].first_deployed if earlier else now,
        now,
        f"Preparing {verb}",
    )


def _apply(registry: Registry, action: Action, item: Object) -> Key:
    config = placed(item, action.namespace)
    metadata = config["metadata"]
    labels = {**(metadata.get("labels") or {}), "app.kubernetes.io/managed-by": "Helm", **action.labels}
    annotations = {
        **(metadata.get("annotations") or {}),
        "meta.helm.sh/release-name": action.release,
        "meta.helm.sh/release-namespace": action.namespace,
    }
    config = {**config, "metadata": {**metadata, "labels": labels, "annotations": annotations}}
    key = key_of(config)
    registry.apply(key, config, action.manager, force=True)
    return key


def _prune(registry: Registry, earlier: list[Release], keys: Iterable[Key], namespace: str) -> None:
    """Delete what the revision before had and this one has not, unless it asks to be kept."""
    kept = set(keys)
    for key in _keys_of(earlier[0].manifest, namespace) if earlier else []:
        live = registry.store.get(*key)
        policy = ((live or {}).get("metadata", {}).get("annotations") or {}).get("helm.sh/resource-policy")
        if live is not None and key not in kept and policy != "keep":
            registry.delete(key)


async def _run_hooks(registry: Registry, action: Action, event: str, seconds: float) -> None:
    for hook in hooks_at(action.rendered.hooks, [event]):
        try:
            await run_hook(registry, hook, action.namespace, seconds)
        except NotReady as error:
            raise NotReady(f"{event} hooks failed: {error}") from error


def _keys_of(manifest: str, namespace: str) -> list[Key]:
    return [key_of(item) for item in _items(manifest, namespace)]


def _items(manifest: str, namespace: str) -> list[Object]:
    return [placed(item, namespace) for item in yaml.safe_load_all(manifest) if item]
