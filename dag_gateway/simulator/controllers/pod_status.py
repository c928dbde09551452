"""The status of a pod as a function of its containers' statuses."""

import zlib
from collections.abc import Iterator

from dag_gateway.simulator.behaviours import script_of
from dag_gateway.simulator.conditions import with_condition
from dag_gateway.simulator.kinds import Object

from .containers import failed_for_good, succeeded, waiting

_FIELDS = {"initContainerStatuses": "initContainers", "containerStatuses": "containers"}


def first_status(pod: Object, now: str) -> Object:
    """What the kubelet reports when it has taken the pod over: everything is being created."""
    inits = pod["spec"].get("initContainers") or []
    reason = "PodInitializing" if inits else "ContainerCreating"
    status = {
        **pod["status"],
        "hostIP": "10.0.0.1",
        "podIP": _address(pod["metadata"]["uid"]),
        "startTime": now,
        "containerStatuses": [waiting(item["name"], item["image"], reason) for item in pod["spec"]["containers"]],
    }
    if inits:
        status["initContainerStatuses"] = [waiting(item["name"], item["image"], "PodInitializing") for item in inits]
    return pod_status({**pod, "status": status}, now)


def to_run(pod: Object) -> Iterator[tuple[str, Object]]:
    """The containers whose turn it is, each with the status field it is in: init containers one after the other."""
    for container, status in _pairs(pod, "initContainerStatuses"):
        if not succeeded(status):
            yield "initContainerStatuses", container
            return
    for container, _ in _pairs(pod, "containerStatuses"):
        yield "containerStatuses", container


def pod_status(pod: Object, now: str) -> Object:
    """Phase and conditions that fit the container statuses."""
    status = {**pod["status"], "phase": _phase(pod)}
    pending = [item["name"] for _, item in _pairs(pod, "initContainerStatuses") if not succeeded(item)]
    unready = [item["name"] for _, item in _pairs(pod, "containerStatuses") if not item["ready"]]
    initialized = {
        "reason": "ContainersNotInitialized",
        "message": f"containers with incomplete status: {_list(pending)}",
    }
    ready = {"reason": "ContainersNotReady", "message": f"containers with unready status: {_list(unready)}"}
    if status["phase"] == "Succeeded":
        ready = {"reason": "PodCompleted"}
    status = _condition(status, now, "PodReadyToStartContainers", {})
    status = _condition(status, now, "Initialized", initialized if pending else {})
    for kind in ("Ready", "ContainersReady"):
        status = _condition(status, now, kind, ready if unready else {})
    return status


def is_ready(pod: Object) -> bool:
    """Whether the pod counts as ready: running, with its Ready condition True."""
    conditions = pod["status"].get("conditions") or []
    return any(found["type"] == "Ready" and found["status"] == "True" for found in conditions)


def _condition(status: Object, now: str, kind: str, problem: dict[str, str]) -> Object:
    return with_condition(status, now, kind, "False" if problem else "True", **problem)


def _phase(pod: Object) -> str:
    pairs = list(_pairs(pod, "containerStatuses"))
    inits = list(_pairs(pod, "initContainerStatuses"))
    if any(failed_for_good(status, script_of(pod, container, init=True)) for container, status in inits):
        return "Failed"
    if all("terminated" in status["state"] for _, status in pairs) and pod["spec"]["restartPolicy"] != "Always":
        if all(succeeded(status) for _, status in pairs):
            return "Succeeded"
        if any(failed_for_good(status, script_of(pod, container)) for container, status in pairs):
            return "Failed"
    started = any("running" in status["state"] or status["lastState"] for _, status in pairs)
    started = started or any("terminated" in status["state"] for _, status in pairs)
    return "Running" if started else "Pending"


def _pairs(pod: Object, field: str) -> Iterator[tuple[Object, Object]]:
    return zip(pod["spec"].get(_FIELDS[field]) or [], pod["status"].get(field) or [], strict=False)


def _list(names: list[str]) -> str:
    return f"[{' '.join(names)}]"


def _address(uid: str) -> str:
    number = zlib.crc32(uid.encode())
    return f"10.244.{number // 256 % 256}.{number % 256}"
