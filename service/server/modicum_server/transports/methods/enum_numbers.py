"""Refuses enum numbers of a newer client: a default in their place would do something that was not asked for."""

from collections.abc import Iterator
from typing import Any

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

from modicum_server.errors import FieldInvalid

_LOOKED_INTO = frozenset({FieldDescriptor.TYPE_ENUM, FieldDescriptor.TYPE_MESSAGE})


def refuse_unknown_numbers(field: str, message: Message) -> None:
    """Refuse a message in which an enum, at any depth, has a number that this release does not know.

    Raises:
        FieldInvalid: names the field by its path below `field`.
    """
    for descriptor, value in message.ListFields():
        if descriptor.type not in _LOOKED_INTO:
            continue
        for path, entry in _entries(f"{field}.{descriptor.name}", value):
            if descriptor.type == FieldDescriptor.TYPE_ENUM:
                _refuse_unknown(path, descriptor, entry)
            else:
                refuse_unknown_numbers(path, entry)


def _refuse_unknown(path: str, descriptor: FieldDescriptor, number: int) -> None:
    assert descriptor.enum_type is not None, "it is an enum"
    if number not in descriptor.enum_type.values_by_number:
        known = ", ".join(descriptor.enum_type.values_by_name)
        raise FieldInvalid(path, f"expected one of {known}, got the number {number}")


def _entries(path: str, value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, (Message, int, float, str, bytes)):
        yield path, value
    else:
        for place, entry in enumerate(value):
            yield f"{path}[{place}]", entry
