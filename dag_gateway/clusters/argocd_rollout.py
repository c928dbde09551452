"""The tracker ``argocd``: an Application that takes the chart from git."""

from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from dag_gateway.model.health import Health
from dag_gateway.model.target import Baseline, Goal, Target

from . import argocd, argocd_health, argocd_operation
from .diagnose import Problem
from .live import Snapshot
from .manifest import Manifest
from .objects import Object, status, title
from .resources import APPLICATIONS, Selection
from .rollout import Nudge
from .workloads import Workloads

_REFRESH = "argocd.argoproj.io/refresh"
_SECOND = timedelta(seconds=1)
"""Argo CD writes whole seconds: two of its looks can be told apart only when there is one between them."""


class ArgocdRollout:
    """See ``rollout.Rollout``. ``grace``: seconds that an error or Degraded has to last.

    Remembers which look of Argo CD's brought an error, to tell whether it has looked again, and since when another
    look is wanted.
    """

    def __init__(self, target: Target, grace: float) -> None:
        self._application = Selection(APPLICATIONS, target.resource_namespace, name=target.resource_name)
        self._namespace = target.namespace
        self._grace = grace
        self._erred_at: str | None = None
        self._wanted: dict[str, datetime] = {}
        self._read: tuple[Object | None, Manifest] = (None, Manifest((), target.namespace))

    def proof(self, seen: Snapshot) -> tuple[Selection, ...]:
        return (self._application,)

    def running(self, seen: Snapshot) -> tuple[Selection, ...]:
        return self._manifest(seen).running(seen)

    def helpful(self, seen: Snapshot) -> tuple[Selection, ...]:
        return self._manifest(seen).helpful(seen)

    def nudges(self, seen: Snapshot, goal: Goal, now: datetime) -> tuple[Nudge, ...]:
        """To look for our commit, once more after an error; and at all where the health is still that from before."""
        application = self._one(seen)
        if application is None:
            return ()
        asked = [self._look("refresh", "normal")]
        if erred := self._error_since(application, goal):
            asked.append(self._later(f"error/{erred}", "normal", now))
        finished = argocd_operation.ended_at(application)
        if finished and not argocd_operation.is_running(application) and argocd_health.is_stale(application):
            if argocd_health.looked_at(application) == finished:
                asked.append(self._later(f"again/{finished}", "hard", now))
            else:
                asked.append(self._look(f"hard/{finished}", "hard"))
        return tuple(asked)

    def obstacle(self, seen: Snapshot, path: str) -> Health | None:
        application = self._one(seen)
        return argocd.obstacle(application, path) if application else None

    def baseline(self, seen: Snapshot) -> Baseline:
        """Argo CD knows commits, not versions of charts."""
        application = self._one(seen)
        looked, ended = argocd_health.looked_at(application), argocd_operation.ended_at(application)
        return Baseline(looked_at=looked, finished_at=ended)

    def hashes(self, seen: Snapshot) -> tuple[str, ...]:
        application = self._one(seen)
        return argocd.hashes(application) if application else ()

    def released(self, seen: Snapshot, goal: Goal, known_good: Collection[str], now: datetime) -> Health:
        return argocd.judge(self._one(seen), goal, known_good)

    def problems(self, seen: Snapshot, goal: Goal, known_good: Collection[str]) -> tuple[Problem, ...]:
        application = self._one(seen)
        return argocd.problems(application, goal, known_good, self._grace, self._error_since(application, goal))

    def since(self, seen: Snapshot, goal: Goal, known_good: Collection[str]) -> datetime | None:
        application = self._one(seen)
        return argocd_operation.began_at(application, goal, known_good) if application else None

    def workloads(self, seen: Snapshot) -> Workloads:
        """What Argo CD has deployed here, to be judged as well; of another cluster there is only its word.

        Kinds without a rule here have been judged by Argo CD.
        """
        application = self._one(seen)
        if application is None or argocd_health.is_here(application):
            return replace(self._manifest(seen).workloads(seen), unjudged=())
        return Workloads(notes=(f"as Argo CD sees it: {title(application)} deploys to another cluster",))

    def _error_since(self, application: Object | None, goal: Goal) -> str | None:
        """The look that brought the error that there is; None where there is none."""
        if not argocd.is_in_error(application, goal):
            self._erred_at = None
        elif self._erred_at is None:
            self._erred_at = argocd_health.looked_at(application)
        return self._erred_at

    def _look(self, key: str, how: str) -> Nudge:
        return Nudge(key, self._application, {_REFRESH: how})

    def _later(self, key: str, how: str, now: datetime) -> Nudge:
        """In a second of its own: what there is to be looked at again was there by ``now``, when it is first wanted."""
        return replace(self._look(key, how), at=self._wanted.setdefault(key, now) + _SECOND)

    def _one(self, seen: Snapshot) -> Object | None:
        return next(iter(seen.get(self._application, ())), None)

    def _manifest(self, seen: Snapshot) -> Manifest:
        """Made once for each version of the Application: it may list hundreds of objects."""
        application = self._one(seen)
        if application is not self._read[0]:
            self._read = (application, Manifest(_parts(application), self._namespace))
        return self._read[1]


def _parts(application: Object | None) -> list[Object]:
    """What the Application consists of in this cluster."""
    if application is None or not argocd_health.is_here(application):
        return []
    return [_named(part) for part in status(application).get("resources") or () if argocd_health.is_part(part)]


def _named(part: Mapping[str, Any]) -> Object:
    """An entry of ``status.resources`` as an object of which nothing but the name is known."""
    version = "/".join(str(part[field]) for field in ("group", "version") if part.get(field))
    metadata = {field: part[field] for field in ("name", "namespace") if part.get(field)}
    return {"apiVersion": version, "kind": part.get("kind"), "metadata": metadata}
