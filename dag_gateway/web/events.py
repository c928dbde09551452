"""GET /api/deployments/{id}/events and /api/deployments/{id}: a deployment live, and as a record."""

from sse_starlette import EventSourceResponse
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from .doors import doors
from .record import record_json

# A peer that takes nothing for so long, in seconds, is gone; its stream is closed.
_SEND_TIMEOUT = 60


async def stream_events(request: Request) -> Response:
    """Server-Sent Events, resumed behind ``Last-Event-ID``; 204 tells a browser to stop asking."""
    frames = await doors(request).feed.stream(request.path_params["id"], _last_event_id(request))
    if frames is None:
        return Response(status_code=204)
    # The feed sends heartbeats of its own, and ends streams by itself when the process stops.
    return EventSourceResponse(frames, ping=0, send_timeout=_SEND_TIMEOUT)


async def get_deployment(request: Request) -> Response:
    """Everything that is known of a deployment."""
    store = doors(request).store
    snapshot = await store.get(request.path_params["id"])
    events = await store.events(snapshot.deployment.number)
    return JSONResponse(record_json(snapshot.deployment, events), headers={"Cache-Control": "no-store"})


def _last_event_id(request: Request) -> int | None:
    """None when it is absent or not a number of ours: the stream then starts with where things stand."""
    given = request.headers.get("last-event-id", "")
    return int(given) if given.isascii() and given.isdecimal() and len(given) < 10 else None
