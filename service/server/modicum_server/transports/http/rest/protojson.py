"""Strict ProtoJSON: unknown fields and wrong values are refused by their path, like any other bad field.

protobuf's parser decides what is valid, after `kinds` has refused what it is too lenient about. When it refuses, this
module looks for the fault itself, because the parser's messages name no path and change between releases.
"""

import asyncio
import json
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from typing import Any, NoReturn, cast

from google.protobuf import json_format
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass

from modicum_server.errors import FieldInvalid
from modicum_server.transports.http.rest.json_kinds import describe_expected, describe_received, is_of_kind
from modicum_server.transports.list_limits import too_long

WELL_KNOWN = "google.protobuf."
LARGE_BYTES = 8 * 1024
"""Larger messages are parsed and written in a thread, so that other calls need not wait."""
WHOLE = "request"
MOST_NAMES_SHOWN = 12
MOST_NAMES = 1000
"""Most names in one object: far more than any message has fields."""
MOST_OBJECTS = 1000
"""Most objects in a body: far more than any request has. An object of two bytes costs a thousand times as much."""
MOST_COMMAS = 400_000
"""Most commas in a body, those in texts included: enough for the longest list of class names with commas in them."""
_TEXT = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL)

_REFUSALS = (json_format.ParseError, ValueError, TypeError, OverflowError, RecursionError)

Fits = Callable[[FieldDescriptor, Any], bool]
"""Says whether a field that does not hold a message of ours takes a single value."""


def read_json(data: bytes) -> Any:
    """Return the value of a JSON text.

    Raises:
        FieldInvalid: it is not JSON, has a name twice in one object, or has too many parts.
    """
    _refuse_many_parts(data)
    try:
        return json.loads(data.decode(), object_pairs_hook=_object, parse_constant=_refuse_constant)
    except FieldInvalid:
        raise
    except (ValueError, RecursionError):
        cause = "they are cut off, nested too deeply, or not UTF-8"
        raise FieldInvalid(WHOLE, f"the {len(data):,} bytes are not valid JSON: {cause}") from None


def merge(message: Message, value: Any, path: str = "") -> None:
    """Merge a ProtoJSON value into a message, which is at `path` of the request.

    Raises:
        FieldInvalid: names the first field that is unknown, or whose value is of a wrong kind.
    """
    descriptor = descriptor_of(message)
    try:
        for fault in _faults(descriptor, value, path, is_of_kind):
            raise fault
        json_format.ParseDict(value, message)
    except _REFUSALS:
        raise _fault(descriptor, value, path) from None


async def written(message: Message) -> bytes:
    """Return a message as ProtoJSON. Unset fields without presence are written too, so the shape is always complete."""
    if message.ByteSize() > LARGE_BYTES:
        return await asyncio.to_thread(_write, message)
    return _write(message)


def descriptor_of(message: Message) -> Descriptor:
    """Return a message's descriptor."""
    return cast("Descriptor", message.DESCRIPTOR)


def field_of(descriptor: Descriptor, name: str) -> FieldDescriptor | None:
    """Return a field by its JSON name or by its name in the contract."""
    return _fields_of(descriptor).get(name)


@cache
def _fields_of(descriptor: Descriptor) -> Mapping[str, FieldDescriptor]:
    """Return the fields by both of their names. protobuf's own lookup fails on a name that is not UTF-8."""
    return {name: field for field in descriptor.fields for name in (field.json_name, field.name)}


def is_nested(field: FieldDescriptor) -> bool:
    """Return whether a field holds a message that is written as a JSON object."""
    return field.message_type is not None and not field.message_type.full_name.startswith(WELL_KNOWN)


def unknown_field(descriptor: Descriptor, path: str) -> FieldInvalid:
    """Return the refusal of a name that is not a field of a message."""
    names = [field.json_name for field in descriptor.fields]
    listed = ", ".join(names[:MOST_NAMES_SHOWN]) + (", ..." if len(names) > MOST_NAMES_SHOWN else "")
    shown_path = path[:200].encode("utf-8", "backslashreplace").decode()
    return FieldInvalid(shown_path, f"{descriptor.name} has no such field; its fields are {listed}")


def _write(message: Message) -> bytes:
    return json_format.MessageToJson(
        message, indent=None, ensure_ascii=False, always_print_fields_with_no_presence=True
    ).encode("utf-8", "replace")


