"""Is the process alive, and should it get requests?"""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from .doors import doors


async def live(request: Request) -> Response:
    """The loop runs. Asks nothing else, so that an outage elsewhere restarts nobody."""
    return JSONResponse({"status": "ok"})


async def ready(request: Request) -> Response:
    """The database answers and the process is not about to end; 503 otherwise."""
    gateway = doors(request)
    gateway.check_open()
    await gateway.store.ping()
    return JSONResponse({"status": "ok"})
