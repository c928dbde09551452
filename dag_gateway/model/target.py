"""A target: one Helm release in one namespace of one cluster, and what is known of the rollout there."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Self

from .health import Health, Verdict
from .reason import Reason


class Tracker(StrEnum):
    """How a rollout is followed."""

    FLUX = "flux"
    ARGOCD = "argocd"
    HELM = "helm"
    WORKLOADS = "workloads"


@dataclass(frozen=True, slots=True)
class Target:
    """Where a chart goes and how its rollout is followed there.

    ``timeout`` is the budget in seconds of the whole rollout, counted from acceptance. ``resource_namespace`` and
    ``resource_name`` name the object that a tracker reads (the HelmRelease, the Application).
    """

    cluster: str
    namespace: str
    release: str
    tracker: Tracker
    resource_namespace: str
    resource_name: str
    timeout: float = 300.0
    nudge: bool = False

    @property
    def id(self) -> str:
        """``cluster/namespace/release``, unique within an environment."""
        return f"{self.cluster}/{self.namespace}/{self.release}"

    def deadline(self, accepted_at: datetime) -> datetime:
        """When the budget of this target is used up; fixed at acceptance, so a restart does not move it."""
        return accepted_at + timedelta(seconds=self.timeout)


class TargetStatus(StrEnum):
    """Where the rollout at one target stands."""

    PENDING = "pending"
    MONITORING = "monitoring"
    DEPLOYED = "deployed"
    FAILED = "failed"

    @property
    def terminal(self) -> bool:
        return self in (TargetStatus.DEPLOYED, TargetStatus.FAILED)


_STATUS_OF = {
    Verdict.HEALTHY: TargetStatus.DEPLOYED,
    Verdict.PROGRESSING: TargetStatus.MONITORING,
    Verdict.UNKNOWN: TargetStatus.MONITORING,
    Verdict.FAILED: TargetStatus.FAILED,
}


@dataclass(frozen=True, slots=True)
class Baseline:
    """What ran at a target before the push. None where there was no release or the tracker can not say.

    ``revision`` is Helm's release revision. ``looked_at`` is when the controller last looked at its source, in its own
    words: compared for being another one, never read as a time; so is ``finished_at``, the end of its last operation.
    """

    chart_version: str | None = None
    revision: int | None = None
    looked_at: str | None = None
    finished_at: str | None = None


@dataclass(frozen=True, slots=True)
class TargetState:
    """A target and how far its rollout is. ``baseline`` is None until it was captured."""

    target: Target
    status: TargetStatus = TargetStatus.PENDING
    message: str = ""
    reason: Reason | None = None
    ready: int | None = None
    desired: int | None = None
    baseline: Baseline | None = None

    def after(self, health: Health) -> Self:
        """The state once ``health`` was observed. A target that has ended stays as it ended."""
        if self.status.terminal:
            return self
        return replace(
            self,
            status=_STATUS_OF[health.verdict],
            message=health.message,
            reason=health.reason,
            ready=health.ready if health.ready is not None else self.ready,
            desired=health.desired if health.desired is not None else self.desired,
        )

    def with_baseline(self, baseline: Baseline) -> Self:
        return replace(self, baseline=baseline)

    def public_json(self) -> dict[str, Any]:
        """The form that the API shows."""
        target = self.target
        return {
            "id": target.id,
            "clusterName": target.cluster,
            "namespace": target.namespace,
            "release": target.release,
            "tracker": target.tracker.value,
            "status": self.status.value,
            "message": self.message,
            "reason": self.reason.value if self.reason else None,
            "ready": self.ready,
            "desired": self.desired,
            "monitorTimeoutSecs": target.timeout,
        }

    def to_json(self) -> dict[str, Any]:
        """The form that the store keeps: what the API shows and what is needed to go on."""
        return self.public_json() | {
            "resource": {"namespace": self.target.resource_namespace, "name": self.target.resource_name},
            "nudge": self.target.nudge,
            "baseline": _baseline_json(self.baseline),
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Self:
        """The inverse of ``to_json``."""
        baseline = data["baseline"]
        return cls(
            target=Target(
                cluster=data["clusterName"],
                namespace=data["namespace"],
                release=data["release"],
                tracker=Tracker(data["tracker"]),
                resource_namespace=data["resource"]["namespace"],
                resource_name=data["resource"]["name"],
                timeout=data["monitorTimeoutSecs"],
                nudge=data["nudge"],
            ),
            status=TargetStatus(data["status"]),
            message=data["message"],
            reason=Reason(data["reason"]) if data["reason"] else None,
            ready=data["ready"],
            desired=data["desired"],
            baseline=_baseline_of(baseline) if baseline else None,
        )


@dataclass(frozen=True, slots=True)
class Goal:
    """What has to be proven at a target: this chart, at this version, from this folder of this commit.

    ``expected`` is what real Helm renders from the chart, ``earlier`` what it renders from the one that was at the path
    before; both for the tracker ``workloads`` only. They may hold Secrets, so they are never printed.
    """

    commit: str
    path: str
    chart_name: str
    chart_version: str
    baseline: Baseline | None = None
    expected: tuple[Mapping[str, Any], ...] = field(default=(), repr=False)
    earlier: tuple[Mapping[str, Any], ...] = field(default=(), repr=False)


def _baseline_json(baseline: Baseline | None) -> dict[str, Any] | None:
    if baseline is None:
        return None
    return {
        "chartVersion": baseline.chart_version,
        "revision": baseline.revision,
        "lookedAt": baseline.looked_at,
        "finishedAt": baseline.finished_at,
    }


def _baseline_of(data: Mapping[str, Any]) -> Baseline:
    """``lookedAt`` and ``finishedAt`` are missing in what versions before them have stored."""
    return Baseline(data["chartVersion"], data["revision"], data.get("lookedAt"), data.get("finishedAt"))
