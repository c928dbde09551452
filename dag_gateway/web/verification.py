"""Asking the forge who a job is, but not for clients that were refused too often."""

from starlette.requests import Request

from dag_gateway.errors import Unverified
from dag_gateway.forges import Verified, is_id_token
from dag_gateway.model.identity import normal_repo_url

from .client_address import client_address
from .doors import Doors
from .fields import JobFields
from .guard import asked
from .patience import patience


async def verified_job(request: Request, fields: JobFields, gateway: Doors) -> Verified:
    """Raises what ``Verifier.verify`` raises, and TooManyRefusals.

    A good ID token always counts: its forge need not be asked, so the refusals of neighbours are no reason to wait.
    """
    if is_id_token(fields.job().token):
        return await _verified(request, fields, gateway)
    patience(request).waits_for("its turn to be asked for at the forge")
    address = client_address(request)
    with gateway.asking.of(address) as line:
        async with line:
            gateway.refusals.check(address, _repository(fields.repoUrl))
            return await _verified(request, fields, gateway)


async def _verified(request: Request, fields: JobFields, gateway: Doors) -> Verified:
    patience(request).waits_for("the forge")
    try:
        verified = await gateway.verifier.verify(fields.job(), fields.environment)
    except Unverified:
        address, repository = client_address(request), _repository(fields.repoUrl)
        gateway.refusals.check(address, repository)
        gateway.refusals.count(address, repository)
        raise
    asked(request).by_job(verified)
    return verified


def _repository(url: str) -> str | None:
    """None when it is no repository URL; the verifier says so."""
    try:
        return normal_repo_url(url)
    except ValueError:
        return None
