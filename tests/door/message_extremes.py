"""Messages at and past their limits, made from the contract's descriptors, so that new fields are included at once."""

import math
from collections.abc import Iterator, Mapping
from typing import Any

from google.api import field_behavior_pb2
from google.protobuf.descriptor import Descriptor, FieldDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from hypothesis import strategies as st

F = FieldDescriptor
LONG = "x" * 4096
MANY = 300
DEEPEST = 4
TEXTS = (
    "",
    LONG,
    "../../etc/passwd",
    "/etc/passwd",
    "C:\\windows",
    "a\x00b",
    "a\nb",
    "\u202egnp.exe",
    "\u2067a\u2069",
    "שלום",
    "\U0001f600",
    "%s%n{0}{x}",
    "'; DROP TABLE modicum.audits; --",
    "projects/other/models/net",
    "projects/default/models/../models/net",
    'dataset = "a\x00b"',
    'dataset = "\u202e"',
    "state = RUNNING AND model_version = 4",
    "AAAA",
    "00000000-0000-0000-0000-000000000000",
)
NUMBERS = {
    F.CPPTYPE_INT32: (0, 1, -1, 2**31 - 1, -(2**31)),
    F.CPPTYPE_INT64: (0, 1, -1, 2**40, 2**63 - 1, -(2**63)),
    F.CPPTYPE_ENUM: (0, 1, 2, 99, -1, 2**31 - 1),
    F.CPPTYPE_DOUBLE: (0.0, -0.0, 1.0, -1.0, 1e-300, 5e-324, 1e39, 1e308, -1e308, math.nan, math.inf, -math.inf),
    F.CPPTYPE_BOOL: (True, False),
}


def swept(message: Message) -> Iterator[tuple[str, Message]]:
    """The message with one field, at any depth, set to one extreme value, and a description of the field."""
    for field in message.DESCRIPTOR.fields:
        if field.cpp_type == F.CPPTYPE_MESSAGE:
            yield from _swept_message(message, field)
            continue
        for value in extremes(field)[-1:] if _is_output(field) else extremes(field):
            changed = _copy(message)
            if field.is_repeated:
                getattr(changed, field.name).append(value)
            else:
                setattr(changed, field.name, value)
            yield f"{field.name} = {value!r:.60}", changed
        yield from _emptied_and_crowded(message, field)


def _swept_message(message: Message, field: FieldDescriptor) -> Iterator[tuple[str, Message]]:
    yield from _emptied_and_crowded(message, field)
    if field.message_type.full_name.startswith("google.") or _is_output(field):
        return
    present = getattr(message, field.name)
    if field.is_repeated:
        present = present[0] if present else GetMessageClass(field.message_type)()
    for word, part in swept(present):
        changed = _copy(message)
        if field.is_repeated:
            changed.ClearField(field.name)
            getattr(changed, field.name).append(part)
        else:
            getattr(changed, field.name).CopyFrom(part)
        yield f"{field.name}.{word}", changed


def _emptied_and_crowded(message: Message, field: FieldDescriptor) -> Iterator[tuple[str, Message]]:
    emptied = _copy(message)
    emptied.ClearField(field.name)
    yield f"{field.name} is left out", emptied
    if field.is_repeated and field.cpp_type != F.CPPTYPE_MESSAGE:
        crowded = _copy(message)
        getattr(crowded, field.name).extend(list(extremes(field))[:1] * MANY)
        yield f"{field.name} many times", crowded


def extremes(field: FieldDescriptor) -> tuple[Any, ...]:
    if field.type == F.TYPE_BYTES:
        return (b"", b"\x00\xff" * 8, b"x" * 1_200_000)
    return TEXTS if field.type == F.TYPE_STRING else NUMBERS[field.cpp_type]


def _is_output(field: FieldDescriptor) -> bool:
    """Whether the server only writes the field. One value is enough for such a field."""
    behaviours = field.GetOptions().Extensions[field_behavior_pb2.field_behavior]
    return field_behavior_pb2.OUTPUT_ONLY in behaviours


def _copy(message: Message) -> Message:
    copy = type(message)()
    copy.CopyFrom(message)
    return copy


def messages(descriptor: Descriptor, names: Mapping[str, str], depth: int = 0) -> st.SearchStrategy[Message]:
    """Any message of the kind: each field left out, ordinary, or extreme."""

    @st.composite
    def drawn(draw: st.DrawFn) -> Message:
        message = GetMessageClass(descriptor)()
        for field in descriptor.fields:
            if not draw(st.booleans()):
                continue
            value = _values(field, names, depth)
            if field.is_repeated:
                getattr(message, field.name).extend(draw(st.lists(value, max_size=4)))
            elif field.cpp_type == F.CPPTYPE_MESSAGE:
                getattr(message, field.name).CopyFrom(draw(value))
            else:
                setattr(message, field.name, draw(value))
        return message

    return drawn()


def _values(field: FieldDescriptor, names: Mapping[str, str], depth: int) -> st.SearchStrategy[Any]:
    if field.cpp_type == F.CPPTYPE_MESSAGE:
        if depth == DEEPEST or field.message_type.full_name.startswith("google."):
            return st.builds(GetMessageClass(field.message_type))
        return messages(field.message_type, names, depth + 1)
    if field.type == F.TYPE_STRING:
        ordinary = st.sampled_from(("projects/default", *names.values()))
        return ordinary | st.sampled_from(TEXTS) | st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
    if field.type == F.TYPE_BYTES:
        return st.binary(max_size=64)
    usual = st.integers(0, 16) if field.cpp_type in {F.CPPTYPE_INT32, F.CPPTYPE_INT64} else st.nothing()
    return st.sampled_from(extremes(field)) | usual | _fractions(field)


def _fractions(field: FieldDescriptor) -> st.SearchStrategy[Any]:
    return st.floats() | st.floats(0, 1) if field.cpp_type == F.CPPTYPE_DOUBLE else st.nothing()
