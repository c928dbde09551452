"""The verbs that change nothing: get, list, watch, log."""

import base64
import json
from collections.abc import Mapping

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse

from dag_gateway.simulator.faults import Faults
from dag_gateway.simulator.kinds import Kind, Object
from dag_gateway.simulator.logbook import Logbook, container_id, tail
from dag_gateway.simulator.refusals import bad_request, expired
from dag_gateway.simulator.registry import Registry
from dag_gateway.simulator.selectors import Selector, field_selector, label_selector

from .addresses import Address
from .watching import Watch, metadata_of, stream


def get(registry: Registry, address: Address, request: Request) -> Response:
    """One object."""
    item = registry.read(address.key)
    return JSONResponse(metadata_of(item) if _wants_metadata(request) else item)


def listed(registry: Registry, address: Address, request: Request) -> Response:
    """A collection, in pages when ``limit`` is given."""
    query, store = request.query_params, registry.store
    items = store.stored(address.kind, address.namespace, _selector(query))
    version, start = _continued(query.get("continue", ""), registry)
    items = [item for item in items if _place(item) > start]
    limit = _number(query, "limit") or len(items)
    metadata: Object = {"resourceVersion": str(version)}
    if limit < len(items):
        metadata["continue"] = _token(version, _place(items[limit - 1]))
        metadata["remainingItemCount"] = len(items) - limit
    page = [_listed(address.kind, item, request) for item in items[:limit]]
    return JSONResponse({**_list_type(address.kind, request), "metadata": metadata, "items": page})


def watch(registry: Registry, faults: Faults, address: Address, request: Request) -> Response:
    """A stream of changes; ``resourceVersion`` unset or 0 begins with everything there is."""
    query = request.query_params
    after = _number(query, "resourceVersion") or None
    wanted = Watch(
        address.kind,
        address.namespace,
        _selector(query, address.name),
        None if query.get("sendInitialEvents") == "true" else after,
        _number(query, "timeoutSeconds"),
        faults.bookmark_seconds if query.get("allowWatchBookmarks") == "true" else None,
        query.get("sendInitialEvents") == "true",
        _wants_metadata(request),
    )
    return StreamingResponse(stream(wanted, registry.store, faults), media_type="application/json")


def log(registry: Registry, logbook: Logbook, address: Address, request: Request) -> Response:
    """The lines of one run of a container, as plain text."""
    query = request.query_params
    pod = registry.read(address.key)
    run = container_id(pod, query.get("container", ""), previous=query.get("previous") == "true")
    lines = tail(logbook.lines(run), _number(query, "tailLines"))
    text = "".join(f"{line}\n" for line in lines).encode()
    return PlainTextResponse(text[: _number(query, "limitBytes")])


def _selector(query: Mapping[str, str], name: str = "") -> Selector:
    labels = label_selector(query.get("labelSelector", ""))
    fields = field_selector(query.get("fieldSelector", ""))
    return lambda item: labels(item) and fields(item) and name in ("", item["metadata"]["name"])


def _number(query: Mapping[str, str], name: str) -> int | None:
    text = query.get(name)
    if not text:
        return None
    if not text.isdecimal():
        raise bad_request(f"invalid value for query parameter {name}: {text!r} is not a whole number")
    return int(text)


def _wants_metadata(request: Request) -> bool:
    return "as=PartialObjectMetadata" in request.headers.get("accept", "")


def _listed(kind: Kind, item: Object, request: Request) -> Object:
    """Items of a list: those of built-in kinds come without kind and version, as from the real server."""
    if _wants_metadata(request):
        return metadata_of(item)
    return item if kind.custom else {name: item[name] for name in item if name not in ("apiVersion", "kind")}


def _list_type(kind: Kind, request: Request) -> Object:
    if _wants_metadata(request):
        return {"kind": "PartialObjectMetadataList", "apiVersion": "meta.k8s.io/v1"}
    return {"kind": f"{kind.name}List", "apiVersion": kind.api_version}


def _place(item: Object) -> tuple[str, str]:
    return item["metadata"].get("namespace", ""), item["metadata"]["name"]


def _token(version: int, place: tuple[str, str]) -> str:
    return base64.urlsafe_b64encode(json.dumps([version, *place]).encode()).decode()


def _continued(token: str, registry: Registry) -> tuple[int, tuple[str, str]]:
    """The version of the first page and where it ended; refused with 410 when that version is too old."""
    if not token:
        return registry.store.version, ("", "")
    try:
        version, namespace, name = json.loads(base64.urlsafe_b64decode(token))
    except ValueError as error:
        raise bad_request("continue key is not valid") from error
    if registry.store.forgot(version):
        raise expired("The provided continue parameter is too old to display a consistent list result.")
    return version, (namespace, name)
