"""Scheduler and kubelet in one: takes pods from Pending to running, or to where their behaviour leads."""

import asyncio
from collections.abc import Iterable, Sequence

from dag_gateway.simulator import kinds
from dag_gateway.simulator.behaviours import script_of, unschedulable
from dag_gateway.simulator.conditions import with_condition
from dag_gateway.simulator.events import Happening, record
from dag_gateway.simulator.kinds import Key, Object
from dag_gateway.simulator.logbook import Logbook
from dag_gateway.simulator.pace import Pace
from dag_gateway.simulator.registry import Registry
from dag_gateway.simulator.store import Change

from .containers import Place, advance, dwell
from .pod_status import first_status, pod_status, to_run

_STEP = 1.0


class PodController:
    """``nodes`` are the names to schedule to, in turn."""

    def __init__(self, registry: Registry, logbook: Logbook, nodes: Sequence[str], pace: Pace) -> None:
        self._registry = registry
        self._logbook = logbook
        self._nodes = nodes
        self._pace = pace
        self._due: dict[tuple[str, str], tuple[object, float]] = {}
        self._scheduled = 0

    def concerned(self, change: Change) -> Iterable[Key]:
        return [change.key] if change.key.kind is kinds.POD else []

    async def reconcile(self, key: Key) -> float | None:
        pod = self._registry.store.get(*key)
        if pod is None:
            return None
        if "deletionTimestamp" in pod["metadata"]:
            return self._terminate(key, pod)
        if pod["status"]["phase"] in ("Succeeded", "Failed"):
            return None
        if not pod["spec"].get("nodeName"):
            return self._schedule(key, pod)
        if "containerStatuses" not in pod["status"]:
            self._registry.set_status(key, first_status(pod, self._registry.now()))
            return None
        return self._run(key, pod)

    def _schedule(self, key: Key, pod: Object) -> float | None:
        now = self._registry.now()
        if unschedulable(pod):
            message = f"0/{len(self._nodes)} nodes are available: {len(self._nodes)} Insufficient memory."
            fields = {"reason": "Unschedulable", "message": message}
            status = with_condition(pod["status"], now, "PodScheduled", "False", **fields)
            self._registry.set_status(key, status)
            record(self._registry, pod, Happening("Warning", "FailedScheduling", message), "default-scheduler")
            return None
        if wait := self._wait(pod, "", "schedule", _STEP):
            return wait
        node = self._nodes[self._scheduled % len(self._nodes)]
        self._scheduled += 1
        status = with_condition(pod["status"], now, "PodScheduled", "True")
        bound = {**pod, "spec": {**pod["spec"], "nodeName": node}, "status": status}
        self._registry.store.put(key, bound)
        message = f"Successfully assigned {key.namespace}/{key.name} to {node}"
        record(self._registry, bound, Happening("Normal", "Scheduled", message), "default-scheduler")
        return None

    def _terminate(self, key: Key, pod: Object) -> float | None:
        if wait := self._wait(pod, "", "terminate", _STEP):
            return wait
        for name in [name for uid, name in self._due if uid == pod["metadata"]["uid"]]:
            del self._due[pod["metadata"]["uid"], name]
        self._registry.store.remove(key)
        return None

    def _run(self, key: Key, pod: Object) -> float | None:
        """Advance every container whose time has come."""
        waits: list[float] = []
        status: Object = pod["status"]
        for field, container in to_run(pod):
            old = next(item for item in status[field] if item["name"] == container["name"])
            script = script_of(pod, container, init=field == "initContainerStatuses")
            seconds = dwell(old, script)
            if seconds is None:
                continue
            if wait := self._wait(pod, container["name"], (old["state"], old["restartCount"]), seconds):
                waits.append(wait)
                continue
            place = Place(key.name, key.namespace, pod["metadata"]["uid"], container["image"], self._registry.now())
            step = advance(old, script, place)
            status = {**status, field: [step.status if item is old else item for item in status[field]]}
            self._logbook.write(step.printed_by, *step.printed)
            for happening in step.happenings:
                record(self._registry, pod, happening, "kubelet")
        self._registry.set_status(key, pod_status({**pod, "status": status}, self._registry.now()))
        return min(waits, default=None)

    def _wait(self, pod: Object, container: str, state: object, seconds: float) -> float | None:
        """Real seconds until a container has been in a state for so long; None when it has."""
        now, slot = asyncio.get_running_loop().time(), (pod["metadata"]["uid"], container)
        known, due = self._due.get(slot, (None, 0.0))
        if known != state:
            due = now + self._pace.step(seconds)
            self._due[slot] = (state, due)
        return due - now if due > now else None
