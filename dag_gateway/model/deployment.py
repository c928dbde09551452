"""A deployment: one uploaded chart on its way. The state machine is the table ``TRANSITIONS``.

::

    pending ─▶ validating ─▶ pushing ─▶ pushed ─▶ monitoring ─▶ deployed
       └───────────┴────────────┴─────────┴───────────┴───────▶ failed(reason)
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, Self

from .health import Health, failed
from .identity import JobIdentity
from .reason import Reason
from .target import Target, TargetState


class Status(StrEnum):
    """Where a deployment stands."""

    PENDING = "pending"
    VALIDATING = "validating"
    PUSHING = "pushing"
    PUSHED = "pushed"
    MONITORING = "monitoring"
    DEPLOYED = "deployed"
    FAILED = "failed"

    @property
    def terminal(self) -> bool:
        """Whether it is an end: nothing follows it in ``TRANSITIONS``."""
        return not TRANSITIONS[self]


TRANSITIONS: Mapping[Status, frozenset[Status]] = {
    Status.PENDING: frozenset({Status.VALIDATING, Status.FAILED}),
    Status.VALIDATING: frozenset({Status.PUSHING, Status.FAILED}),
    Status.PUSHING: frozenset({Status.PUSHED, Status.FAILED}),
    Status.PUSHED: frozenset({Status.MONITORING, Status.FAILED}),
    Status.MONITORING: frozenset({Status.DEPLOYED, Status.FAILED}),
    Status.DEPLOYED: frozenset(),
    Status.FAILED: frozenset(),
}

BEFORE_PUSH = frozenset({Status.PENDING, Status.VALIDATING, Status.PUSHING})


class IllegalTransition(ValueError):
    """The state machine has no such arrow."""

    def __init__(self, old: Status, new: Status) -> None:
        super().__init__(f"a deployment can not go from {old} to {new}")


@dataclass(frozen=True, slots=True)
class Destination:
    """Where the chart is written. ``branch`` is None for the remote's HEAD."""

    repository: str
    branch: str | None
    path: str


@dataclass(frozen=True, slots=True)
class Deployment:
    """Everything that is known of it, as one record; each step takes one and returns the next.

    ``id`` is a UUIDv7, ``number`` the order of acceptance. ``version`` is what was asked for, ``chart_version``
    what was stamped (None before the push). ``changes`` are the images per workload (``web -> nginx:1.27.0``).
    """

    id: str
    number: int
    app: str
    environment: str
    repo_url: str
    identity: JobIdentity
    destination: Destination
    version: str
    chart_name: str
    chart_digest: str
    accepted_at: datetime
    targets: tuple[TargetState, ...]
    status: Status = Status.PENDING
    message: str = ""
    reason: Reason | None = None
    chart_version: str | None = None
    commit: str | None = None
    commit_url: str | None = None
    changes: str = ""

    @property
    def deadline(self) -> datetime:
        """The latest deadline of its targets, fixed at acceptance."""
        return max(state.target.deadline(self.accepted_at) for state in self.targets)

    def after(self, status: Status, message: str, **known: Any) -> Self:
        """The deployment one arrow further; ``known`` are the fields learned on the way.

        Raises IllegalTransition where the table has no arrow.
        """
        if status not in TRANSITIONS[self.status]:
            raise IllegalTransition(self.status, status)
        return replace(self, status=status, message=message, **known)

    def failed(self, reason: Reason, message: str) -> Self:
        """The deployment ended without success; targets that have no end yet get theirs."""
        cut_short = failed(reason, "not rolled out: the deployment failed")
        return self.with_targets(state.after(cut_short) for state in self.targets).after(
            Status.FAILED, message, reason=reason
        )

    def with_target(self, target_id: str, health: Health) -> Self:
        """The deployment once ``health`` was observed at one of its targets."""
        return self.with_targets(
            state.after(health) if state.target.id == target_id else state for state in self.targets
        )

    def with_targets(self, targets: Iterable[TargetState]) -> Self:
        return replace(self, targets=tuple(targets))

    def target(self, target_id: str) -> TargetState:
        """The state of one target; KeyError when it has none of that id."""
        for state in self.targets:
            if state.target.id == target_id:
                return state
        raise KeyError(target_id)


def fresh_targets(targets: Iterable[Target]) -> tuple[TargetState, ...]:
    """The states of targets of which nothing is known yet."""
    return tuple(TargetState(target) for target in targets)
