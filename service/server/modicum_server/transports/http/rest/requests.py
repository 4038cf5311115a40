"""Builds the message of a request from its query, body, path and headers, in this order."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from modicum_server.errors import FieldInvalid
from modicum_server.transports.contract import snake_case
from modicum_server.transports.http.rest.protojson import (
    descriptor_of,
    field_of,
    is_nested,
    merge,
    read_json,
    unknown_field,
)
from modicum_server.transports.http.rest.routes import WHOLE_BODY, Binding, Found
from modicum_server.usecases.rules import shown

IDEMPOTENCY_HEADER = "idempotency-key"
REQUEST_ID_FIELD = "request_id"


def request_of(found: Found, query: Iterable[tuple[str, str]], body: bytes, idempotency_key: str) -> Message:
    """Return the message of a call without a stream of requests.

    Raises:
        FieldInvalid
    """
    message = _message_of(found.route.binding)
    put_query(message, found.route.binding, query)
    _put_body(message, found.route.binding.body, body)
    put_path(message, found.fields())
    _put_request_id(message, idempotency_key)
    return message


def _message_of(binding: Binding) -> Message:
    return GetMessageClass(binding.method.input_type)()


def put_query(message: Message, binding: Binding, query: Iterable[tuple[str, str]]) -> None:
    """Set the fields of a query. Dots lead into messages; a repeated field is given several times.

    Raises:
        FieldInvalid: a name is unknown or is also in the path or body, or a value is wrong for its field.
    """
    values: dict[str, tuple[FieldDescriptor, list[str]]] = {}
    for name, value in query:
        path, field = _resolved(descriptor_of(message), name)
        values.setdefault(path, (field, []))[1].append(value)
    for path, (field, texts) in values.items():
        _refuse_misplaced(binding, path)
        if len(texts) > 1 and not field.is_repeated:
            raise FieldInvalid(path, f"expected one value, got {len(texts)}")
        items = [_json_of(field, text, path) for text in texts]
        merge(message, _nested(path, items if field.is_repeated else items[0]))


def put_path(message: Message, fields: Mapping[str, str]) -> None:
    """Set the fields that the path binds.

    Raises:
        FieldInvalid: the body has another value.
    """
    for path, value in fields.items():
        *parents, name = path.split(".")
        holder = message
        for parent in parents:
            holder = getattr(holder, parent)
        if getattr(holder, name) not in {"", value}:
            raise FieldInvalid(
                path, f"the field differs from {shown(value)} in the path; leave it out or make it equal"
            )
        merge(message, _nested(path, value))


def _put_body(message: Message, place: str, body: bytes) -> None:
    if not place:
        if body:
            raise FieldInvalid("body", f"this method takes no body, got {len(body):,} bytes")
        return
    if not body.strip():
        return
    value = read_json(body)
    if place == WHOLE_BODY:
        merge(message, value)
    else:
        inner = getattr(message, place)
        inner.SetInParent()
        merge(inner, value, place)


def _put_request_id(message: Message, key: str) -> None:
    """Set the request id of a create method from its header. Other methods can be repeated safely without one."""
    if not key or REQUEST_ID_FIELD not in message.DESCRIPTOR.fields_by_name:
        return
    given: str = getattr(message, REQUEST_ID_FIELD)
    key = key.strip().removeprefix('"').removesuffix('"')
    if given and given.lower() != key.lower():
        raise FieldInvalid(
            REQUEST_ID_FIELD, f"the field differs from Idempotency-Key, {shown(key)}; give only one of them"
        )
    merge(message, {REQUEST_ID_FIELD: key})


def _resolved(descriptor: Descriptor, name: str) -> tuple[str, FieldDescriptor]:
    """Return the path of a query's name in the names of the contract, and its field."""
    path: list[str] = []
    *parents, last = name.split(".")
    for parent in parents:
        outer = field_of(descriptor, parent)
        if outer is None or not is_nested(outer) or outer.is_repeated:
            raise unknown_field(descriptor, name)
        assert outer.message_type is not None
        path.append(outer.name)
        descriptor = outer.message_type
    field = field_of(descriptor, last)
    if field is None or is_nested(field):
        raise unknown_field(descriptor, name)
    return ".".join([*path, field.name]), field


def _refuse_misplaced(binding: Binding, path: str) -> None:
    if path in {field for field, _ in binding.template.variables}:
        raise FieldInvalid(path, "the path has this field; leave it out of the query")
    if binding.body == WHOLE_BODY or path.split(".", 1)[0] == binding.body:
        raise FieldInvalid(path, "this field belongs in the body; leave it out of the query")


def _json_of(field: FieldDescriptor, text: str, path: str) -> Any:
    """Return the ProtoJSON value for the text in a query."""
    if field.cpp_type == FieldDescriptor.CPPTYPE_BOOL:
        if text not in {"true", "false"}:
            raise FieldInvalid(path, f"expected true or false, got {shown(text)}")
        return text == "true"
    if field.enum_type is not None:
        return _enum_of(field.enum_type, text)
    return text


def _enum_of(enum: EnumDescriptor, text: str) -> str | int:
    """Return the name or number of an enum value. The common prefix may be left out: `html` is REPORT_FORMAT_HTML."""
    if re.fullmatch("[0-9]{1,9}", text, re.ASCII):
        return int(text)
    if text in enum.values_by_name:
        return text
    full = common_prefix(enum) + text.upper()
    return full if full in enum.values_by_name else text


def common_prefix(enum: EnumDescriptor) -> str:
    """Return the prefix of all names of an enum: ReportFormat -> REPORT_FORMAT_."""
    return f"{snake_case(enum.name).upper()}_"


def _nested(path: str, value: Any) -> dict[str, Any]:
    for name in reversed(path.split(".")):
        value = {name: value}
    made: dict[str, Any] = value
    return made
