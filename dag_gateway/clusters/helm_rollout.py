"""The tracker ``helm``: a release that somebody else installs with Helm, known from Helm's own Secrets."""

from collections.abc import Collection
from datetime import datetime
from typing import NamedTuple

from dag_gateway.model.health import Health, failed
from dag_gateway.model.reason import Reason
from dag_gateway.model.target import Baseline, Goal, Target

from . import helm_record, helm_release
from .diagnose import Problem
from .helm_record import Release, UnreadableRelease
from .live import Snapshot
from .manifest import Manifest
from .objects import Object, meta, name
from .resources import SECRETS, Selection
from .rollout import Nudge
from .workloads import Workloads

_REVISIONS = 2
"""How many of the newest revisions are read in full: the one before the newest may be ours, already superseded."""


class HelmRollout:
    """See ``rollout.Rollout``."""

    def __init__(self, target: Target) -> None:
        self._namespace = target.resource_namespace
        self._patience = target.timeout
        self._all = Selection(SECRETS, self._namespace, f"owner=helm,name={target.resource_name}", metadata_only=True)
        self._decoded: dict[_Version, Release] = {}
        self._manifest_of_newest = Manifest((), self._namespace)

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
        return self._manifest(seen).workloads(seen)

    def _unreadable(self, seen: Snapshot) -> Health | None:
        """Nothing is known of a release whose record can not be read."""
        try:
            self._read(seen)
        except UnreadableRelease as error:
            return failed(Reason.CONFIG_ERROR, error.message)
        return None

    def _releases(self, seen: Snapshot) -> list[Release]:
        """Newest first; none while they are not read in full, or where they can not be read."""
        return [] if self._unreadable(seen) else list(self._decoded.values())

    def _manifest(self, seen: Snapshot) -> Manifest:
        """Of the newest release; empty where there is none."""
        return self._manifest_of_newest if self._releases(seen) else Manifest((), self._namespace)

    def _read(self, seen: Snapshot) -> None:
        """Each version of a Secret is decoded once. Raises UnreadableRelease."""
        found = [seen.get(self._whole(secret), ()) for secret in self._newest(seen)]
        secrets = [secret for objects in found for secret in objects] if all(found) else []
        versions = {_version(secret, is_newest=index == 0): secret for index, secret in enumerate(secrets)}
        if versions.keys() == self._decoded.keys():
            return
        known, self._decoded = self._decoded, {}
        decoded = {
            version: known.get(version) or helm_record.decode(secret, with_objects=version.is_newest)
            for version, secret in versions.items()
        }
        newest = next(iter(decoded.values()), None)
        self._manifest_of_newest = Manifest(newest.objects if newest else (), self._namespace)
        self._decoded = decoded

    def _newest(self, seen: Snapshot) -> list[Object]:
        return helm_record.newest_first(seen.get(self._all, ()))[:_REVISIONS]

    def _whole(self, secret: Object) -> Selection:
        return Selection(SECRETS, self._namespace, name=name(secret))


class _Version(NamedTuple):
    """A Secret at one moment. Of the newest the manifest is read too, so it is another one once it is not newest."""

    name: str
    version: str
    is_newest: bool


def _version(secret: Object, *, is_newest: bool) -> _Version:
    return _Version(name(secret), str(meta(secret).get("resourceVersion", "")), is_newest)