def _refuse_many_parts(data: bytes) -> None:
    """Count the parts before parsing; braces in texts do not count."""
    if (commas := data.count(b",")) > MOST_COMMAS:
        raise FieldInvalid(WHOLE, f"expected at most {MOST_COMMAS:,} commas in a body, got {commas:,}")
    if data.count(b"{") <= MOST_OBJECTS:
        return
    if (count := _TEXT.sub(b"", data).count(b"{")) > MOST_OBJECTS:
        raise FieldInvalid(WHOLE, f"expected at most {MOST_OBJECTS:,} objects in a body, got {count:,}")


def _object(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    if len(pairs) > MOST_NAMES:
        raise FieldInvalid(WHOLE, f"expected at most {MOST_NAMES:,} fields in an object, got {len(pairs):,}")
    found = dict(pairs)
    if len(found) != len(pairs):
        twice, _ = Counter(name for name, _ in pairs).most_common(1)[0]
        raise FieldInvalid(twice[:200], "the object has this field twice; give it once")
    return found


def _refuse_constant(constant: str) -> NoReturn:
    raise FieldInvalid(WHOLE, f"{constant} is not valid JSON; write it in quotes, as ProtoJSON does")


def _fault(descriptor: Descriptor, value: Any, path: str) -> FieldInvalid:
    whole = FieldInvalid(path or WHOLE, f"the value is not valid ProtoJSON of {descriptor.name}")
    return next(_faults(descriptor, value, path, _is_taken), whole)


def _faults(descriptor: Descriptor, value: Any, path: str, fits: Fits) -> Iterator[FieldInvalid]:
    if not isinstance(value, dict):
        yield FieldInvalid(path or WHOLE, f"expected an object, got {describe_received(value)}")
        return
    seen: set[str] = set()
    for name, item in value.items():
        field = field_of(descriptor, name)
        place = name if field is None else field.name
        inner = f"{path}.{place}" if path else place
        if field is None:
            yield unknown_field(descriptor, inner)
        elif place in seen:
            yield FieldInvalid(inner, "the field is given under both of its names; give it once")
        else:
            seen.add(place)
            yield from _faults_of_field(field, item, inner, fits)
    yield from _faults_of_choices(descriptor, value, path)


def _faults_of_choices(descriptor: Descriptor, value: Mapping[str, Any], path: str) -> Iterator[FieldInvalid]:
    """Find oneofs of which the value sets more than one field; null counts as unset."""
    given = {field.name for name, item in value.items() if item is not None and (field := field_of(descriptor, name))}
    for choice in descriptor.oneofs:
        chosen = [field for field in choice.fields if field.name in given]
        if len(chosen) > 1:
            names = ", ".join(field.json_name for field in choice.fields)
            came_too = " and ".join(field.json_name for field in chosen)
            yield FieldInvalid(
                f"{path}.{chosen[1].name}" if path else chosen[1].name,
                f"expected at most one of {names}, got {came_too}; give only one of them",
            )


def _faults_of_field(field: FieldDescriptor, value: Any, path: str, fits: Fits) -> Iterator[FieldInvalid]:
    if field.is_repeated and isinstance(value, list):
        yield from too_long(field, len(value), path)
        for place, item in enumerate(value):
            yield from _faults_of_item(field, item, f"{path}[{place}]", fits)
    elif field.is_repeated and value is not None:
        yield FieldInvalid(path, f"expected a list, got {describe_received(value)}")
    elif value is not None:
        yield from _faults_of_item(field, value, path, fits)


def _faults_of_item(field: FieldDescriptor, value: Any, path: str, fits: Fits) -> Iterator[FieldInvalid]:
    if is_nested(field):
        assert field.message_type is not None
        yield from _faults(field.message_type, value, path, fits)
    elif not fits(field, value):
        yield FieldInvalid(path, f"expected {describe_expected(field)}, got {describe_received(value)}")


def _is_taken(field: FieldDescriptor, value: Any) -> bool:
    """Return whether protobuf accepts a value for a field of an otherwise empty message."""
    alone = {field.json_name: [value] if field.is_repeated else value}
    assert field.containing_type is not None, "the contract has no extensions"
    try:
        json_format.ParseDict(alone, GetMessageClass(field.containing_type)())
    except _REFUSALS:
        return False
    return True
