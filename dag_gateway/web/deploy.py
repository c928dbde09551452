"""POST /api/deploy: an upload, from the socket to a durable deployment."""

import asyncio
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass
from typing import BinaryIO

from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartParser
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from dag_gateway.charts import Limits, read_chart
from dag_gateway.deployments.accept import Upload
from dag_gateway.errors import Invalid
from dag_gateway.forges import Verified
from dag_gateway.model.audit import AuditEntry
from dag_gateway.model.deployment import Deployment

from .auth import with_bearer
from .bodies import Form, read_form
from .client_address import client_address
from .doors import Doors, doors
from .fields import DeployFields, read_fields
from .guard import asked
from .limits import chart_limits
from .patience import patience, timed
from .verification import verified_job


@dataclass(frozen=True, slots=True)
class _Checked:
    """A chart that was read; its files are not kept."""

    name: str
    digest: str
    archive: bytes


@timed
async def deploy(request: Request) -> Response:
    """Verify, check, store; the answer is sent when the deployment and its chart are durable."""
    gateway = doors(request)
    gateway.check_open()
    address = client_address(request)
    patience(request).waits_for("a place among the uploads")
    async with (
        gateway.uploads.one(address),
        read_form(request, "chart", gateway.config.server.limits.upload) as form,
    ):
        deployment = await _take_in(request, form, gateway)
    return JSONResponse({"deploymentId": deployment.id} | _link(gateway.config.server.public_url, deployment.id))


def _link(public_url: str, deployment_id: str) -> dict[str, str]:
    """Where people look at the deployment; nothing when the gateway does not know how it is reached."""
    return {"url": f"{public_url.rstrip('/')}/api/deployments/{deployment_id}"} if public_url else {}


async def _take_in(request: Request, form: Form, gateway: Doors) -> Deployment:
    fields = read_fields(DeployFields, with_bearer(request, form.fields))
    if form.file is None:
        raise Invalid("chart: this field is required and must be a file (curl: -F chart=@FILE)")
    key = _idempotency_key(request)
    verified = await verified_job(request, fields, gateway)
    patience(request).waits_for("room to unpack the chart")
    async with _room_to_store(form.file, gateway):
        chart = await _checked(form.file, gateway)
        patience(request).end()
        entry = asked(request).entry().about(version=fields.version, chart=chart.digest)
        return await gateway.acceptance.accept(_upload(gateway, verified, fields.version, chart, key, entry))


def _room_to_store(file: UploadFile, gateway: Doors) -> AbstractAsyncContextManager[None]:
    """An upload that never left memory may wait there, with all the others that share its transaction."""
    small = (file.size or 0) <= MultiPartParser.spool_max_size
    return nullcontext() if small else gateway.storing


def _upload(
    gateway: Doors, verified: Verified, version: str, chart: _Checked, key: str | None, entry: AuditEntry
) -> Upload:
    return Upload(
        app=verified.app,
        environment=verified.environment,
        settings=verified.settings,
        repo_url=gateway.config.apps[verified.app].repo_url,
        identity=verified.identity,
        version=version,
        chart_name=chart.name,
        chart_digest=chart.digest,
        archive=chart.archive,
        entry=entry,
        idempotency_key=key,
        token_use=verified.token_use,
    )


async def _checked(file: UploadFile, gateway: Doors) -> _Checked:
    async with gateway.unpacking:
        return await asyncio.to_thread(_read, file.file, chart_limits(gateway.config))


def _read(file: BinaryIO, limits: Limits) -> _Checked:
    archive = file.read()
    chart = read_chart(archive, limits)
    return _Checked(chart.metadata.name, chart.digest, archive)


def _idempotency_key(request: Request) -> str | None:
    key = request.headers.get("idempotency-key")
    if key is not None and not (0 < len(key) <= 255 and key.isprintable()):
        raise Invalid("Idempotency-Key: 1 to 255 printable characters are expected")
    return key
