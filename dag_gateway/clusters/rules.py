"""Whether one object has become what its spec asks for: a table of kinds, the questions asked in one fixed order.

The rules are those of kstatus (``cli-utils: pkg/kstatus/status/{generic,core}.go``) with these differences, because a
deployment must never be called healthy by accident: a running Job is not done, a failed Pod has failed, a StatefulSet
with ``OnDelete`` is not done while old pods run, and a kind without a rule says so. No rule reads a clock: what needs
patience is in ``diagnose``.
"""

from dag_gateway.model.health import Health, failed, healthy, progressing
from dag_gateway.model.reason import Reason

from .kind_rules import RULES
from .objects import Object, condition, holds, meta, name, observed, why


def key(obj: Object) -> str:
    """``apps/Deployment``, or ``Pod`` for the core group: the version of the API does not matter."""
    group, slash, _ = str(obj.get("apiVersion", "")).partition("/")
    kind = str(obj.get("kind", ""))
    return f"{group}/{kind}" if slash else kind


def judge(obj: Object) -> Health:
    """Asked in this order: deletion, generation, Reconciling, Stalled, the rule of the kind, Ready."""
    return _generic(obj) or _of_kind(obj)


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


def _of_kind(obj: Object) -> Health:
    rule = RULES.get(key(obj))
    return rule(obj) if rule else by_ready_condition(obj)


def by_ready_condition(obj: Object) -> Health:
    """The policy for a kind without a rule: its Ready condition; without one it is done once it exists, and says so."""
    ready = condition(obj, "Ready")
    if not ready:
        return healthy(f"{name(obj)}: exists (nothing is known about the readiness of {key(obj)})")
    if ready.get("status") == "True":
        return healthy(f"{name(obj)}: ready")
    return progressing(f"{name(obj)}: not ready{why(ready)}")
