"""Is the process alive, and should it get requests?"""

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from .doors import doors
from .patience import patience, timed


async def live(request: Request) -> Response:
    """The loop runs. Asks nothing else, so that an outage elsewhere restarts nobody."""
    return JSONResponse({"status": "ok"})


@timed
async def ready(request: Request) -> Response:
    """The database answers, ``data_dir`` takes something and the process is not about to end; 503 otherwise."""
    gateway = doors(request)
    gateway.check_open()
    patience(request).waits_for("the database")
    await gateway.store.ping()
    patience(request).waits_for("the disk of data_dir")
    await gateway.iac.check_disk()
    return JSONResponse({"status": "ok"})
