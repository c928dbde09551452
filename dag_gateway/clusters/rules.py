"""Whether one object has become what its spec asks for: a table of kinds, the questions asked in one fixed order.

The rules are those of kstatus (``cli-utils: pkg/kstatus/status/{generic,core}.go``) with these differences, because a
deployment must never be called healthy by accident: a running Job is not done, a failed Pod has failed, a StatefulSet
or DaemonSet with ``OnDelete`` is not done while old pods run, and a kind without a rule is judged by what it says of
itself alone. No rule reads a clock: ``now`` is an argument, and what needs patience is in ``diagnose``.
"""

from collections.abc import Mapping
from datetime import datetime

from dag_gateway.model.health import Health, failed, healthy, progressing
from dag_gateway.model.reason import Reason

from .argo_rollout_rules import judge_rollout
from .kind_rules import KINDS, Rule
from .objects import Object, condition, holds, key, meta, name, observed, why
from .other_kind_rules import OTHER_KINDS

RULES: Mapping[str, Rule] = {**KINDS, **OTHER_KINDS, "argoproj.io/Rollout": judge_rollout}


def judge(obj: Object, now: datetime) -> Health:
    """Asked in this order: deletion, generation, Reconciling, Stalled, the rule of the kind, Ready."""
    return _generic(obj) or _of_kind(obj, now)


def _generic(obj: Object) -> Health | None:
    if meta(obj).get("deletionTimestamp"):
        return progressing(f"{name(obj)}: being deleted")
    if not observed(obj):
        return progressing(f"{name(obj)}: the controller has not seen the new spec yet")
    if holds(obj, "Reconciling"):
        return progressing(f"{name(obj)}: reconciling{why(condition(obj, 'Reconciling'))}")
    if holds(obj, "Stalled"):
        return failed(Reason.STALLED, f"{name(obj)}: stalled{why(condition(obj, 'Stalled'))}")
    return None


def _of_kind(obj: Object, now: datetime) -> Health:
    rule = RULES.get(key(obj))
    return rule(obj, now) if rule else by_ready_condition(obj)


def by_ready_condition(obj: Object) -> Health:
    """The last question of the generic rule, which is the policy for kinds without one of their own.

    Its Ready condition has to be there and True: what says nothing is not called healthy.
    """
    ready = condition(obj, "Ready")
    if not ready:
        return progressing(f"{name(obj)}: nothing says that it is ready ({key(obj)}: no rule, no Ready condition)")
    if ready.get("status") == "True":
        return healthy(f"{name(obj)}: ready")
    return progressing(f"{name(obj)}: not ready{why(ready)}")
