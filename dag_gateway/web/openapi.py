"""GET /openapi.json: the API in OpenAPI 3.1, made of the models that validate. Pure but for the handler."""

import re
from collections.abc import Iterable, Sequence
from functools import cache
from http import HTTPStatus
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from dag_gateway import __version__

from .answers import ErrorAnswer
from .operations import JSON, OPERATIONS, Operation, Success
from .policy import rule_of

Schema = dict[str, Any]
# Path, method and name of a route.
Place = tuple[str, str, str]

_REF = "#/components/schemas/{model}"
_HEADERS = {
    "X-Request-ID": "The id of the request: the client's own where it was sane",
    "Retry-After": "Seconds until trying again may help",
    "WWW-Authenticate": "What is expected",
    "ETag": "The id of the git tree",
    "Content-Disposition": "A name for the file",
}
# The head of a request is checked before its route is looked for.
_OF_ANY_ROUTE = (400, 414, 431)
_HEADERS_OF = {401: ("WWW-Authenticate",), 429: ("Retry-After",), 503: ("Retry-After",)}


async def read_openapi(request: Request) -> Response:
    """The description of the routes of this application."""
    return JSONResponse(openapi(places(request.app.routes)))


def places(routes: Iterable[BaseRoute]) -> tuple[Place, ...]:
    """Where the operations are. HEAD comes with every GET and is not described."""
    return tuple(
        (route.path, method.lower(), route.name)
        for route in routes
        if isinstance(route, Route)
        for method in sorted(route.methods or ())
        if method != "HEAD"
    )


@cache
def openapi(described: tuple[Place, ...]) -> Schema:
    """The whole document. Raises KeyError for a route that is not among the operations."""
    paths: Schema = {}
    for path, method, name in described:
        paths.setdefault(path, {})[method] = _operation(path, name, OPERATIONS[name])
    names = [name for _, _, name in described]
    return {
        "openapi": "3.1.0",
        "info": {"title": "DAG Gateway", "version": __version__},
        "paths": paths,
        "components": {"schemas": _schemas([OPERATIONS[name] for name in names]), "securitySchemes": _SECURITY},
    }


_SECURITY = {
    "apiKey": {"type": "apiKey", "in": "header", "name": "X-API-KEY", "description": "The key of an operator"},
    "apiKeyBearer": {"type": "http", "scheme": "bearer", "description": "The key of an operator"},
    "jobToken": {"type": "http", "scheme": "bearer", "description": "jobToken, where the body has none"},
}


def _operation(path: str, name: str, operation: Operation) -> Schema:
    described: Schema = {
        "operationId": name,
        "summary": operation.summary,
        "parameters": _parameters(path, operation),
        "responses": _responses(operation),
        "security": _security(name, operation),
    }
    if body := _request_body(operation):
        described["requestBody"] = body
    return described


def _security(name: str, operation: Operation) -> list[Schema]:
    if rule_of(name).role is not None:
        return [{"apiKey": []}, {"apiKeyBearer": []}]
    return [{}, {"jobToken": []}] if operation.form or operation.body else [{}]


def _parameters(path: str, operation: Operation) -> list[Schema]:
    named = [_parameter(part, "path", {"type": "string"}, "The id") for part in re.findall(r"{(\w+)}", path)]
    headers = [_parameter(name, "header", {"type": "string"}, text) for name, text in operation.headers.items()]
    query = operation.query.model_json_schema()["properties"] if operation.query else {}
    return named + headers + [_parameter(name, "query", schema, "") for name, schema in query.items()]


def _parameter(name: str, where: str, schema: Schema, text: str) -> Schema:
    # A parameter that is not given is absent, never null.
    given = next((kind for kind in schema.get("anyOf", []) if kind != {"type": "null"}), schema)
    said = {"description": text} if text else {}
    return {"name": name, "in": where, "required": where == "path", "schema": given, **said}


def _request_body(operation: Operation) -> Schema | None:
    if operation.form is not None:
        schema = _asked(operation.form)
        schema["properties"][operation.file] = {"type": "string", "contentMediaType": "application/octet-stream"}
        schema["required"] = [*schema["required"], operation.file]
        return {"required": True, "content": {"multipart/form-data": {"schema": schema}}}
    if operation.body is not None:
        return {"required": True, "content": {JSON: {"schema": _asked(operation.body)}}}
    return None


def _asked(model: type[BaseModel]) -> Schema:
    """The fields of a job; its token may come as Bearer instead."""
    schema = model.model_json_schema()
    schema["required"] = [name for name in schema["required"] if name != "jobToken"]
    return schema


def _responses(operation: Operation) -> Schema:
    known = {str(status): _success(success) for status, success in operation.answers.items()}
    return known | {str(status): _error(status) for status in sorted({*operation.errors, *_OF_ANY_ROUTE})}


def _success(success: Success) -> Schema:
    answer: Schema = {"description": success.text, "headers": _headers(success.headers)}
    if success.model is not None:
        reference = {"$ref": _REF.format(model=success.model.__name__)}
        answer["content"] = {success.media_type or JSON: {"schema": reference}}
    elif success.media_type is not None:
        answer["content"] = {success.media_type: {"schema": {} if success.media_type == JSON else {"type": "string"}}}
    return answer


def _error(status: int) -> Schema:
    return {
        "description": HTTPStatus(status).phrase,
        "headers": _headers(_HEADERS_OF.get(status, ())),
        "content": {JSON: {"schema": {"$ref": _REF.format(model=ErrorAnswer.__name__)}}},
    }


def _headers(names: Sequence[str]) -> Schema:
    return {name: {"description": _HEADERS[name], "schema": {"type": "string"}} for name in ("X-Request-ID", *names)}


def _schemas(operations: Iterable[Operation]) -> Schema:
    answers = [success.model for operation in operations for success in operation.answers.values() if success.model]
    models: list[type[BaseModel]] = [ErrorAnswer, *dict.fromkeys(answers)]
    _, definitions = models_json_schema([(model, "validation") for model in models], ref_template=_REF)
    schemas: Schema = definitions["$defs"]
    return schemas
