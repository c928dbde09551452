"""POST /api/get/chart and /api/get/values: what is at the environment's path now."""

import asyncio

from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from dag_gateway.charts import packing, parse_metadata, parse_values
from dag_gateway.errors import NotFound
from dag_gateway.iac import Folder

from .auth import with_bearer
from .bodies import read_json
from .doors import doors
from .fields import JobFields, read_fields
from .patience import patience, timed
from .verification import verified_job


class FileMissing(NotFound):
    """The folder is there, the file is not."""

    code = "file_not_found"


@timed
async def get_chart(request: Request) -> Response:
    """The chart as a .tgz that Helm loads, packed while it is sent; the same tree is the same bytes."""
    folder = await _folder(request)
    if _is_known(request, folder):
        return _not_modified(folder)
    chart = await asyncio.to_thread(parse_metadata, _file(folder, "Chart.yaml"))
    disposition = f'attachment; filename="{chart.name}-{chart.version}.tgz"'
    headers = {"ETag": _etag(folder), "Content-Disposition": disposition}
    return StreamingResponse(packing(chart.name, folder.files), media_type="application/gzip", headers=headers)


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
