"""The life of one container as a pure state machine over its ``containerStatus``."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace

from dag_gateway.simulator.behaviours import Behaviour, Script
from dag_gateway.simulator.events import Happening
from dag_gateway.simulator.kinds import Object

_CRASHING = (Behaviour.CRASH, Behaviour.OOM)
_SLOW_START = 20.0
_LONGEST_BACK_OFF = 300.0
_DWELL: Mapping[str, float | None] = {
    "PodInitializing": 1.0,
    "ContainerCreating": 1.0,
    "ErrImagePull": 2.0,
    "ImagePullBackOff": 10.0,
    "InvalidImageName": None,
    "CreateContainerConfigError": None,
}
"""Simulated seconds that a container waits, by reason; None: for ever."""


@dataclass(frozen=True, slots=True)
class Step:
    """The next status of a container, what to tell about it, and the lines that the run ``printed_by`` has printed."""

    status: Object
    happenings: tuple[Happening, ...] = ()
    printed: tuple[str, ...] = ()
    printed_by: str = ""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a container is: texts and ids name it."""

    pod: str
    namespace: str
    uid: str
    image: str
    now: str


def waiting(name: str, image: str, reason: str) -> Object:
    """The status of a container that has not started."""
    return {
        "name": name,
        "image": image,
        "imageID": "",
        "ready": False,
        "started": False,
        "restartCount": 0,
        "state": {"waiting": {"reason": reason}},
        "lastState": {},
    }


def dwell(status: Object, script: Script) -> float | None:
    """How many simulated seconds it stays as it is; None: nothing will change by itself."""
    state = status["state"]
    if "waiting" in state:
        reason = state["waiting"]["reason"]
        return _back_off(status["restartCount"]) if reason == "CrashLoopBackOff" else _DWELL[reason]
    if "terminated" in state:
        return 1.0 if _restarts(state["terminated"], script) else None
    if status["ready"] or script.behaviour is Behaviour.NEVER_READY:
        return None
    return _SLOW_START if script.behaviour is Behaviour.SLOW else 1.0


def advance(status: Object, script: Script, place: Place) -> Step:
    """The step after ``dwell`` is over."""
    state = status["state"]
    if "running" in state:
        return _leave_running(status, script, place)
    if "terminated" in state:
        return _after_end(status, script, place)
    return _leave_waiting(status, script, place)


def succeeded(status: Object) -> bool:
    """Whether it ended with exit code 0."""
    return bool(status["state"].get("terminated", {}).get("exitCode") == 0)


def failed_for_good(status: Object, script: Script) -> bool:
    """Whether it ended with an error and will not be started again."""
    ended = status["state"].get("terminated")
    return bool(ended) and ended["exitCode"] != 0 and script.restart_policy == "Never"


def _leave_waiting(status: Object, script: Script, place: Place) -> Step:
    reason, image = status["state"]["waiting"]["reason"], place.image
    match script.behaviour:
        case Behaviour.MISSING | Behaviour.FLAKY_PULL if reason == "ErrImagePull":
            message = f'Back-off pulling image "{image}"'
            told = Happening("Normal", "BackOff", message)
            return Step(_wait(status, "ImagePullBackOff", f"{message}: {_pull_error(image)}"), (told,))
        case Behaviour.MISSING:
            return _pull_failed(status, image)
        case Behaviour.FLAKY_PULL if reason != "ImagePullBackOff":
            return _pull_failed(status, image)
        case Behaviour.INVALID_IMAGE:
            message = (
                f'Failed to apply default image tag "{image}": couldn\'t parse image name: invalid reference format'
            )
            told = Happening("Warning", "InspectFailed", message)
            return Step(_wait(status, "InvalidImageName", message), (told, _error("InvalidImageName")))
        case Behaviour.BAD_CONFIG:
            message = f'configmap "{status["name"]}-missing" not found'
            return Step(_wait(status, "CreateContainerConfigError", message), (_error(message),))
        case _:
            return _start(status, script, place)


