"""The tracker ``helm``: a release that somebody else installs with Helm, known from Helm's own Secrets."""

from collections.abc import Collection
from dataclasses import replace
from datetime import datetime
from typing import Final

from dag_gateway.model.health import Health, failed
from dag_gateway.model.reason import Reason
from dag_gateway.model.target import Baseline, Goal, Target

from . import helm_images, helm_record, helm_release
from .diagnose import Problem
from .helm_record import Release, UnreadableRelease
from .live import Snapshot
from .manifest import Manifest
from .objects import Object, name
from .resources import SECRETS, Selection
from .rollout import Nudge
from .workloads import Workloads

_REVISIONS = 2
"""How many of the newest revisions are read in full: the one before the newest may be ours, already superseded."""

_ABANDONED: Final = 600.0
"""Seconds after which an operation of somebody else is taken for abandoned, at the least: Helm's own default is five
minutes for all it waits for, and ours may be shorter than what they gave theirs."""


class HelmRollout:
    """See ``rollout.Rollout``."""

    def __init__(self, target: Target) -> None:
        self._namespace = target.resource_namespace
        self._patience = max(target.timeout, _ABANDONED)
        self._all = Selection(SECRETS, self._namespace, f"owner=helm,name={target.resource_name}", metadata_only=True)
        self._read: tuple[Release | None, Manifest] = (None, Manifest((), self._namespace))

    def proof(self, seen: Snapshot) -> tuple[Selection, ...]:
        """The metadata of all revisions, and the newest ones with the megabyte that they hold."""
        return (self._all, *(self._whole(secret) for secret in self._newest(seen)))

    def running(self, seen: Snapshot) -> tuple[Selection, ...]:
        return self._manifest(seen).running(seen)

    def helpful(self, seen: Snapshot) -> tuple[Selection, ...]:
        return self._manifest(seen).helpful(seen)

    def nudges(self, seen: Snapshot, goal: Goal, now: datetime) -> tuple[Nudge, ...]:
        """Nobody to ask: Helm is run by somebody else."""
        return ()

    def obstacle(self, seen: Snapshot, path: str) -> Health | None:
        """Who installs the release, and from where, is not known here: any path will do."""
        return self._unreadable(seen)

    def baseline(self, seen: Snapshot) -> Baseline:
        releases = self._releases(seen)
        return Baseline(releases[0].chart_version, releases[0].revision) if releases else Baseline()

    def hashes(self, seen: Snapshot) -> tuple[str, ...]:
        return ()

    def released(self, seen: Snapshot, goal: Goal, known_good: Collection[str], now: datetime) -> Health:
        return self._unreadable(seen) or helm_release.judge(self._releases(seen), goal, now, self._patience)

    def problems(self, seen: Snapshot, goal: Goal, known_good: Collection[str]) -> tuple[Problem, ...]:
        return ()

    def since(self, seen: Snapshot, goal: Goal, known_good: Collection[str]) -> datetime | None:
        releases = self._releases(seen)
        return releases[0].created if releases and helm_release.is_ours(releases[0], goal) else None

    def workloads(self, seen: Snapshot) -> Workloads:
        """What runs with another image than Helm released is as good as missing."""
        manifest = self._manifest(seen)
        held = manifest.workloads(seen)
        return replace(held, missing=[*held.missing, *helm_images.differences(manifest.followed, seen)])

    def _unreadable(self, seen: Snapshot) -> Health | None:
        """Nothing is known of a release whose record can not be read."""
        for record in self._records(seen):
            if isinstance(record, UnreadableRelease):
                return failed(Reason.CONFIG_ERROR, record.message)
        return None

    def _releases(self, seen: Snapshot) -> list[Release]:
        """Newest first; none while they are not read in full, or where one can not be read."""
        records = self._records(seen)
        releases = [record for record in records if isinstance(record, Release)]
        return releases if len(releases) == len(records) else []

    def _records(self, seen: Snapshot) -> list[Release | UnreadableRelease]:
        found = [seen.get(self._whole(secret), ()) for secret in self._newest(seen)]
        return [helm_record.record_of(secret) for objects in found for secret in objects] if all(found) else []

    def _manifest(self, seen: Snapshot) -> Manifest:
        """Of the newest release, made once for each version of it; empty where there is none."""
        newest = next(iter(self._releases(seen)), None)
        if newest is not self._read[0]:
            self._read = (newest, Manifest(newest.objects if newest else (), self._namespace))
        return self._read[1]

    def _newest(self, seen: Snapshot) -> list[Object]:
        return helm_record.newest_first(seen.get(self._all, ()))[:_REVISIONS]

    def _whole(self, secret: Object) -> Selection:
        return Selection(SECRETS, self._namespace, name=name(secret))
