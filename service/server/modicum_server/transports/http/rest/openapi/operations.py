"""OpenAPI operations of the contract's bindings."""

from collections.abc import Iterable, Iterator, Mapping
from itertools import pairwise
from typing import Any

from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor

from modicum_server.transports.contract import OPEN_METHODS
from modicum_server.transports.contract import path_of as method_path
from modicum_server.transports.http.rest.bodies import FORM
from modicum_server.transports.http.rest.downloads import ANY_BYTES
from modicum_server.transports.http.rest.openapi.comments import comment_on, summary_of
from modicum_server.transports.http.rest.openapi.examples import EXAMPLES, IDS, IN_QUERIES
from modicum_server.transports.http.rest.openapi.refusals import refusals_of
from modicum_server.transports.http.rest.openapi.schemas import (
    Body,
    Direction,
    has_behaviour,
    reference,
    required_of,
    schema_of_field,
)
from modicum_server.transports.http.rest.protojson import field_of, is_nested
from modicum_server.transports.http.rest.requests import REQUEST_ID_FIELD, common_prefix
from modicum_server.transports.http.rest.responses import NEXT_TOKEN, is_resource
from modicum_server.transports.http.rest.routes import WHOLE_BODY, Binding
from modicum_server.transports.http.server_sent_events import MEDIA_TYPE as EVENTS
from modicum_server.usecases.reports import MEDIA_TYPES, ReportFormat
from modicum_server.usecases.resource_names import PATTERNS

JSON = "application/json"
_RESULT = {
    "type": "object",
    "description": "The result document. `rows` has one object per finding.",
    "required": ["schema_version", "models", "rows"],
    "properties": {
        "schema_version": {
            "type": "integer",
            "description": "The version of the schema. Within a version, fields are only added.",
        },
        "models": {"type": "array", "description": "The measures of each model version.", "items": {"type": "object"}},
        "rows": {"type": "array", "description": "The findings.", "items": {"type": "object"}},
    },
}
_EVENT = {"$ref": "#/components/schemas/Event"}
#: OpenAPI 3.1 has no streams: some tools take this for the schema of the whole text, others for that of one event.
_EVENTS = {
    "description": "A stream of server-sent events, each an `Event`. Read it event by event, as they come.",
    "anyOf": [
        {"type": "string", "contentMediaType": EVENTS, "contentSchema": {"type": "array", "items": _EVENT}},
        _EVENT,
    ],
}
_PAGE = {"type": "string", "description": "An HTML page for people. It loads nothing else."}
_ARCHIVE = {"type": "string", "format": "binary", "description": "A zip archive with one `DIGEST.npy` per image."}
_SCHEMAS = {ReportFormat.JSON: _RESULT, ReportFormat.HTML: _PAGE, ReportFormat.CANVAS: _ARCHIVE}
_REPORTS = {media_type.partition(";")[0]: {"schema": _SCHEMAS[form]} for form, media_type in MEDIA_TYPES.items()}
#: Pattern of the ids of each collection.
_ID_PATTERNS: Mapping[str, str] = dict(pattern.split("/")[-2:] for pattern in PATTERNS.values())


def path_of(binding: Binding) -> str:
    """Return the path of a binding with a name for each id: `/v1/projects/{project}/audits/{audit}:cancel`."""
    segments = binding.template.segments
    named = [
        segment.replace("*", "{" + singular(before) + "}")
        for before, segment in zip(("", *segments), segments, strict=False)
    ]
    return "/" + "/".join(named)


def singular(collection: str) -> str:
    """Return the singular of a collection: projects -> project."""
    return collection.removesuffix("s")


def operation_of(binding: Binding, *, main: bool) -> dict[str, Any]:
    """Return the operation of a binding; `main` says that it is the first one of its method."""
    comment = comment_on(binding.method.full_name)
    operation: dict[str, Any] = {
        "operationId": binding.method.name if main else f"{binding.method.name}By{binding.verb.title()}",
        "tags": [binding.method.containing_service.name.removesuffix("Service")],
        "summary": summary_of(comment),
        "description": comment,
        "parameters": [*_in_path(binding), *_in_query(binding), *_in_headers(binding)],
        "responses": {
            **_responses(binding),
            **refusals_of(binding),
            "default": {"$ref": "#/components/responses/Problem"},
        },
    }
    if method_path(binding.method) in OPEN_METHODS:
        operation["security"] = []
    if binding.body:
        operation["requestBody"] = _body(binding)
    return operation


def body_of(binding: Binding) -> Body | None:
    """Return the message that the body of a request holds as JSON; None for bytes, or without a body."""
    if not binding.body or binding.method.client_streaming:
        return None
    if binding.body == WHOLE_BODY:
        elsewhere = frozenset(field for field, _ in binding.template.variables)
        return Body(binding.method.input_type, Direction.REQUEST, elsewhere)
    message = _body_field(binding).message_type
    assert message is not None, "a body of JSON is an object"
    return Body(message, Direction.REQUEST)


def _body_field(binding: Binding) -> FieldDescriptor:
    field = field_of(binding.method.input_type, binding.body)
    assert field is not None, "the contract names a field of its own"
    return field


def enums_in_queries(bindings: Iterable[Binding]) -> Iterator[EnumDescriptor]:
    """Yield the enums that occur in queries."""
    for binding in bindings:
        for _, field in _fields_in_query(binding):
            if field.enum_type is not None:
                yield field.enum_type


