"""ProtoJSON, strictly: what is no field, or no value of its field, is refused by its path, as other bad fields are.

protobuf's own parser decides what is valid; only where it refuses is the fault looked for here, because its words name
no path that stays the same from release to release.
"""

import asyncio
import json
from collections.abc import Iterator, Sequence
from typing import Any, NoReturn, cast

from google.protobuf import json_format
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from modicum_server.errors import FieldInvalid
from modicum_server.usecases.rules import shown

WELL_KNOWN = "google.protobuf."
LARGE_BYTES = 64 * 1024
"""Messages above this size are read and written in a thread: that takes longer than others should wait."""
WHOLE = "request"
MOST_NAMES_SHOWN = 12

_REFUSALS = (json_format.ParseError, ValueError, TypeError, OverflowError, RecursionError)

_EXPECTED = {
    FieldDescriptor.CPPTYPE_BOOL: "true or false",
    FieldDescriptor.CPPTYPE_DOUBLE: "a number",
    FieldDescriptor.CPPTYPE_FLOAT: "a number",
    FieldDescriptor.CPPTYPE_INT32: "a whole number of 32 bits",
    FieldDescriptor.CPPTYPE_INT64: "a whole number of 64 bits, or its digits in a string",
}


def read_json(data: bytes) -> Any:
    """Return the value of a JSON text.

    Raises:
        FieldInvalid: it is none, or has a name twice in one object.
    """
    try:
        return json.loads(data.decode(), object_pairs_hook=_object, parse_constant=_refuse_constant)
    except FieldInvalid:
        raise
    except (ValueError, RecursionError):
        came = f"{len(data):,} bytes that are none (broken off, nested too deeply, or not UTF-8)"
        raise FieldInvalid(WHOLE, f"expected JSON, got {came}") from None


def merge(message: Message, value: Any, path: str = "") -> None:
    """Put a ProtoJSON value into a message, which stands at `path` of the request.

    Raises:
        FieldInvalid: names the first field that is none, or that has no value of its kind.
    """
    if not isinstance(value, dict):
        raise FieldInvalid(path or WHOLE, f"expected an object, got {shown(value)}")
    try:
        json_format.ParseDict(value, message)
    except _REFUSALS:
        raise _fault(descriptor_of(message), value, path) from None


async def written(message: Message) -> bytes:
    """Return a message as ProtoJSON; what is unset and knows no absence is written too: a shape is always whole."""
    if message.ByteSize() > LARGE_BYTES:
        return await asyncio.to_thread(_write, message)
    return _write(message)


def descriptor_of(message: Message) -> Descriptor:
    """Return a message's descriptor."""
    return cast("Descriptor", message.DESCRIPTOR)


def field_of(descriptor: Descriptor, name: str) -> FieldDescriptor | None:
    """Return a field by its JSON name or by its name in the contract."""
    named: FieldDescriptor | None = descriptor.fields_by_name.get(name)
    return named or next((field for field in descriptor.fields if field.json_name == name), None)


def is_nested(field: FieldDescriptor) -> bool:
    """Whether a field holds a message that is written as an object of its fields."""
    return field.message_type is not None and not field.message_type.full_name.startswith(WELL_KNOWN)


def unknown_field(descriptor: Descriptor, path: str) -> FieldInvalid:
    """Return the refusal of a name that is none of a message's fields."""
    names = [field.json_name for field in descriptor.fields]
    listed = ", ".join(names[:MOST_NAMES_SHOWN]) + (", ..." if len(names) > MOST_NAMES_SHOWN else "")
    return FieldInvalid(path[:200], f"expected a field of {descriptor.name}, got a name that is none; it has {listed}")


def _write(message: Message) -> bytes:
    return json_format.MessageToJson(
        message, indent=None, ensure_ascii=False, always_print_fields_with_no_presence=True
    ).encode("utf-8", "replace")


def _object(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise FieldInvalid(twice[:200], "expected a name once in an object, got it twice")
    return found


def _refuse_constant(constant: str) -> NoReturn:
    raise FieldInvalid(WHOLE, f"expected JSON, got {constant}, which is none; ProtoJSON writes it in quotes")


def _fault(descriptor: Descriptor, value: Any, path: str) -> FieldInvalid:
    whole = FieldInvalid(path or WHOLE, f"expected ProtoJSON of {descriptor.name}, got something else")
    return next(_faults(descriptor, value, path), whole)


def _faults(descriptor: Descriptor, value: Any, path: str) -> Iterator[FieldInvalid]:
    if not isinstance(value, dict):
        yield FieldInvalid(path or WHOLE, f"expected an object, got {shown(value)}")
        return
    for name, item in value.items():
        field = field_of(descriptor, name)
        if field is None:
            yield unknown_field(descriptor, f"{path}.{name}" if path else name)
        else:
            yield from _faults_of_field(field, item, f"{path}.{field.name}" if path else field.name)


def _faults_of_field(field: FieldDescriptor, value: Any, path: str) -> Iterator[FieldInvalid]:
    if field.is_repeated and isinstance(value, list):
        for place, item in enumerate(value):
            yield from _faults_of_item(field, item, f"{path}[{place}]")
    elif field.is_repeated and value is not None:
        yield FieldInvalid(path, f"expected a list, got {shown(value)}")
    elif value is not None:
        yield from _faults_of_item(field, value, path)


def _faults_of_item(field: FieldDescriptor, value: Any, path: str) -> Iterator[FieldInvalid]:
    if is_nested(field):
        assert field.message_type is not None
        yield from _faults(field.message_type, value, path)
        return
    alone = {field.json_name: [value] if field.is_repeated else value}
    assert field.containing_type is not None, "the contract has no extensions"
    try:
        json_format.ParseDict(alone, GetMessageClass(field.containing_type)())
    except _REFUSALS:
        yield FieldInvalid(path, f"expected {_expected(field)}, got {shown(value)}")


def _expected(field: FieldDescriptor) -> str:
    if field.enum_type is not None:
        return f"one of {', '.join(value.name for value in field.enum_type.values)}"
    if field.type == FieldDescriptor.TYPE_BYTES:
        return "bytes in base64"
    if field.message_type is not None:
        return "a time such as 2026-01-31T12:00:00Z"
    return _EXPECTED.get(field.cpp_type, "text")
