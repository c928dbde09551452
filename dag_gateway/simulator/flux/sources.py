"""GitRepository: looks at a branch of a bare repository, every interval and when asked."""

import asyncio
from collections.abc import Iterable
from pathlib import Path

from dag_gateway.iac.bare import tip
from dag_gateway.simulator import kinds
from dag_gateway.simulator.conditions import without_condition
from dag_gateway.simulator.kinds import Key, Object
from dag_gateway.simulator.pace import Pace
from dag_gateway.simulator.registry import Registry
from dag_gateway.simulator.store import Change

from .artifacts import Artifacts, Checkout, described
from .marks import duration, is_requested, marked, ready, reconciling, with_request_handled


class GitRepositoryController:
    """Asks git only when it is due: the interval is over, the spec is new, or somebody requested it."""

    def __init__(self, registry: Registry, artifacts: Artifacts, pace: Pace) -> None:
        self._registry = registry
        self._artifacts = artifacts
        self._pace = pace
        self._due: dict[str, float] = {}

    def concerned(self, change: Change) -> Iterable[Key]:
        return [change.key] if change.key.kind is kinds.GIT_REPOSITORY else []

    async def reconcile(self, key: Key) -> float | None:
        item = self._registry.store.get(*key)
        if item is None or item["spec"].get("suspend"):
            return None
        uid, now = item["metadata"]["uid"], asyncio.get_running_loop().time()
        if not self._is_asked(item) and now < self._due.get(uid, 0.0):
            return self._due[uid] - now
        interval = self._pace.step(duration(item["spec"].get("interval", "1m")))
        self._due[uid] = now + interval
        branch = (item["spec"].get("ref") or {}).get("branch", "master")
        path = Path(item["spec"]["url"].removeprefix("file://"))
        commit = await asyncio.to_thread(_tip, path, branch)
        if commit is None:
            self._write(key, self._failed(item, f"unable to find branch {branch!r} in '{item['spec']['url']}'"))
        else:
            self._store(key, item, Checkout(path, commit), f"{branch}@sha1:{commit}")
        return interval

    def _is_asked(self, item: Object) -> bool:
        status = item.get("status") or {}
        is_new = status.get("observedGeneration") != item["metadata"]["generation"]
        return is_new or is_requested(item)

    def _store(self, key: Key, item: Object, checkout: Checkout, revision: str) -> None:
        status = item.get("status") or {}
        self._artifacts.checkouts[item["metadata"]["uid"]] = checkout
        if (status.get("artifact") or {}).get("revision") != revision:
            message = f"building artifact: new upstream revision '{revision}'"
            self._write(key, reconciling(self._registry, item, status, message))
            status = {**self._read(key), "artifact": described(self._registry, item, revision)}
        message = f"stored artifact for revision '{revision}'"
        status = without_condition(status, "FetchFailed")
        status = marked(self._registry, item, status, "ArtifactInStorage", "True", "Succeeded", message)
        status = ready(self._registry, item, status, "Succeeded", message)
        self._write(key, with_request_handled(item, status))

    def _failed(self, item: Object, problem: str) -> Object:
        message = f"failed to checkout and determine revision: {problem}"
        status = item.get("status") or {}
        status = marked(self._registry, item, status, "FetchFailed", "True", "GitOperationFailed", message)
        status = marked(self._registry, item, status, "Ready", "False", "GitOperationFailed", message)
        return with_request_handled(item, {**status, "observedGeneration": item["metadata"]["generation"]})

    def _read(self, key: Key) -> Object:
        status: Object = self._registry.read(key).get("status") or {}
        return status

    def _write(self, key: Key, status: Object) -> None:
        self._registry.set_status(key, status)


def _tip(path: Path, branch: str) -> str | None:
    return tip(path, branch) if path.is_dir() else None
