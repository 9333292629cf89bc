"""docs/reference/openapi.json: the operation table as OpenAPI 3.1."""

from __future__ import annotations

from typing import Any

import msgspec

from agio.gateway.operations import ADMIN, PUBLIC
from agio.gateway.row import Operation, Param, Security

REF = "#/components/schemas/{name}"
KINDS: dict[str, dict[str, Any]] = {
    "symbol": {"type": "string"},
    "symbols": {"type": "string", "description": "A JSON array."},
    "text": {"type": "string"},
    "decimal": {"type": "string", "format": "decimal"},
    "amount": {"type": "string", "format": "decimal"},
    "long": {"type": "integer", "format": "int64"},
    "int": {"type": "integer", "format": "int32"},
    "enum": {"type": "string"},
    "client_id": {"type": "string", "pattern": "^[a-zA-Z0-9-_]{1,36}$"},
    "bool": {"type": "boolean"},
    "time": {"type": "integer", "format": "int64"},
}
SIGNED = (
    Param("recvWindow", "text", "How long the request is good after its timestamp, in ms; 5000 when absent."),
    Param("timestamp", "time", "When it was sent, in ms or µs.", required=True),
    Param("signature", "text", "Of query and body without it.", required=True),
)


class Error(msgspec.Struct):
    """A refusal: Binance's code and text."""

    code: int
    msg: str


def document() -> dict[str, Any]:
    """The document."""
    operations = [operation for operation in (*PUBLIC, *ADMIN) if operation.rest]
    types = [Error, *(kind for operation in operations for kind in _types(operation))]
    bodies = [operation.body for operation in operations if operation.body]
    schemas, components = msgspec.json.schema_components([*types, *bodies], ref_template=REF)
    by_type = dict(zip(map(repr, [*types, *bodies]), schemas, strict=True))
    paths: dict[str, dict[str, Any]] = {}
    for operation in operations:
        assert operation.rest
        method, path = operation.rest
        paths.setdefault(path, {})[method.lower()] = _operation(operation, by_type)
    return {
        "openapi": "3.1.0",
        "info": {"title": "agio", "version": "v3", "description": "Generated from the operation table by `make docs`."},
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {"key": {"type": "apiKey", "in": "header", "name": "X-MBX-APIKEY"}},
        },
    }


def _types(operation: Operation) -> tuple[Any, ...]:
    return operation.result if isinstance(operation.result, tuple) else (operation.result,)


def _operation(operation: Operation, by_type: dict[str, Any]) -> dict[str, Any]:
    answers = [by_type[repr(kind)] for kind in _types(operation)]
    told: dict[str, Any] = {
        "operationId": operation.name,
        "summary": operation.words,
        "tags": [operation.security.value],
        "parameters": [_parameter(param) for param in (*operation.params, *(SIGNED if operation.is_signed else ()))],
        "responses": {
            "200": _content("The answer.", answers[0] if len(answers) == 1 else {"anyOf": answers}),
            "default": _content("A refusal.", by_type[repr(Error)]),
        },
        "x-security": operation.security.value,
        "x-weight": operation.weights or operation.weight,
    }
    if operation.ws:
        told["x-websocket-method"] = operation.ws
    if operation.security in (Security.USER_DATA, Security.TRADE, Security.USER_STREAM):
        told["security"] = [{"key": []}]
    if operation.body:
        told |= _body(operation, by_type[repr(operation.body)])
    return told


def _body(operation: Operation, schema: Any) -> dict[str, Any]:
    if operation.rest and operation.rest[0] == "GET":
        return {"parameters": [{"name": "query", "in": "query", "schema": schema}]}
    return {"requestBody": {"required": True, "content": {"application/json": {"schema": schema}}}}


def _content(words: str, schema: Any) -> dict[str, Any]:
    return {"description": words, "content": {"application/json": {"schema": schema}}}


def _parameter(param: Param) -> dict[str, Any]:
    schema = dict(KINDS[param.kind])
    limits = {"enum": list(param.values), "minimum": param.min, "maximum": param.max, "pattern": param.pattern}
    schema |= {name: value for name, value in limits.items() if value}
    return {
        "name": param.name,
        "in": "query",
        "required": param.required is True,
        "description": param.words,
        "schema": schema,
    }
