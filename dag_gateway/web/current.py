"""POST /api/get/chart and /api/get/values: what is at the environment's path now."""

import asyncio
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from functools import partial
from tempfile import SpooledTemporaryFile
from typing import IO

from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from dag_gateway.charts import packing, parse_metadata, parse_values
from dag_gateway.errors import NotFound
from dag_gateway.iac import Folder, unwritable

from .auth import with_bearer
from .bodies import read_json
from .doors import doors
from .fields import JobFields, read_fields
from .patience import patience, timed
from .verification import verified_job

# Bytes of a packed chart; larger ones lie below data_dir while they are sent.
_IN_MEMORY = 256 * 1024
_PIECE = 64 * 1024


class FileMissing(NotFound):
    """The folder is there, the file is not."""

    code = "file_not_found"


@timed
async def get_chart(request: Request) -> Response:
    """The chart as a .tgz that Helm loads; the same tree is the same bytes."""
    folder = await _folder(request)
    if _is_known(request, folder):
        return _not_modified(folder)
    chart = await asyncio.to_thread(parse_metadata, _file(folder, "Chart.yaml"))
    disposition = f'attachment; filename="{chart.name}-{chart.version}.tgz"'
    headers = {"ETag": _etag(folder), "Content-Disposition": disposition}
    with ExitStack() as opened:
        archive = opened.enter_context(SpooledTemporaryFile(max_size=_IN_MEMORY))
        patience(request).waits_for("room to pack the chart")
        async with doors(request).unpacking:
            await asyncio.to_thread(_write, archive, packing(chart.name, folder.files))
        return _Archive(archive, opened.pop_all(), headers)


class _Archive(StreamingResponse):
    """A packed chart, closed when it was sent: whoever reads slowly keeps a file open, and no chart in memory."""

    def __init__(self, archive: IO[bytes], opened: ExitStack, headers: Mapping[str, str]) -> None:
        size = {"Content-Length": str(archive.tell())}
        archive.seek(0)
        super().__init__(iter(partial(archive.read, _PIECE), b""), 200, {**headers, **size}, "application/gzip")
        self._opened = opened

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with self._opened:
            await super().__call__(scope, receive, send)


def _write(archive: IO[bytes], pieces: Iterable[bytes]) -> None:
    try:
        for piece in pieces:
            archive.write(piece)
    except OSError as error:
        raise unwritable(error) from error


@timed
async def get_values(request: Request) -> Response:
    """``values.yaml`` as JSON."""
    folder = await _folder(request)
    if _is_known(request, folder):
        return _not_modified(folder)
    values = await asyncio.to_thread(parse_values, _file(folder, "values.yaml"))
    return JSONResponse(values, headers={"ETag": _etag(folder)})


def _etag(folder: Folder) -> str:
    return f'"{folder.tree}"'


def _is_known(request: Request, folder: Folder) -> bool:
    return _etag(folder) in request.headers.get("if-none-match", "")


def _not_modified(folder: Folder) -> Response:
    return Response(status_code=304, headers={"ETag": _etag(folder)})


async def _folder(request: Request) -> Folder:
    gateway = doors(request)
    gateway.check_open()
    values = await read_json(request)
    fields = read_fields(JobFields, with_bearer(request, values) if isinstance(values, dict) else values)
    verified = await verified_job(request, fields, gateway)
    patience(request).waits_for("the infrastructure repository")
    place = verified.settings
    return await gateway.iac.read(place.repository, place.repository_branch, place.path)


def _file(folder: Folder, name: str) -> bytes:
    if name not in folder.files:
        raise FileMissing(f"there is no {name} at the environment's path")
    return folder.files[name]