def _in_path(binding: Binding) -> Iterator[dict[str, Any]]:
    segments = binding.template.segments
    for before, segment in pairwise(segments):
        if "*" in segment:
            schema = {"type": "string", "pattern": f"^{_ID_PATTERNS[before]}$"}
            yield {"name": singular(before), "in": "path", "required": True, "schema": schema, "example": IDS[before]}


def _in_query(binding: Binding) -> Iterator[dict[str, Any]]:
    for name, field in _fields_in_query(binding):
        json_name = ".".join(_json_name(part) for part in name.split("."))
        parameter = {"name": json_name, "in": "query", "description": comment_on(field.full_name)}
        required = has_behaviour(field, "REQUIRED") and not binding.method.client_streaming
        schema = schema_of_field(field) if field.enum_type is None else _enum_in_query(field.enum_type)
        yield parameter | {"schema": schema} | ({"required": True, "example": IN_QUERIES[name]} if required else {})


def _enum_in_query(enum: EnumDescriptor) -> dict[str, Any]:
    short = [value.name.removeprefix(common_prefix(enum)).lower() for value in enum.values]
    return {"anyOf": [reference(enum), {"type": "string", "enum": short}, {"type": "integer", "minimum": 0}]}


def _fields_in_query(binding: Binding) -> Iterator[tuple[str, FieldDescriptor]]:
    """Yield the fields that are in neither path nor body, by their path in the names of the contract."""
    if binding.body == WHOLE_BODY:
        return
    taken = {field for field, _ in binding.template.variables} | {binding.body}
    for name, field in _leaves(binding.method.input_type):
        if name not in taken and name.split(".", 1)[0] not in taken:
            yield name, field


def _leaves(message: Descriptor, before: str = "") -> Iterator[tuple[str, FieldDescriptor]]:
    for field in message.fields:
        if is_nested(field):
            assert field.message_type is not None
            if not field.is_repeated:
                yield from _leaves(field.message_type, f"{before}{field.name}.")
        else:
            yield f"{before}{field.name}", field


def _json_name(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.title() for word in rest)


def _in_headers(binding: Binding) -> Iterator[Mapping[str, str]]:
    method = binding.method
    names = ["RequestId"]
    if not method.client_streaming and not method.server_streaming:
        names.append("RequestTimeout")
    if REQUEST_ID_FIELD in method.input_type.fields_by_name:
        names.append("IdempotencyKey")
    if is_resource(binding) or binding.is_download:
        names.append("IfNoneMatch")
    if binding.is_download:
        names.append("Range")
    if method.client_streaming:
        names.append("ContentRange")
    if binding.is_watch:
        names.append("LastEventId")
    return ({"$ref": f"#/components/parameters/{name}"} for name in names)


def _body(binding: Binding) -> dict[str, Any]:
    body = body_of(binding)
    if body is None:
        bytes_ = {"schema": {"type": "string", "format": "binary"}}
        text = "The bytes of the artifact. They are not read if the project already holds the artifact."
        return {"description": text, "content": {ANY_BYTES: bytes_}}
    example = EXAMPLES.get(body.message.full_name)
    content = {"schema": reference(body.message, Direction.REQUEST)} | ({} if example is None else {"example": example})
    whole = binding.body == WHOLE_BODY
    needed = bool(required_of(body)) if whole else has_behaviour(_body_field(binding), "REQUIRED")
    kinds = (JSON, FORM) if method_path(binding.method) in OPEN_METHODS else (JSON,)
    return {"required": needed, "content": dict.fromkeys(kinds, content)}


def _responses(binding: Binding) -> dict[str, Any]:
    if binding.is_watch:
        ended = {"description": "Last-Event-ID is the last event; there will be no more."}
        return {"200": _response("The events, up to the last one.", {EVENTS: {"schema": _EVENTS}}), "204": ended}
    if binding.is_download:
        bytes_ = {ANY_BYTES: {"schema": {"type": "string", "format": "binary"}}}
        whole, partial = _response("The bytes.", bytes_), _response("The range.", bytes_)
        for response in (whole, partial):
            response["headers"]["ETag"] = {"$ref": "#/components/headers/ETag"}
        partial["headers"]["Content-Range"] = {"$ref": "#/components/headers/ContentRange"}
        return {"200": whole, "206": partial, "304": _unchanged("Unchanged.")}
    if binding.method.server_streaming:
        return {"200": _response("The report in the requested `format`.", _REPORTS)}
    response = _response("The response.", {JSON: {"schema": reference(binding.method.output_type)}})
    if NEXT_TOKEN in binding.method.output_type.fields_by_name:
        response["headers"]["Link"] = {"$ref": "#/components/headers/Link"}
    if not is_resource(binding):
        return {"200": response}
    response["headers"]["ETag"] = {"$ref": "#/components/headers/ETag"}
    return {"200": response, "304": _unchanged("The resource is the one that If-None-Match names.")}


def _unchanged(text: str) -> dict[str, Any]:
    return {"description": text, "headers": {"ETag": {"$ref": "#/components/headers/ETag"}}}


def _response(text: str, content: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "description": text,
        "headers": {"X-Request-ID": {"$ref": "#/components/headers/RequestId"}},
        "content": dict(content),
    }
