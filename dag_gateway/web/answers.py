"""What the API answers, as models for its description; a test holds real answers against them."""

from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from dag_gateway.model.deployment import Status
from dag_gateway.model.event import EventKind
from dag_gateway.model.reason import Reason
from dag_gateway.model.target import TargetStatus, Tracker


class Answer(BaseModel):
    """Names on the wire are in camelCase; what is optional is null where it is not known (yet)."""

    model_config = ConfigDict(alias_generator=to_camel, extra="forbid", use_attribute_docstrings=True)


class ErrorAnswer(Answer):
    """The one shape of errors."""

    error: str
    """One sentence that names the thing, the rule and the way out."""
    code: Annotated[str, Field(pattern="^[a-z_]+$")]
    """Stable; docs/errors.md has them all."""
    details: dict[str, Any] = {}
    """More for programs."""


class Accepted(Answer):
    """The upload is durable."""

    deployment_id: Annotated[str, Field(json_schema_extra={"format": "uuid"})]
    url: str = ""
    """Where people look at it; only with server.public_url."""


class Health(Answer):
    """All is well."""

    status: Literal["ok"]


class TargetAnswer(Answer):
    """How far the rollout at one target is."""

    id: str
    cluster_name: str
    namespace: str
    release: str
    tracker: Tracker
    status: TargetStatus
    message: str
    reason: Reason | None
    ready: int | None
    desired: int | None
    monitor_timeout_secs: float


class EventAnswer(Answer):
    """A row of the event log; the other fields are those of the event."""

    model_config = ConfigDict(extra="allow")

    id: Annotated[int, Field(ge=1)]
    event: EventKind


class StreamedEvent(Answer):
    """One Server-Sent Event."""

    event: EventKind | Literal["heartbeat"]
    data: str
    """A JSON object."""
    id: str = ""
    """The number of the event; for Last-Event-ID."""


class DeploymentAnswer(Answer):
    """The whole record of a deployment."""

    id: Annotated[str, Field(json_schema_extra={"format": "uuid"})]
    app: str
    environment: str
    repo_url: str
    branch: str
    """The branch or tag that the job ran for."""
    version: str
    chart_name: str
    chart_version: str | None
    status: Status
    message: str
    reason: Reason | None
    commit: str | None
    commit_url: str | None
    job_id: str
    job_url: str | None
    actor: str | None
    source_commit: str | None
    accepted_at: AwareDatetime
    times: dict[Status, AwareDatetime]
    """When each status was reached."""
    targets: list[TargetAnswer]
    changes: str
    """The images: ``web -> nginx:1.27.0; ...``."""
    events: list[EventAnswer]


class AuditRow(Answer):
    """Who asked for what, from where, and what came of it."""

    number: Annotated[int, Field(ge=1)]
    at: AwareDatetime
    actor: str | None
    """A verified name: ``key:NAME`` or ``job:FORGE/USER``; null where nobody was verified."""
    address: str | None
    action: str
    outcome: str
    """``allowed``, or the code of the refusal."""
    request_id: str | None
    data: dict[str, str | int | bool]


class AuditPage(Answer):
    """Newest first."""

    entries: list[AuditRow]
    next: int | None
    """The ``before`` of the page behind this one; null on the last."""
