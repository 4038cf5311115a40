"""The OpenAPI 3.1 document: one walk over the contract's services, and the parts that all operations share."""

from collections.abc import Mapping
from importlib.metadata import version
from typing import Any

from modicum_server.transports.contract import services_of_contract
from modicum_server.transports.http.rest.openapi.comments import comment_on
from modicum_server.transports.http.rest.openapi.operations import body_of, enums_in_queries, operation_of, path_of
from modicum_server.transports.http.rest.openapi.refusals import SOMETIMES, problem_response, refusal_responses
from modicum_server.transports.http.rest.openapi.schemas import Body, Direction, schemas_of
from modicum_server.transports.http.rest.routes import Binding, bindings_of
from modicum_server.usecases.rules import UUID

_TEXT = {"type": "string"}

_DESCRIPTION = """\
Audits image classifiers for overinterpretation. The same methods, errors and limits as `modicum.v1` over gRPC.
Bodies are ProtoJSON: an int64 is a string of digits, an enum is its name, and unknown field names are refused."""

_PROBLEM = {
    "type": "object",
    "description": "What went wrong (RFC 9457). Programs should decide by `reason`.",
    "required": ["type", "title", "status", "detail", "reason", "domain", "metadata", "request_id"],
    "properties": {
        "type": _TEXT | {"description": "The place in the documentation that explains the reason."},
        "title": _TEXT | {"description": "The status in words."},
        "status": {"type": "integer", "description": "The HTTP status."},
        "detail": _TEXT | {"description": "What is wrong, what was expected, what came, what to do."},
        "reason": _TEXT | {"description": "The reason for programs, e.g. AUDIT_NOT_FOUND; the same as over gRPC."},
        "domain": _TEXT | {"const": "modicum"},
        "metadata": {"type": "object", "additionalProperties": _TEXT, "description": "Facts for programs."},
        "request_id": _TEXT | {"description": "The id of the call in the server's log."},
        "violations": {
            "type": "array",
            "description": "The invalid fields.",
            "items": {
                "type": "object",
                "required": ["field", "description"],
                "properties": {"field": _TEXT, "description": _TEXT},
            },
        },
    },
}


_EVENT = {
    "type": "object",
    "description": "The fields of a server-sent event: a snapshot, or the problem that ends a stream.",
    "required": ["event", "data"],
    "properties": {
        "id": _TEXT | {"description": "The sequence number of the snapshot, for Last-Event-ID."},
        "event": _TEXT | {"description": "`audit`, or `problem`.", "enum": ["audit", "problem"]},
        "data": {
            "type": "string",
            "description": "The audit, or the problem, as JSON.",
            "contentMediaType": "application/json",
            "contentSchema": {
                "anyOf": [{"$ref": "#/components/schemas/Audit"}, {"$ref": "#/components/schemas/Problem"}]
            },
        },
        "retry": {"type": "integer", "description": "Milliseconds after which to connect again."},
    },
}


def _header(name: str, description: str, schema: Mapping[str, Any] = _TEXT) -> dict[str, Any]:
    return {"name": name, "in": "header", "description": description, "schema": dict(schema)}


_PARAMETERS = {
    "RequestId": _header(
        "X-Request-ID",
        "An id for the call: 1 to 64 letters, digits, dots, hyphens or underscores. Without one, the server makes one.",
    ),
    "RequestTimeout": _header(
        "Request-Timeout", "The seconds that the call may take, at most 120.", {"type": "number", "exclusiveMinimum": 0}
    ),
    "IdempotencyKey": _header(
        "Idempotency-Key",
        "A UUID. Repeating the request with the same key returns the same result. The same as `requestId`.",
        {"type": "string", "pattern": f"^({UUID})?$"},
    ),
    "IfNoneMatch": _header("If-None-Match", "The ETag of the copy that the caller has."),
    "Range": _header("Range", "One range of bytes, e.g. bytes=0-1023."),
    "ContentRange": _header(
        "Content-Range", "The part of the artifact in the body, e.g. bytes 1048576-2097151/2097152."
    ),
    "LastEventId": _header(
        "Last-Event-ID", "Send only events after this one.", {"type": "string", "pattern": "^([0-9]{1,19})?$"}
    ),
}

_HEADERS = {
    "RequestId": {"description": "The id of the call in the server's log.", "schema": _TEXT},
    "ETag": {"description": "The tag of the content.", "schema": _TEXT},
    "ContentRange": {"description": "The part in the body, and the size of the whole.", "schema": _TEXT},
    "RetryAfter": {"description": "Seconds to wait before trying again.", "schema": {"type": "integer"}},
    "WwwAuthenticate": {"description": "With 401: the kind of token that is required.", "schema": _TEXT},
    "SizeOfRange": {"description": "With 416: `bytes */SIZE`, the size of the artifact.", "schema": _TEXT},
    "Link": {"description": 'The next page, `rel="next"`; absent on the last page.', "schema": _TEXT},
}


def document() -> dict[str, Any]:
    """Return the document."""
    services = services_of_contract()
    bindings = [list(bindings_of(method)) for service in services for method in service.methods]
    flat = [binding for one in bindings for binding in one]
    return {
        "openapi": "3.1.0",
        "info": {"title": "Modicum", "version": version("modicum-server"), "description": _DESCRIPTION},
        "servers": [{"url": "/"}],
        "security": [{"bearer": []}],
        "tags": [
            {"name": service.name.removesuffix("Service"), "description": comment_on(service.full_name)}
            for service in services
        ],
        "paths": _paths(bindings),
        "components": _components(flat),
    }


def _paths(bindings: list[list[Binding]]) -> dict[str, Any]:
    paths: dict[str, Any] = {}
    for of_method in bindings:
        for place, binding in enumerate(of_method):
            operations = paths.setdefault(path_of(binding), {})
            operations[binding.verb.lower()] = operation_of(binding, main=place == 0)
    return dict(sorted(paths.items()))


def _components(bindings: list[Binding]) -> dict[str, Any]:
    return {
        "schemas": schemas_of(_bodies(bindings), enums_in_queries(bindings)) | {"Problem": _PROBLEM, "Event": _EVENT},
        "parameters": _PARAMETERS,
        "headers": _HEADERS,
        "responses": {**refusal_responses(), "Problem": problem_response("A problem.", SOMETIMES)},
        "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer"}},
    }


def _bodies(bindings: list[Binding]) -> list[Body]:
    """Yield the messages that are bodies of requests or responses; streams are described in words."""
    sent = [body for binding in bindings if (body := body_of(binding)) is not None]
    received = [Body(one.method.output_type, Direction.RESPONSE) for one in bindings if not one.method.server_streaming]
    return [*sent, *received]
