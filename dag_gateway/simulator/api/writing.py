"""The verbs that change objects: create, replace, patch, delete."""

import json
from typing import Any

import yaml
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from dag_gateway.simulator.kinds import Object
from dag_gateway.simulator.patches import json_patch, merge_patch, strategic_patch
from dag_gateway.simulator.refusals import bad_request, method_not_allowed, not_found, unsupported_patch
from dag_gateway.simulator.registry import Registry
from dag_gateway.simulator.selectors import label_selector

from .addresses import Address

_JSON, _MERGE, _STRATEGIC, _APPLY = (
    "application/json-patch+json",
    "application/merge-patch+json",
    "application/strategic-merge-patch+json",
    "application/apply-patch+yaml",
)


async def create(registry: Registry, address: Address, request: Request) -> Response:
    """POST to a collection."""
    if address.name or (address.namespace is None and address.kind.namespaced):
        raise method_not_allowed()
    item = _checked(await _body(request), address)
    return JSONResponse(registry.create(address.kind, address.namespace or "", item), 201)


async def replace(registry: Registry, address: Address, request: Request) -> Response:
    """PUT of an object or its status."""
    item = _checked(await _body(request), address)
    if address.subresource == "status":
        return JSONResponse(registry.replace_status(address.key, item))
    return JSONResponse(registry.replace(address.key, item))


async def patch(registry: Registry, address: Address, request: Request) -> Response:
    """PATCH, by content type; an apply creates what is not there (201)."""
    body, status = await _body(request), address.subresource == "status"
    media_type = request.headers.get("content-type", "").split(";")[0].strip()
    if media_type == _APPLY and not status:
        return _apply(registry, address, request, body)
    change = _change(media_type, body, custom=address.kind.custom)
    return JSONResponse(registry.edit(address.key, change, status=status))


async def delete(registry: Registry, address: Address, request: Request) -> Response:
    """DELETE of an object; dependents follow in the background."""
    raw = await request.body()
    options: Object = _parsed(raw) if raw else {}
    uid = (options.get("preconditions") or {}).get("uid")
    if uid and registry.read(address.key)["metadata"]["uid"] != uid:
        raise not_found(address.kind, address.name)
    grace = options.get("gracePeriodSeconds", request.query_params.get("gracePeriodSeconds"))
    item = registry.delete(address.key, at_once=str(grace) == "0")
    if registry.store.get(*address.key) is not None:
        return JSONResponse(item)
    details = {"name": address.name, "kind": address.kind.plural, "uid": item["metadata"]["uid"]}
    return JSONResponse({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details})


async def delete_collection(registry: Registry, address: Address, request: Request) -> Response:
    """DELETE of everything that the label selector takes."""
    if address.namespace is None and address.kind.namespaced:
        raise method_not_allowed()
    where = label_selector(request.query_params.get("labelSelector", ""))
    items = registry.store.select(address.kind, address.namespace, where)
    for item in items:
        registry.delete(address.key._replace(name=item["metadata"]["name"]))
    return JSONResponse({"kind": f"{address.kind.name}List", "apiVersion": address.kind.api_version, "items": items})


def _apply(registry: Registry, address: Address, request: Request, body: Any) -> Response:
    manager = request.query_params.get("fieldManager")
    if not manager:
        raise bad_request(
            "PatchOptions.meta.k8s.io is invalid: fieldManager: Required value: is required for apply patch"
        )
    config = _checked(body, address)
    config = {**config, "metadata": {**(config.get("metadata") or {}), "name": address.name}}
    created = registry.store.get(*address.key) is None
    item = registry.apply(address.key, config, manager, force=request.query_params.get("force") == "true")
    return JSONResponse(item, 201 if created else 200)


def _change(media_type: str, body: Any, *, custom: bool) -> Any:
    if media_type == _JSON:
        return lambda item: json_patch(item, body)
    if media_type in (_MERGE, _APPLY):
        return lambda item: merge_patch(item, body)
    if media_type == _STRATEGIC and not custom:
        return lambda item: strategic_patch(item, body)
    raise unsupported_patch([_JSON, _MERGE, _APPLY] if custom else [_JSON, _MERGE, _STRATEGIC, _APPLY])


async def _body(request: Request) -> Any:
    return _parsed(await request.body())


def _parsed(raw: bytes) -> Any:
    try:
        return json.loads(raw)
    except ValueError:
        pass  # an apply patch may be YAML
    try:
        return yaml.safe_load(raw)
    except yaml.YAMLError as error:
        raise bad_request("the object provided is unrecognized: the body is neither JSON nor YAML") from error


def _checked(body: Any, address: Address) -> Object:
    if not isinstance(body, dict):
        raise bad_request("the object provided is unrecognized: the body is not an object")
    kind = address.kind
    sent = (body.get("apiVersion", kind.api_version), body.get("kind", kind.name))
    if sent != (kind.api_version, kind.name):
        raise bad_request(f"{sent[1]} in version {sent[0]!r} cannot be handled as a {kind.name}")
    return body
