"""What the controller writes into the status of an Application, outcome by outcome; pure."""

from collections.abc import Sequence

from dag_gateway.simulator.kinds import Object

from .health import Word, worst
from .resources import Resource
from .sources import is_multi_source

_ERRORS = ("ComparisonError", "InvalidSpecError")


def compared_to(application: Object) -> Object:
    """The part of the spec that a comparison was made for."""
    spec = application["spec"]
    return {name: spec[name] for name in ("source", "sources", "destination") if spec.get(name)}


def revision_fields(application: Object, revisions: Sequence[str]) -> Object:
    """``revision`` of the one source, or ``revisions`` of several."""
    return {"revisions": list(revisions)} if is_multi_source(application) else {"revision": revisions[0]}


def compared(
    application: Object, revisions: Sequence[str], resources: Sequence[Resource], now: str, *, with_health: bool = True
) -> Object:
    """After a comparison. Without ``with_health`` the health stays what it was."""
    status = without_conditions(application.get("status") or {}, *_ERRORS)
    in_sync = all(resource.in_sync for resource in resources)
    status["sync"] = {
        "status": "Synced" if in_sync else "OutOfSync",
        "comparedTo": compared_to(application),
        **revision_fields(application, revisions),
    }
    if not with_health:
        return status
    status["resources"] = [resource.described() for resource in resources]
    return with_health_of(status, _health(status["resources"]), now)


def not_comparable(application: Object, problem: str, now: str) -> Object:
    """The target state could not be loaded: nothing is known but the reason."""
    status = with_condition(application.get("status") or {}, "ComparisonError", problem, now)
    return {**status, "sync": {"status": "Unknown", "comparedTo": compared_to(application)}}


def invalid(application: Object, problem: str, now: str) -> Object:
    """The spec makes no sense."""
    status = with_condition(application.get("status") or {}, "InvalidSpecError", problem, now)
    status = with_health_of(status, Word.UNKNOWN, now)
    return {**status, "sync": {"status": "Unknown", "comparedTo": compared_to(application)}}


def with_health_of(status: Object, word: Word, now: str) -> Object:
    """The transition time moves only when the word changes."""
    if (status.get("health") or {}).get("status") == word.value:
        return status
    return {**status, "health": {"status": word.value, "lastTransitionTime": now}}


def with_condition(status: Object, kind: str, message: str, now: str) -> Object:
    """Argo CD's conditions are errors and warnings: they are there or not, without a value."""
    old = next((found for found in _conditions(status) if found["type"] == kind), None)
    if old is not None and old["message"] == message:
        return status
    new = {"type": kind, "message": message, "lastTransitionTime": now}
    return {**status, "conditions": [*_without(status, kind), new]}


def without_conditions(status: Object, *kinds: str) -> Object:
    """The status without conditions of these types; no empty list is left."""
    kept = _without(status, *kinds)
    rest = {name: value for name, value in status.items() if name != "conditions"}
    return rest | ({"conditions": kept} if kept else {})


def with_history(application: Object, status: Object, operation: Object, now: str) -> Object:
    """The sync that just succeeded as the newest entry; Argo CD keeps ten."""
    earlier = status.get("history") or []
    result = operation["syncResult"]
    entry = {
        "id": earlier[-1]["id"] + 1 if earlier else 0,
        "deployStartedAt": operation["startedAt"],
        "deployedAt": now,
        "initiatedBy": operation["operation"].get("initiatedBy", {}),
        **{name: result[name] for name in ("revision", "revisions") if name in result},
        **{name: value for name, value in compared_to(application).items() if name != "destination"},
    }
    return {**status, "history": [*earlier, entry][-10:]}


def _health(resources: Sequence[Object]) -> Word:
    """Of what is wanted; what waits to be pruned does not count."""
    counted = [entry for entry in resources if not entry.get("requiresPruning")]
    return worst(Word(entry["health"]["status"]) for entry in counted if "health" in entry)


def _conditions(status: Object) -> list[Object]:
    found: list[Object] = status.get("conditions") or []
    return found


def _without(status: Object, *kinds: str) -> list[Object]:
    return [found for found in _conditions(status) if found["type"] not in kinds]
