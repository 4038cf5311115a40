"""JSON Schema of the contract's messages, as ProtoJSON writes them: int64 as digits in a string, enums by name.

A message has two schemas, because different fields are always present. A caller may leave out a field that is not
REQUIRED; a response has every field without presence, also at its default.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from google.api import field_behavior_pb2  # type: ignore[import-untyped]
from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor

from modicum_server.transports.http.rest.openapi.comments import comment_on
from modicum_server.transports.http.rest.openapi.examples import EXAMPLES
from modicum_server.transports.http.rest.protojson import is_nested

Schema = dict[str, Any]

_SCALARS: Mapping[int, Schema] = {
    FieldDescriptor.TYPE_STRING: {"type": "string"},
    FieldDescriptor.TYPE_BOOL: {"type": "boolean"},
    FieldDescriptor.TYPE_INT32: {"type": "integer", "format": "int32", "minimum": -(2**31), "maximum": 2**31 - 1},
    FieldDescriptor.TYPE_INT64: {"type": "string", "format": "int64", "pattern": "^-?[0-9]{1,19}$"},
    FieldDescriptor.TYPE_DOUBLE: {"type": "number", "format": "double"},
    FieldDescriptor.TYPE_BYTES: {"type": "string", "contentEncoding": "base64"},
}
_WELL_KNOWN: Mapping[str, Schema] = {"google.protobuf.Timestamp": {"type": "string", "format": "date-time"}}


class Direction(StrEnum):
    """The direction of a message; its value ends the name of the schema."""

    RESPONSE = ""
    REQUEST = "Input"


@dataclass(frozen=True, slots=True)
class Body:
    """A message that is a body; `elsewhere` are its fields that are in the path."""

    message: Descriptor
    direction: Direction
    elsewhere: frozenset[str] = frozenset()


def schemas_of(bodies: Iterable[Body], enums: Iterable[EnumDescriptor]) -> dict[str, Schema]:
    """Return the schemas of messages, of all messages in them, and of enums, by name."""
    found = {name_of(enum): _schema_of_enum(enum) for enum in enums}
    waiting = list(bodies)
    while waiting:
        body = waiting.pop()
        name = name_of(body.message, body.direction)
        if name in found:
            continue
        found[name] = _schema_of_body(body)
        for field in body.message.fields:
            if field.enum_type is not None:
                found[name_of(field.enum_type)] = _schema_of_enum(field.enum_type)
            elif is_nested(field):
                assert field.message_type is not None
                waiting.append(Body(field.message_type, body.direction))
    return dict(sorted(found.items()))


def name_of(kind: Descriptor | EnumDescriptor, direction: Direction = Direction.RESPONSE) -> str:
    """Return the name of a message's or enum's schema: its name without the package."""
    return kind.full_name.removeprefix("modicum.v1.").removeprefix("google.protobuf.") + direction


def reference(kind: Descriptor | EnumDescriptor, direction: Direction = Direction.RESPONSE) -> Schema:
    """Return the reference to a schema."""
    return {"$ref": f"#/components/schemas/{name_of(kind, direction)}"}


def schema_of_field(field: FieldDescriptor, direction: Direction = Direction.REQUEST) -> Schema:
    """Return the schema of a field's value, without its description."""
    one = _schema_of_value(field, direction)
    return {"type": "array", "items": one} if field.is_repeated else one


def required_of(body: Body) -> list[str]:
    """Return the fields that a body always has, by JSON name."""
    sure = (field for field in body.message.fields if _is_sure(field, body.direction))
    return [field.json_name for field in sure if field.name not in body.elsewhere]


def _is_sure(field: FieldDescriptor, direction: Direction) -> bool:
    return has_behaviour(field, "REQUIRED") if direction is Direction.REQUEST else not field.has_presence


def has_behaviour(field: FieldDescriptor, *behaviours: str) -> bool:
    """Return whether a field has one of these values of google.api.field_behavior."""
    marked = field.GetOptions().Extensions[field_behavior_pb2.field_behavior]
    return any(field_behavior_pb2.FieldBehavior.Name(one) in behaviours for one in marked)


def _schema_of_body(body: Body) -> Schema:
    message, direction = body.message, body.direction
    schema: Schema = {
        "type": "object",
        "description": comment_on(message.full_name),
        "properties": {field.json_name: _described(field, direction) for field in message.fields},
    }
    if required := required_of(body):
        schema["required"] = required
    if direction is Direction.REQUEST and message.full_name in EXAMPLES:
        schema["examples"] = [EXAMPLES[message.full_name]]
    return schema


def _described(field: FieldDescriptor, direction: Direction) -> Schema:
    schema = schema_of_field(field, direction) | {"description": comment_on(field.full_name)}
    if has_behaviour(field, "OUTPUT_ONLY", "IDENTIFIER"):
        schema["readOnly"] = True
    if direction is Direction.REQUEST and has_behaviour(field, "REQUIRED"):
        schema |= _not_empty(field)
    return schema


def _not_empty(field: FieldDescriptor) -> Schema:
    """Return what keeps a required field from being empty: to ProtoJSON, an empty text or list is a missing one."""
    if field.is_repeated:
        return {"minItems": 1}
    return {"minLength": 1} if field.type == FieldDescriptor.TYPE_STRING else {}


def _schema_of_value(field: FieldDescriptor, direction: Direction) -> Schema:
    if field.enum_type is not None:
        return reference(field.enum_type)
    if is_nested(field):
        assert field.message_type is not None
        return reference(field.message_type, direction)
    if field.message_type is not None:
        return dict(_WELL_KNOWN[field.message_type.full_name])
    return dict(_SCALARS[field.type])


def _schema_of_enum(enum: EnumDescriptor) -> Schema:
    values = [f"- `{value.name}`: {comment_on(f'{enum.full_name}.{value.name}')}" for value in enum.values]
    return {
        "type": "string",
        "description": "\n".join([comment_on(enum.full_name), "", *values]),
        "enum": [value.name for value in enum.values],
    }
