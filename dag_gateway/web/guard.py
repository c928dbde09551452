"""In front of every route: the policy is enforced, and refusals are told to the audit log."""

from dataclasses import dataclass, field
from datetime import datetime

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from dag_gateway.errors import GatewayError
from dag_gateway.forges import Verified
from dag_gateway.model.api_key import Role
from dag_gateway.model.audit import ALLOWED, AuditEntry, Fact

from .auth import key_of, require_role
from .client_address import client_address
from .doors import doors
from .errors import status_of
from .policy import rule_of


@dataclass(slots=True)
class Asked:
    """What is known of a request; grows while it is handled. ``actor`` is empty until somebody was verified."""

    at: datetime
    action: str
    address: str
    request_id: str
    actor: str = ""
    facts: dict[str, Fact] = field(default_factory=dict)

    def by_job(self, verified: Verified) -> None:
        """A forge has told who asks."""
        job = verified.identity
        self.actor = f"job:{job.forge}/{job.actor or job.project}"
        self.facts |= {"app": verified.app, "environment": verified.environment, "project": job.project}
        self.facts |= {"ref": job.ref, "job": job.job_id}

    def entry(self, outcome: str = ALLOWED) -> AuditEntry:
        return AuditEntry(self.at, self.actor, self.address, self.action, outcome, self.request_id, dict(self.facts))


def asked(request: Request) -> Asked:
    """What is known of a request on a guarded route."""
    known = request.state.asked
    if not isinstance(known, Asked):
        raise TypeError("the route is not guarded")
    return known


def guarded(route: Route) -> Route:
    """The route, for those that the policy lets in."""
    rule = rule_of(route.name)

    async def endpoint(request: Request) -> Response:
        audit = doors(request).audit
        request.state.asked = known = _asked(request, route.name, audit.now())
        try:
            if rule.role is not None:
                _admit(request, known, rule.role)
            answer: Response = await route.endpoint(request)
        except GatewayError as error:
            if status_of(error) < 500:
                audit.tell(known.entry(error.code).about(message=error.message))
            raise
        if rule.told:
            audit.tell(known.entry())
        return answer

    return Route(route.path, endpoint, methods=list(route.methods or ()), name=route.name)


def _asked(request: Request, action: str, now: datetime) -> Asked:
    return Asked(now, action, client_address(request), request.scope["request_id"])


def _admit(request: Request, known: Asked, needed: Role) -> None:
    key = key_of(request, doors(request).config.auth.keys)
    known.actor = f"key:{key.name}"
    require_role(key, needed)
