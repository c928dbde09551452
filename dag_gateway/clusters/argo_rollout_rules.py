"""The rule of an Argo Rollout: a Deployment that pauses on its way, and that has two ways to be done.

Its controller is asked as Argo CD asks it (``resource_customizations/argoproj.io/Rollout/health.lua``), and then
counted: a phase ``Healthy`` alone may still be that of the old pods. What it counts is in ``argo-rollouts:
rollout/{canary,bluegreen}.go``.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from dag_gateway.model.health import Health, failed, progressing
from dag_gateway.model.reason import Reason

from .gaps import count, first_gap, pods, replicas
from .objects import Object, annotation, condition, holds, name, spec, status, why

_WORKLOAD_GENERATION = "rollout.argoproj.io/workload-generation"
"""Where the pod template is that of a Deployment (``spec.workloadRef``): the generation it had when it was read."""


def judge_rollout(obj: Object, now: datetime) -> Health:
    """Asked in this order: given up, the template seen, paused, then the gaps from the first new pod to the switch."""
    return _given_up(obj) or _unseen_or_paused(obj) or first_gap(obj, *_pod_gaps(obj), *_switch_gaps(obj))


def _given_up(obj: Object) -> Health | None:
    if holds(obj, "InvalidSpec"):
        return failed(Reason.CONFIG_ERROR, f"{name(obj)}: invalid spec{why(condition(obj, 'InvalidSpec'))}")
    progress = condition(obj, "Progressing")
    if progress.get("reason") in ("RolloutAborted", "ProgressDeadlineExceeded"):
        return failed(Reason.ROLLOUT_FAILED, f"{name(obj)}: gave up{why(progress)}")
    if status(obj).get("phase") == "Degraded":
        return failed(Reason.ROLLOUT_FAILED, f"{name(obj)}: degraded{why({'message': status(obj).get('message')})}")
    return None


def _unseen_or_paused(obj: Object) -> Health | None:
    template = annotation(obj, _WORKLOAD_GENERATION)
    if template and template != str(status(obj).get("workloadObservedGeneration", "")):
        return progressing(f"{name(obj)}: the controller has not seen the new pod template yet")
    pauses = status(obj).get("pauseConditions") or ()
    if spec(obj).get("paused") or pauses or status(obj).get("phase") == "Paused":
        return progressing(f"{name(obj)}: paused{_pause(obj, pauses)}, waits for `promote`")
    return None


def _pause(obj: Object, pauses: Any) -> str:
    told = {str(entry.get("reason")) for entry in pauses if entry.get("reason")}
    return f" ({', '.join(sorted(told))})" if told else why({"message": status(obj).get("message")})


def _pod_gaps(obj: Object) -> tuple[tuple[bool, str], ...]:
    wanted, updated, available = replicas(obj), count(obj, "updatedReplicas"), count(obj, "availableReplicas")
    all_pods = count(obj, "replicas")
    surplus = all_pods - updated
    return (
        (not status(obj).get("currentPodHash"), "no pods yet"),
        (updated < wanted, f"{updated} of {wanted} updated"),
        (available < updated, f"{available} of {updated} available"),
        (surplus > 0 and not _keeps_old_pods(obj), f"{pods(surplus, 'old ')} still there"),
        # A canary counts the old pods as available too, so only when all are, the new ones certainly are.
        (
            surplus > 0 and not _blue_green(obj) and available < all_pods,
            f"{available} of {all_pods} available, {pods(surplus, 'old ')} among them",
        ),
    )


def _switch_gaps(obj: Object) -> tuple[tuple[bool, str], ...]:
    newest, told = status(obj).get("currentPodHash"), status(obj)
    active = (told.get("blueGreen") or {}).get("activeSelector")
    phase = told.get("phase") or "Healthy"
    return (
        (_blue_green(obj) and active != newest, "traffic still goes to the old pods"),
        (not _blue_green(obj) and told.get("stableRS") != newest, "the new pods are not the stable ones yet"),
        (phase != "Healthy", f"{str(phase).lower()}{why({'message': told.get('message')})}"),
    )


def _keeps_old_pods(obj: Object) -> bool:
    """Whether they stay for a while on purpose once the traffic goes to the new ones (``scaleDownDelaySeconds``)."""
    return _blue_green(obj) or (_strategy(obj).get("canary") or {}).get("trafficRouting") is not None


def _blue_green(obj: Object) -> bool:
    return "blueGreen" in _strategy(obj)


def _strategy(obj: Object) -> Mapping[str, Any]:
    return spec(obj).get("strategy") or {}
