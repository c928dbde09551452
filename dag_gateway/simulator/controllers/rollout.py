"""The arithmetic of a rolling update: how many replicas each ReplicaSet of a Deployment should have next.

Source: ``pkg/controller/deployment/rolling.go`` and ``util/deployment_util.go`` of Kubernetes.
"""

from dataclasses import dataclass

from dag_gateway.simulator.kinds import Object

from .templates import count_of


@dataclass(frozen=True, slots=True)
class Bounds:
    """What a Deployment allows: pods over and pods missing, resolved against its replicas."""

    replicas: int
    surge: int
    unavailable: int

    @property
    def most(self) -> int:
        return self.replicas + self.surge

    @property
    def fewest_available(self) -> int:
        return self.replicas - self.unavailable


def bounds_of(deployment: Object) -> Bounds:
    """Surge rounds up, unavailability down; both zero would never move, so one may be unavailable."""
    spec = deployment["spec"]
    replicas, rolling = spec["replicas"], spec["strategy"].get("rollingUpdate")
    if rolling is None:
        return Bounds(replicas, 0, replicas)
    surge = count_of(rolling["maxSurge"], replicas, up=True)
    unavailable = count_of(rolling["maxUnavailable"], replicas, up=False)
    return Bounds(replicas, surge, max(unavailable, 1) if surge == 0 else unavailable)


def new_replicas(bounds: Bounds, new: int, total: int) -> int:
    """Replicas of the newest ReplicaSet: as many as the surge leaves room for."""
    if new >= bounds.replicas:
        return bounds.replicas
    return new + max(0, min(bounds.most - total, bounds.replicas - new))


def old_replicas(bounds: Bounds, new: Object | None, old: list[Object]) -> list[int]:
    """Replicas of the old ReplicaSets, oldest first: broken ones go at once, healthy ones as availability allows."""
    counts = [item["spec"]["replicas"] for item in old]
    new_count = new["spec"]["replicas"] if new else 0
    new_available = _available(new) if new else 0
    room = sum(counts) + new_count - bounds.fewest_available - (new_count - new_available)
    if room <= 0:
        return counts
    for index, item in enumerate(old):
        broken = min(counts[index] - _available(item), room)
        counts[index], room = counts[index] - max(0, broken), room - max(0, broken)
    spare = min(room, new_available + sum(_available(item) for item in old) - bounds.fewest_available)
    for index in range(len(counts)):
        less = min(counts[index], max(0, spare))
        counts[index], spare = counts[index] - less, spare - less
    return counts


def _available(item: Object) -> int:
    return int(item.get("status", {}).get("availableReplicas", 0))
