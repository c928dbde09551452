"""Jobs that Kubernetes removes some time after they have finished (``ttlSecondsAfterFinished``)."""

from collections.abc import Mapping
from dataclasses import replace

from dag_gateway.model.health import progressing

from .objects import Object, holds, key, name, namespace, spec, title
from .resources import JOBS
from .workloads import Workloads

Finished = Mapping[tuple[str, str], bool]
"""By namespace and name of a Job that was seen: whether it was complete when it was seen last."""


def is_job(obj: Object) -> bool:
    return key(obj) == JOBS.key


def expires(obj: Object) -> bool:
    """Whether its own spec has it removed. One that nobody removes and that is not there is missing."""
    return is_job(obj) and spec(obj).get("ttlSecondsAfterFinished") is not None


def seeing(known: Finished, held: Workloads) -> Finished:
    """``known`` with the Jobs that are there now."""
    return {**known, **{_place(owner): holds(owner, "Complete") for owner in held.owners if is_job(owner)}}


def judged(held: Workloads, known: Finished) -> Workloads:
    """Those that are gone and were seen: done, or missing where nobody saw them finish."""
    unfinished = [obj for obj in held.gone if known.get(_place(obj)) is False]
    missing = [progressing(f"{title(obj)} is gone, and was not seen to finish") for obj in unfinished]
    unseen = [obj for obj in held.gone if _place(obj) not in known]
    return replace(held, gone=unseen, missing=[*held.missing, *missing]) if held.gone else held


def _place(obj: Object) -> tuple[str, str]:
    return namespace(obj), name(obj)
