"""Runs Jobs: pods until enough have succeeded or too many have failed."""

import asyncio
from collections.abc import Iterable

from dag_gateway.simulator import kinds
from dag_gateway.simulator.conditions import holds, with_condition
from dag_gateway.simulator.events import Happening, record
from dag_gateway.simulator.kinds import Key, Object
from dag_gateway.simulator.pace import Pace
from dag_gateway.simulator.registry import Registry
from dag_gateway.simulator.store import Change

from .owners import alive, itself_and_owner, owned
from .pod_status import is_ready
from .templates import pod_of


class JobController:
    """Ends a Job as complete, or as failed for its backoff limit or its deadline."""

    def __init__(self, registry: Registry, pace: Pace) -> None:
        self._registry = registry
        self._pace = pace
        self._started: dict[str, float] = {}

    def concerned(self, change: Change) -> Iterable[Key]:
        return itself_and_owner(change, kinds.JOB, [kinds.POD])

    async def reconcile(self, key: Key) -> float | None:
        item = self._registry.store.get(*key)
        if item is None or "deletionTimestamp" in item["metadata"]:
            return None
        status = item.get("status", {})
        if holds(status, "Complete") or holds(status, "Failed"):
            return None
        if item["spec"].get("suspend"):
            return self._suspend(key, item, status)
        if "startTime" not in status:
            status = {**status, "startTime": self._registry.now()}
            self._started[item["metadata"]["uid"]] = asyncio.get_running_loop().time()
        return self._work(key, item, status)

    def _suspend(self, key: Key, item: Object, status: Object) -> float | None:
        fields = {"reason": "JobSuspended", "message": "Job suspended"}
        self._registry.set_status(key, with_condition(status, self._registry.now(), "Suspended", "True", **fields))
        return None

    def _work(self, key: Key, item: Object, status: Object) -> float | None:
        pods = owned(self._registry.store, kinds.POD, item)
        active = [pod for pod in alive(pods) if pod["status"].get("phase") in ("Pending", "Running")]
        succeeded, failed = _count(pods, "Succeeded"), _count(pods, "Failed")
        status = {**status, "active": len(active), "ready": sum(map(is_ready, active))}
        status |= {"succeeded": succeeded, "failed": failed}
        spec, left = item["spec"], self._left(item)
        if succeeded >= spec["completions"]:
            self._finish(
                key, item, status, "Complete", "CompletionsReached", "Reached expected number of succeeded pods"
            )
            return None
        if failed + _restarts(active) > spec["backoffLimit"]:
            self._stop(active)
            message = "Job has reached the specified backoff limit"
            self._finish(key, item, status, "Failed", "BackoffLimitExceeded", message)
            return None
        if left is not None and left <= 0:
            self._stop(active)
            message = "Job was active longer than specified deadline"
            self._finish(key, item, status, "Failed", "DeadlineExceeded", message)
            return None
        for _ in range(min(spec["parallelism"], spec["completions"] - succeeded) - len(active)):
            self._registry.create(kinds.POD, key.namespace, pod_of(item, spec["template"], generateName=f"{key.name}-"))
        self._registry.set_status(key, status)
        return left

    def _left(self, item: Object) -> float | None:
        """Real seconds to the active deadline; None when the Job has none."""
        deadline = item["spec"].get("activeDeadlineSeconds")
        if deadline is None:
            return None
        now = asyncio.get_running_loop().time()
        return self._started.setdefault(item["metadata"]["uid"], now) + self._pace.deadline(deadline) - now

    def _finish(self, key: Key, item: Object, status: Object, kind: str, reason: str, message: str) -> None:
        now, status = self._registry.now(), {**status, "active": 0, "ready": 0}
        first = "SuccessCriteriaMet" if kind == "Complete" else "FailureTarget"
        for condition in (first, kind):
            status = with_condition(status, now, condition, "True", reason=reason, message=message)
        if kind == "Complete":
            status["completionTime"] = now
        self._registry.set_status(key, status)
        told = Happening("Normal", "Completed", "Job completed") if kind == "Complete" else None
        record(self._registry, item, told or Happening("Warning", reason, message), "job-controller")

    def _stop(self, active: list[Object]) -> None:
        for pod in active:
            self._registry.delete(Key(kinds.POD, pod["metadata"]["namespace"], pod["metadata"]["name"]))


def _count(pods: list[Object], phase: str) -> int:
    return sum(pod["status"].get("phase") == phase for pod in pods)


def _restarts(pods: list[Object]) -> int:
    """Restarts in place count against the limit too (``restartPolicy: OnFailure``)."""
    statuses = [status for pod in pods for status in pod["status"].get("containerStatuses") or []]
    return sum(int(status["restartCount"]) for status in statuses)
