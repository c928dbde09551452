"""The tracker ``helm``: a release that somebody else installs with Helm, known from Helm's own Secrets."""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from dag_gateway.model.health import Health, failed, progressing
from dag_gateway.model.reason import Reason
from dag_gateway.model.target import Baseline, Goal, Target

from . import helm_release, rules
from .helm_release import Release, UnreadableRelease
from .live import Snapshot
from .objects import Object, meta, name, namespace
from .resources import FOLLOWED, PODS, REPLICA_SETS, SECRETS, Selection
from .workloads import Workloads

_REVISIONS = 3
"""How many of the newest revisions are read in full: ours may be among them, already superseded."""


class HelmRollout:
    """See ``rollout.Rollout``."""

    def __init__(self, target: Target) -> None:
        self._namespace = target.resource_namespace
        self._all = Selection(SECRETS, self._namespace, f"owner=helm,name={target.resource_name}", metadata_only=True)
        self._decoded: dict[tuple[str, str], Release] = {}
        self._manifests: dict[Release, tuple[Mapping[str, Any], ...]] = {}

    def proof(self, seen: Snapshot) -> tuple[Selection, ...]:
        """The metadata of all revisions, and the newest ones with the megabyte that they hold."""
        newest = helm_release.newest_first(seen.get(self._all, ()))[:_REVISIONS]
        return (self._all, *(Selection(SECRETS, self._namespace, name=name(secret)) for secret in newest))

    def running(self, seen: Snapshot) -> tuple[Selection, ...]:
        found = {
            Selection(FOLLOWED[rules.key(obj)], self._home(obj))
            for obj in self._manifest(seen)
            if self._is_followed(obj)
        }
        places = {selection.namespace for selection in found}
        pods = {Selection(resource, place) for resource in (REPLICA_SETS, PODS) for place in places}
        return tuple(sorted(found | pods, key=str))

    def nudged(self, seen: Snapshot) -> tuple[Selection, ...]:
        return ()

    def obstacle(self, seen: Snapshot, path: str) -> Health | None:
        """Who installs the release, and from where, is not known here: any path will do."""
        return self._unreadable(seen)

    def _unreadable(self, seen: Snapshot) -> Health | None:
        """Nothing is known of a release whose record can not be read."""
        try:
            self._objects_of(self._decoded_from(seen))
        except UnreadableRelease as error:
            return failed(Reason.CONFIG_ERROR, error.message)
        return None

    def baseline(self, seen: Snapshot) -> Baseline:
        releases = self._releases(seen)
        return Baseline(releases[0].chart_version, releases[0].revision) if releases else Baseline()

    def hashes(self, seen: Snapshot) -> tuple[str, ...]:
        return ()

    def released(self, seen: Snapshot, goal: Goal, known_good: Collection[str]) -> Health:
        return self._unreadable(seen) or helm_release.judge(self._releases(seen), goal)

    def since(self, seen: Snapshot, goal: Goal, known_good: Collection[str]) -> datetime | None:
        releases = self._releases(seen)
        return releases[0].created if releases and helm_release.is_ours(releases[0], goal) else None

    def workloads(self, seen: Snapshot) -> Workloads:
        """The objects of the newest manifest that have a rule; the others exist once Helm says ``deployed``."""
        expected = [obj for obj in self._manifest(seen) if self._is_followed(obj)]
        held = {_identity(obj, namespace(obj)): obj for objects in seen.values() for obj in objects}
        wanted = [_identity(obj, self._home(obj)) for obj in expected]
        return Workloads(
            owners=[held[identity] for identity in wanted if identity in held],
            replica_sets=[obj for obj in held.values() if obj.get("kind") == "ReplicaSet"],
            pods=[obj for obj in held.values() if obj.get("kind") == "Pod"],
            missing=[_missing(*identity) for identity in wanted if identity not in held],
        )

    def _manifest(self, seen: Snapshot) -> tuple[Mapping[str, Any], ...]:
        return self._objects_of(self._releases(seen))

    def _objects_of(self, releases: list[Release]) -> tuple[Mapping[str, Any], ...]:
        """The manifest of the newest release, parsed once. Raises UnreadableRelease."""
        if not releases:
            return ()
        if releases[0] not in self._manifests:
            self._manifests = {releases[0]: helm_release.manifest_objects(releases[0])}
        return self._manifests[releases[0]]

    def _releases(self, seen: Snapshot) -> list[Release]:
        """Newest first; none while they are not read in full, or where they can not be read."""
        return [] if self._unreadable(seen) else self._decoded_from(seen)

    def _decoded_from(self, seen: Snapshot) -> list[Release]:
        """Each version of a Secret is decoded once. Raises UnreadableRelease."""
        newest = helm_release.newest_first(seen.get(self._all, ()))[:_REVISIONS]
        read = [seen.get(Selection(SECRETS, self._namespace, name=name(secret)), ()) for secret in newest]
        if not all(read):
            return []
        versions = {_version(secrets[0]): secrets[0] for secrets in read}
        known = self._decoded
        self._decoded = {key: known.get(key) or helm_release.decode(secret) for key, secret in versions.items()}
        return list(self._decoded.values())

    def _home(self, obj: Mapping[str, Any]) -> str:
        return namespace(obj) or self._namespace

    @staticmethod
    def _is_followed(obj: Mapping[str, Any]) -> bool:
        return rules.key(obj) in FOLLOWED


def _identity(obj: Mapping[str, Any], place: str) -> tuple[str, str, str]:
    return str(obj.get("kind", "")), place, name(obj)


def _missing(kind: str, place: str, name: str) -> Health:
    return progressing(f"{kind} {place}/{name} is missing")


def _version(secret: Object) -> tuple[str, str]:
    return name(secret), str(meta(secret).get("resourceVersion", ""))
