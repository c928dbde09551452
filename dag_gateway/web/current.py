"""POST /api/get/chart and /api/get/values: what is at the environment's path now."""

import asyncio

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from dag_gateway.charts import pack, parse_metadata, parse_values
from dag_gateway.errors import NotFound
from dag_gateway.iac import Folder

from .auth import with_bearer
from .bodies import read_json
from .doors import doors
from .fields import JobFields, read_fields


class FileMissing(NotFound):
    """The folder is there, the file is not."""

    code = "file_not_found"


async def get_chart(request: Request) -> Response:
    """The chart as a .tgz that Helm loads; the same tree is the same bytes."""
    folder = await _folder(request)
    etag = f'"{folder.tree}"'
    if etag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers={"ETag": etag})
    chart = await asyncio.to_thread(parse_metadata, _file(folder, "Chart.yaml"))
    archive = await asyncio.to_thread(pack, chart.name, folder.files)
    disposition = f'attachment; filename="{chart.name}-{chart.version}.tgz"'
    return Response(archive, media_type="application/gzip", headers={"ETag": etag, "Content-Disposition": disposition})


async def get_values(request: Request) -> Response:
    """``values.yaml`` as JSON."""
    folder = await _folder(request)
    values = await asyncio.to_thread(parse_values, _file(folder, "values.yaml"))
    return JSONResponse(values, headers={"ETag": f'"{folder.tree}"'})


async def _folder(request: Request) -> Folder:
    gateway = doors(request)
    gateway.check_open()
    values = await read_json(request)
    fields = read_fields(JobFields, with_bearer(request, values) if isinstance(values, dict) else values)
    verified = await gateway.verifier.verify(fields.job(), fields.environment)
    place = verified.settings
    return await gateway.iac.read(place.repository, place.repository_branch, place.path)


def _file(folder: Folder, name: str) -> bytes:
    if name not in folder.files:
        raise FileMissing(f"there is no {name} at the environment's path")
    return folder.files[name]
