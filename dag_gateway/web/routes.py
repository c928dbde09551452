"""The whole URL table on one screen."""

import time
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

from starlette.applications import Starlette
from starlette.routing import Route

from dag_gateway.config import ServerSettings

from .audit_page import read_audit
from .current import get_chart, get_values
from .deploy import deploy
from .doorway import DoorwayMiddleware
from .errors import HANDLERS
from .events import get_deployment, stream_events
from .guard import guarded
from .openapi import read_openapi
from .probes import live, ready
from .request_id import RequestIdMiddleware
from .suspects import Suspects

# The name of a route is its action in the policy and in the audit log, and its operation id for API clients.
ROUTES = (
    Route("/api/deploy", deploy, methods=["POST"], name="deploy"),
    Route("/api/get/chart", get_chart, methods=["POST"], name="get_chart"),
    Route("/api/get/values", get_values, methods=["POST"], name="get_values"),
    Route("/api/deployments/{id}", get_deployment, methods=["GET"], name="read_deployment"),
    Route("/api/deployments/{id}/events", stream_events, methods=["GET"], name="follow_deployment"),
    Route("/api/audit", read_audit, methods=["GET"], name="read_audit"),
    Route("/openapi.json", read_openapi, methods=["GET"], name="read_openapi"),
    Route("/livez", live, methods=["GET"], name="live"),
    Route("/readyz", ready, methods=["GET"], name="ready"),
    Route("/health", live, methods=["GET"], name="health"),
    Route("/api/v1/health", live, methods=["GET"], name="health_v1"),
)

Lifespan = Callable[[Starlette], AbstractAsyncContextManager[None]]


def web_application(lifespan: Lifespan, settings: ServerSettings) -> Starlette:
    """The ASGI application. ``lifespan`` puts the ``Doors`` into its state; the server shares its ``Suspects``."""
    application = Starlette(routes=[guarded(route) for route in ROUTES], exception_handlers=HANDLERS, lifespan=lifespan)
    # A redirect would send job and token once more, to wherever the Host header says.
    application.router.redirect_slashes = False
    application.state.suspects = suspects = Suspects(settings.limits, time.monotonic)
    application.add_middleware(DoorwayMiddleware, settings=settings, suspects=suspects)
    application.add_middleware(RequestIdMiddleware)
    return application
