"""The ASGI app of the simulated API server: who may ask, which verb it is, and refusals as Status objects."""

import secrets

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from dag_gateway.simulator.faults import Faults
from dag_gateway.simulator.logbook import Logbook
from dag_gateway.simulator.refusals import (
    Refused,
    forbidden,
    method_not_allowed,
    no_such_resource,
    unauthorized,
    unavailable,
)
from dag_gateway.simulator.registry import Registry

from . import reading, writing
from .addresses import Address, address_of
from .discovery import document

_PUBLIC = ("/version", "/livez", "/readyz", "/healthz")
_METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE"]


class ApiServer:
    """Answers requests for the objects of a registry."""

    def __init__(self, registry: Registry, logbook: Logbook, faults: Faults, token: str) -> None:
        self._registry = registry
        self._logbook = logbook
        self._faults = faults
        self._token = token

    def app(self) -> Starlette:
        return Starlette(routes=[Route("/{path:path}", self._answer, methods=_METHODS)])

    async def _answer(self, request: Request) -> Response:
        query = f"?{request.url.query}" if request.url.query else ""
        self._faults.log(request.method, request.url.path + query)
        try:
            return await self._respond(request)
        except Refused as refusal:
            return JSONResponse(refusal.body(), refusal.http)

    async def _respond(self, request: Request) -> Response:
        path = request.url.path
        if self._faults.unavailable:
            raise unavailable()
        if path not in _PUBLIC:
            self._check_token(request.headers.get("authorization", ""))
        if path in _PUBLIC[1:]:
            return Response("ok", media_type="text/plain")
        if found := document(path, self._faults.missing_groups):
            return JSONResponse(found)
        address = address_of(path)
        if address.kind.group in self._faults.missing_groups:
            raise no_such_resource()
        return await self._act(_verb(address, request), address, request)

    def _check_token(self, header: str) -> None:
        if not secrets.compare_digest(header.encode(), f"Bearer {self._token}".encode()):
            raise unauthorized()

    async def _act(self, verb: str, address: Address, request: Request) -> Response:
        self._check_allowed(verb, address)
        match verb:
            case "get" if address.subresource == "log":
                return reading.log(self._registry, self._logbook, address, request)
            case "get":
                return reading.get(self._registry, address, request)
            case "list":
                return reading.listed(self._registry, address, request)
            case "watch":
                return reading.watch(self._registry, self._faults, address, request)
            case "create":
                return await writing.create(self._registry, address, request)
            case "update":
                return await writing.replace(self._registry, address, request)
            case "patch":
                return await writing.patch(self._registry, address, request)
            case "delete":
                return await writing.delete(self._registry, address, request)
            case _:
                return await writing.delete_collection(self._registry, address, request)

    def _check_allowed(self, verb: str, address: Address) -> None:
        resource = f"{address.kind.plural}/{address.subresource}" if address.subresource else address.kind.plural
        everywhere = address.kind.namespaced and address.namespace is None
        if (verb, resource) in self._faults.forbidden or (self._faults.roles_only and everywhere):
            raise forbidden(address.kind, verb, address.namespace or "", address.name, address.subresource)


def _verb(address: Address, request: Request) -> str:
    """The verb as RBAC names it."""
    watching = request.query_params.get("watch") in ("true", "1")
    single, subresource = bool(address.name), address.subresource
    match request.method:
        case "GET" if watching:
            return "watch"
        case "GET":
            return "get" if single else "list"
        case "POST" if not single:
            return "create"
        case "PUT" if single and subresource != "log":
            return "update"
        case "PATCH" if single and subresource != "log":
            return "patch"
        case "DELETE" if not subresource:
            return "delete" if single else "deletecollection"
        case _:
            raise method_not_allowed()
