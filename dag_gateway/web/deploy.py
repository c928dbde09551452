"""POST /api/deploy: an upload, from the socket to a durable deployment."""

import asyncio

from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from dag_gateway.charts import read_chart
from dag_gateway.deployments.accept import Upload
from dag_gateway.errors import Invalid
from dag_gateway.forges import Verified
from dag_gateway.model.chart import Chart
from dag_gateway.model.deployment import Deployment

from .auth import with_bearer
from .bodies import Form, read_form
from .doors import Doors, doors
from .fields import DeployFields, read_fields
from .limits import chart_limits


async def deploy(request: Request) -> Response:
    """Verify, check, store; the answer is sent when the deployment and its chart are durable."""
    gateway = doors(request)
    gateway.check_open()
    async with read_form(request, "chart", gateway.config.server.limits.upload) as form:
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
    verified = await gateway.verifier.verify(fields.job(), fields.environment)
    async with gateway.unpacking:
        chart = await _chart(form.file, gateway)
        return await gateway.acceptance.accept(_upload(gateway, verified, fields.version, chart, key))


def _upload(gateway: Doors, verified: Verified, version: str, chart: Chart, key: str | None) -> Upload:
    return Upload(
        app=verified.app,
        environment=verified.environment,
        settings=verified.settings,
        repo_url=gateway.config.apps[verified.app].repo_url,
        identity=verified.identity,
        version=version,
        chart=chart,
        idempotency_key=key,
    )


async def _chart(file: UploadFile, gateway: Doors) -> Chart:
    return await asyncio.to_thread(read_chart, file.file, chart_limits(gateway.config))


def _idempotency_key(request: Request) -> str | None:
    key = request.headers.get("idempotency-key")
    if key is not None and not (0 < len(key) <= 255 and key.isprintable()):
        raise Invalid("Idempotency-Key: 1 to 255 printable characters are expected")
    return key
