"""The whole URL table on one screen."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

from starlette.applications import Starlette
from starlette.routing import Route

from .current import get_chart, get_values
from .deploy import deploy
from .errors import HANDLERS
from .events import get_deployment, stream_events
from .probes import live, ready
from .request_id import RequestIdMiddleware

ROUTES = (
    Route("/api/deploy", deploy, methods=["POST"]),
    Route("/api/get/chart", get_chart, methods=["POST"]),
    Route("/api/get/values", get_values, methods=["POST"]),
    Route("/api/deployments/{id}", get_deployment, methods=["GET"]),
    Route("/api/deployments/{id}/events", stream_events, methods=["GET"]),
    Route("/livez", live, methods=["GET"]),
    Route("/readyz", ready, methods=["GET"]),
    Route("/health", live, methods=["GET"]),
    Route("/api/v1/health", live, methods=["GET"]),
)

Lifespan = Callable[[Starlette], AbstractAsyncContextManager[None]]


def web_application(lifespan: Lifespan) -> Starlette:
    """The ASGI application; ``lifespan`` puts the ``Doors`` into its state."""
    application = Starlette(routes=ROUTES, exception_handlers=HANDLERS, lifespan=lifespan)
    # A redirect would send job and token once more, to wherever the Host header says.
    application.router.redirect_slashes = False
    application.add_middleware(RequestIdMiddleware)
    return application
