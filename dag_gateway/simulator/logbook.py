"""What the simulated containers have printed, and the rules of reading it."""

from .kinds import Object
from .refusals import Refused, bad_request

_RUNS = 2_000
"""Runs that are remembered; the oldest are forgotten first."""


class Logbook:
    """Lines by container id: every run of a container is an id of its own, as at a container runtime."""

    def __init__(self) -> None:
        self._lines: dict[str, list[str]] = {}

    def write(self, container_id: str, *lines: str) -> None:
        self._lines.setdefault(container_id, []).extend(lines)
        if len(self._lines) > _RUNS:
            del self._lines[next(iter(self._lines))]

    def lines(self, container_id: str) -> list[str]:
        return list(self._lines.get(container_id, ()))


def container_id(pod: Object, container: str, *, previous: bool) -> str:
    """Which run to read. Refused as the kubelet does: unknown, not named, not started, or no earlier run.

    Source: ``pkg/kubelet/kubelet_pods.go`` of Kubernetes, validateContainerLogStatus.
    """
    status = _status(pod, _chosen(pod, container))
    name, ended = status["name"], (status.get("lastState") or {}).get("terminated")
    state = status["state"]
    if previous:
        if not ended:
            raise bad_request(f'previous terminated container "{name}" in pod "{_name(pod)}" not found')
        return str(ended["containerID"])
    if "running" in state:
        return str(status["containerID"])
    if over := state.get("terminated") or ended:
        return str(over["containerID"])
    raise _not_started(pod, name, state["waiting"]["reason"])


def tail(lines: list[str], count: int | None) -> list[str]:
    """The last ``count`` lines; None means all."""
    return lines if count is None else lines[len(lines) - min(count, len(lines)) :]


def _not_started(pod: Object, name: str, reason: str) -> Refused:
    problem = {
        "ErrImagePull": "image can't be pulled",
        "ImagePullBackOff": "trying and failing to pull image",
    }.get(reason, reason)
    return bad_request(f'container "{name}" in pod "{_name(pod)}" is waiting to start: {problem}')


def _chosen(pod: Object, container: str) -> str:
    spec = pod["spec"]
    names = [item["name"] for item in spec["containers"]]
    known = names + [item["name"] for item in spec.get("initContainers") or []]
    if not container and len(names) > 1:
        listed = " ".join(names)
        raise bad_request(f"a container name must be specified for pod {_name(pod)}, choose one of: [{listed}]")
    if container and container not in known:
        raise bad_request(f"container {container} is not valid for pod {_name(pod)}")
    return container or names[0]


def _status(pod: Object, container: str) -> Object:
    status = pod["status"]
    listed = (status.get("containerStatuses") or []) + (status.get("initContainerStatuses") or [])
    waiting: Object = {"name": container, "state": {"waiting": {"reason": "ContainerCreating"}}}
    return next((item for item in listed if item["name"] == container), waiting)


def _name(pod: Object) -> str:
    return str(pod["metadata"]["name"])
