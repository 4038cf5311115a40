"""JSON Schema of the contract's messages, as ProtoJSON writes them: int64 as digits in a string, enums by name."""

from collections.abc import Iterable, Mapping
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
    FieldDescriptor.TYPE_INT64: {"type": "string", "format": "int64", "pattern": "^-?[0-9]{1,18}$"},
    FieldDescriptor.TYPE_DOUBLE: {"type": "number", "format": "double"},
    FieldDescriptor.TYPE_BYTES: {"type": "string", "contentEncoding": "base64"},
}
_WELL_KNOWN: Mapping[str, Schema] = {"google.protobuf.Timestamp": {"type": "string", "format": "date-time"}}


def schemas_of(messages: Iterable[Descriptor], enums: Iterable[EnumDescriptor]) -> dict[str, Schema]:
    """Return the schemas of messages, of all that they hold, and of enums, by name."""
    found = {name_of(enum): _schema_of_enum(enum) for enum in enums}
    waiting = list(messages)
    while waiting:
        message = waiting.pop()
        if name_of(message) in found:
            continue
        found[name_of(message)] = _schema_of_message(message)
        for field in message.fields:
            if field.enum_type is not None:
                found[name_of(field.enum_type)] = _schema_of_enum(field.enum_type)
            elif is_nested(field):
                assert field.message_type is not None
                waiting.append(field.message_type)
    return dict(sorted(found.items()))


def name_of(kind: Descriptor | EnumDescriptor) -> str:
    """Return the name of a message or an enum among the schemas: without its package."""
    return kind.full_name.removeprefix("modicum.v1.").removeprefix("google.protobuf.")


def reference(kind: Descriptor | EnumDescriptor) -> Schema:
    """Return the reference to a schema."""
    return {"$ref": f"#/components/schemas/{name_of(kind)}"}


def schema_of_field(field: FieldDescriptor) -> Schema:
    """Return the schema of a field's value, without its description."""
    one = _schema_of_value(field)
    return {"type": "array", "items": one} if field.is_repeated else one


def has_behaviour(field: FieldDescriptor, *behaviours: str) -> bool:
    """Whether a field is marked by one of these of google.api.field_behavior."""
    marked = field.GetOptions().Extensions[field_behavior_pb2.field_behavior]
    return any(field_behavior_pb2.FieldBehavior.Name(one) in behaviours for one in marked)


def _schema_of_message(message: Descriptor) -> Schema:
    schema: Schema = {
        "type": "object",
        "description": comment_on(message.full_name),
        "properties": {field.json_name: _described(field) for field in message.fields},
    }
    if message.full_name in EXAMPLES:
        schema["examples"] = [EXAMPLES[message.full_name]]
    return schema


def _described(field: FieldDescriptor) -> Schema:
    schema = schema_of_field(field) | {"description": comment_on(field.full_name)}
    if has_behaviour(field, "OUTPUT_ONLY", "IDENTIFIER"):
        schema["readOnly"] = True
    return schema


def _schema_of_value(field: FieldDescriptor) -> Schema:
    if field.enum_type is not None:
        return reference(field.enum_type)
    if is_nested(field):
        assert field.message_type is not None
        return reference(field.message_type)
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
