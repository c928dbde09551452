"""The least that accepting an upload can be: Starlette on uvicorn reads the form and stores it in one transaction.

With ``--read-chart`` it does what tells a chart from anything else, too, as the gateway does it.
"""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import uuid4

import aiosqlite
import uvicorn
from starlette.applications import Starlette
from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from dag_gateway.charts import Limits, read_chart
from dag_gateway.web.listener import listen

_READS = "--read-chart" in sys.argv
_LIMITS = Limits(unpacked=64 * 1024**2, file=16 * 1024**2, entries=10_000)


@asynccontextmanager
async def lifespan(application: Starlette) -> AsyncIterator[None]:
    async with aiosqlite.connect(sys.argv[1], isolation_level=None) as connection:
        await connection.execute("PRAGMA journal_mode=WAL")
        await connection.execute("PRAGMA synchronous=FULL")
        await connection.execute("CREATE TABLE uploads (id TEXT PRIMARY KEY, job TEXT, version TEXT, chart BLOB)")
        application.state.connection = connection
        yield


async def deploy(request: Request) -> Response:
    """aiosqlite has one thread per connection, and there the INSERT is a transaction of its own."""
    async with request.form() as form:
        chart = form["chart"]
        if not isinstance(chart, UploadFile):
            raise TypeError("the chart is no file")
        archive = await chart.read()
        if _READS:
            await asyncio.to_thread(read_chart, archive, _LIMITS)
        row = (str(uuid4()), str(form["jobId"]), str(form["version"]), archive)
    connection: aiosqlite.Connection = request.app.state.connection
    await connection.execute("INSERT INTO uploads VALUES (?, ?, ?, ?)", row)
    return JSONResponse({"deploymentId": row[0]})


def main() -> None:
    application = Starlette(routes=[Route("/api/deploy", deploy, methods=["POST"])], lifespan=lifespan)
    listener = listen("127.0.0.1", 0)
    print(f"http://127.0.0.1:{listener.getsockname()[1]}", flush=True)
    config = uvicorn.Config(application, log_config=None, access_log=False, ws="none")
    uvicorn.Server(config).run(sockets=[listener])


if __name__ == "__main__":
    main()
