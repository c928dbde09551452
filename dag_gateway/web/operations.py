"""What each route takes and answers: the table that the description of the API is made of."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from pydantic import BaseModel

from .answers import Accepted, Answer, AuditPage, DeploymentAnswer, Health, StreamedEvent
from .fields import AuditQuery, DeployFields, JobFields

JSON = "application/json"


@dataclass(frozen=True, slots=True)
class Success:
    """An answer that is no error: JSON unless ``media_type`` says otherwise; no body when neither is there."""

    text: str
    model: type[Answer] | None = None
    media_type: str | None = None
    headers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Operation:
    """``errors`` are the statuses with an ErrorAnswer. ``headers`` are those of the request that mean something."""

    summary: str
    answers: Mapping[int, Success]
    errors: tuple[int, ...] = ()
    form: type[BaseModel] | None = None
    file: str | None = None
    body: type[BaseModel] | None = None
    query: type[BaseModel] | None = None
    headers: Mapping[str, str] = field(default_factory=dict)


_JOB_ERRORS = (401, 404, 408, 413, 415, 429, 503)
_KNOWN_TREE = {"If-None-Match": "The ETag of an earlier answer"}
_NOT_MODIFIED = Success("The tree is the one of If-None-Match", headers=("ETag",))
_HEALTHY = {200: Success("All is well", Health)}

OPERATIONS: Mapping[str, Operation] = {
    "deploy": Operation(
        "Hand over a chart",
        {200: Success("The deployment and its chart are durable", Accepted)},
        (*_JOB_ERRORS, 422),
        form=DeployFields,
        file="chart",
        headers={"Idempotency-Key": "The same key with the same content is the same deployment"},
    ),
    "get_chart": Operation(
        "The chart that is at the environment's path now",
        {
            200: Success("A chart that Helm loads", None, "application/gzip", ("ETag", "Content-Disposition")),
            304: _NOT_MODIFIED,
        },
        _JOB_ERRORS,
        body=JobFields,
        headers=_KNOWN_TREE,
    ),
    "get_values": Operation(
        "Its values.yaml as JSON",
        {200: Success("The values", None, JSON, ("ETag",)), 304: _NOT_MODIFIED},
        _JOB_ERRORS,
        body=JobFields,
        headers=_KNOWN_TREE,
    ),
    "read_deployment": Operation(
        "A deployment with its events", {200: Success("The whole record", DeploymentAnswer)}, (404, 503)
    ),
    "follow_deployment": Operation(
        "A deployment live",
        {
            200: Success("Server-Sent Events, each as described", StreamedEvent, "text/event-stream"),
            204: Success("The end was seen already"),
        },
        (404, 429, 503),
        headers={"Last-Event-ID": "The number of the last event that was seen"},
    ),
    "read_audit": Operation(
        "The audit log", {200: Success("One page, newest first", AuditPage)}, (401, 403, 503), query=AuditQuery
    ),
    "read_openapi": Operation("This description", {200: Success("OpenAPI 3.1", None, JSON)}),
    "live": Operation("Does the process run?", _HEALTHY),
    "ready": Operation("Should it get requests?", _HEALTHY, (503,)),
    "health": Operation("Does the process run?", _HEALTHY),
    "health_v1": Operation("Does the process run?", _HEALTHY),
}
