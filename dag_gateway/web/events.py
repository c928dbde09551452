"""GET /api/deployments/{id}/events and /api/deployments/{id}: a deployment live, and as a record."""

import re
from contextlib import ExitStack

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from dag_gateway.store import DeploymentNotFound

from .client_address import client_address
from .doors import doors
from .event_stream import EventStream
from .patience import patience, timed
from .record import record_json

_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII)


async def stream_events(request: Request) -> ASGIApp:
    """Server-Sent Events, resumed behind ``Last-Event-ID``; 204 tells a browser to stop asking."""
    gateway = doors(request)
    with ExitStack() as place:
        place.enter_context(gateway.streams.one(client_address(request)))
        frames = await gateway.feed.stream(_deployment_id(request), _last_event_id(request))
        if frames is None:
            return Response(status_code=204)
        return _keeping(place.pop_all(), EventStream(frames))


@timed
async def get_deployment(request: Request) -> Response:
    """Everything that is known of a deployment."""
    store = doors(request).store
    patience(request).waits_for("the database")
    snapshot = await store.get(_deployment_id(request))
    events = await store.events(snapshot.deployment.number)
    return JSONResponse(record_json(snapshot.deployment, events), headers={"Cache-Control": "no-store"})


def _keeping(place: ExitStack, stream: ASGIApp) -> ASGIApp:
    """The stream, which gives its place back when it ends."""

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        with place:
            await stream(scope, receive, send)

    return answer


def _deployment_id(request: Request) -> str:
    """Raises DeploymentNotFound for what can be none; PostgreSQL does not even take all of it as text."""
    given: str = request.path_params["id"]
    if not _UUID.fullmatch(given):
        raise DeploymentNotFound("there is no deployment of this id")
    return given


def _last_event_id(request: Request) -> int | None:
    """None when it is absent or not a number of ours: the stream then starts with where things stand."""
    given = request.headers.get("last-event-id", "")
    return int(given) if given.isascii() and given.isdecimal() and len(given) < 10 else None
