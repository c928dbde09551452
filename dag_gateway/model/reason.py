"""Why a deployment failed: the closed list that the API promises."""

from enum import StrEnum
from typing import Any

from dag_gateway.errors import GatewayError


class Reason(StrEnum):
    """A stable word for programs; the message beside it is for people."""

    INVALID_CHART = "invalid_chart"
    RENDER_FAILED = "render_failed"
    PUSH_REJECTED = "push_rejected"
    UNREACHABLE = "unreachable"
    TIMEOUT = "timeout"
    STALLED = "stalled"
    CRASH_LOOP = "crash_loop"
    IMAGE_PULL = "image_pull"
    UNSCHEDULABLE = "unschedulable"
    CONFIG_ERROR = "config_error"
    QUOTA = "quota"
    ROLLOUT_FAILED = "rollout_failed"
    HOOK_FAILED = "hook_failed"
    SUSPENDED = "suspended"
    SUPERSEDED = "superseded"
    CANCELLED = "cancelled"
    INTERNAL = "internal"


class StepFailed(GatewayError):
    """A deployment can not go on, and waiting can not mend it. ``reason`` becomes the deployment's."""

    code = "step_failed"

    def __init__(self, reason: Reason, message: str, **details: Any) -> None:
        super().__init__(message, **details)
        self.reason = reason