def _pull_failed(status: Object, image: str) -> Step:
    message = _pull_error(image)
    told = Happening("Warning", "Failed", f'Failed to pull image "{image}": {message}')
    return Step(_wait(status, "ErrImagePull", message), (told, _error("ErrImagePull")))


def _pull_error(image: str) -> str:
    return (
        f'rpc error: code = NotFound desc = failed to pull and unpack image "{image}": '
        f'failed to resolve reference "{image}": {image}: not found'
    )


def _start(status: Object, script: Script, place: Place) -> Step:
    restarts = status["restartCount"] + (1 if status["lastState"] or "terminated" in status["state"] else 0)
    last = {"terminated": status["state"]["terminated"]} if "terminated" in status["state"] else status["lastState"]
    run = _run_id(place.uid, status["name"], restarts)
    started = {
        **status,
        "imageID": f"{place.image}@sha256:{hashlib.sha256(place.image.encode()).hexdigest()}",
        "containerID": run,
        "started": True,
        "restartCount": restarts,
        "lastState": last,
        "state": {"running": {"startedAt": place.now}},
    }
    told = [Happening("Normal", "Created", f"Created container: {status['name']}")]
    told.append(Happening("Normal", "Started", f"Started container {status['name']}"))
    if script.behaviour is Behaviour.NEVER_READY:
        told.append(Happening("Warning", "Unhealthy", "Readiness probe failed: HTTP probe failed with statuscode: 503"))
    return Step(started, tuple(told), (f"{status['name']}: started {place.image}",), run)


def _leave_running(status: Object, script: Script, place: Place) -> Step:
    if script.behaviour in _CRASHING or (script.behaviour is Behaviour.CRASH_ONCE and not status["restartCount"]):
        killed = script.behaviour is Behaviour.OOM
        step = _end(status, place, 137 if killed else 1, "OOMKilled" if killed else "Error")
        return replace(step, printed=script.log, printed_by=status["containerID"])
    if script.ends:
        return _end(status, place, 0, "Completed")
    return Step({**status, "ready": True})


def _end(status: Object, place: Place, code: int, reason: str) -> Step:
    ended = {
        "exitCode": code,
        "reason": reason,
        "startedAt": status["state"]["running"]["startedAt"],
        "finishedAt": place.now,
        "containerID": status["containerID"],
    }
    return Step({**status, "ready": False, "started": False, "state": {"terminated": ended}})


def _after_end(status: Object, script: Script, place: Place) -> Step:
    """The first restart is at once, later ones back off (``pkg/kubelet/kuberuntime`` of Kubernetes)."""
    if status["restartCount"] == 0:
        return _start(status, script, place)
    seconds = int(_back_off(status["restartCount"]))
    where = f"container={status['name']} pod={place.pod}_{place.namespace}({place.uid})"
    message = f"back-off {seconds}s restarting failed {where}"
    told = Happening("Warning", "BackOff", f"Back-off restarting failed container {status['name']} in pod {place.pod}")
    ended = {**status, "lastState": {"terminated": status["state"]["terminated"]}}
    return Step(_wait(ended, "CrashLoopBackOff", message), (told,))


def _wait(status: Object, reason: str, message: str) -> Object:
    return {**status, "ready": False, "state": {"waiting": {"reason": reason, "message": message}}}


def _error(message: str) -> Happening:
    return Happening("Warning", "Failed", f"Error: {message}")


def _restarts(ended: Object, script: Script) -> bool:
    return ended["exitCode"] != 0 and script.restart_policy != "Never"


def _back_off(restarts: int) -> float:
    return float(min(10 * 2 ** (restarts - 1), _LONGEST_BACK_OFF))


def _run_id(uid: str, name: str, restarts: int) -> str:
    return "containerd://" + hashlib.sha256(f"{uid}/{name}/{restarts}".encode()).hexdigest()
