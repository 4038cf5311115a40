"""What a JSON value must be to stand in a field, and what came in JSON's words.

protobuf's parser goes by Python's conversions: `true` is a number to it, 1.5 an enum, and digits of any script count.
Here stand the kinds of RFC 8259 and of ProtoJSON alone; whether a number fits its width is left to protobuf.
"""

import re
from typing import Any

from google.protobuf.descriptor import FieldDescriptor

from modicum_server.usecases.rules import LARGEST_INT32, shown

_WHOLE_NUMBER = re.compile("-?[0-9]+", re.ASCII)
_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?|NaN|-?Infinity", re.ASCII)
_SURROGATE = re.compile("[\ud800-\udfff]")
_FRACTIONS = {FieldDescriptor.CPPTYPE_DOUBLE, FieldDescriptor.CPPTYPE_FLOAT}
_INTEGERS = {
    FieldDescriptor.CPPTYPE_INT32: "a whole number of 32 bits",
    FieldDescriptor.CPPTYPE_INT64: "a whole number of 64 bits, or its digits in a string",
    FieldDescriptor.CPPTYPE_UINT32: "a whole number of 32 bits, 0 or more",
    FieldDescriptor.CPPTYPE_UINT64: "a whole number of 64 bits, 0 or more, or its digits in a string",
}


def is_of_kind(field: FieldDescriptor, value: Any) -> bool:
    """Whether a value that is no list is of the kind that a field takes, which is no message of ours."""
    if isinstance(value, str) and _SURROGATE.search(value):
        return False
    if field.message_type is not None:
        return not isinstance(value, str) or value.isascii()
    if field.enum_type is not None:
        return _is_of_enum(field, value)
    if field.cpp_type == FieldDescriptor.CPPTYPE_BOOL:
        return isinstance(value, bool)
    if field.cpp_type in _INTEGERS:
        return _is_whole(value)
    return _is_number(value) if field.cpp_type in _FRACTIONS else isinstance(value, str)


def expected(field: FieldDescriptor) -> str:
    """Return what a field takes, in words for the caller."""
    if field.enum_type is not None:
        return f"one of {', '.join(value.name for value in field.enum_type.values)}"
    if field.type == FieldDescriptor.TYPE_BYTES:
        return "bytes in base64"
    if field.message_type is not None:
        return "a time such as 2026-01-31T12:00:00Z"
    if field.cpp_type == FieldDescriptor.CPPTYPE_BOOL:
        return "true or false"
    return "a number" if field.cpp_type in _FRACTIONS else _INTEGERS.get(field.cpp_type, "text")


def came(value: Any) -> str:
    """Return what came, in JSON's words."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return f"a list of {len(value):,}"
    if isinstance(value, dict):
        return "an object"
    return shown(value)


def _is_of_enum(field: FieldDescriptor, value: Any) -> bool:
    assert field.enum_type is not None
    if isinstance(value, str):
        return value in field.enum_type.values_by_name
    return _is_integer(value) and abs(value) <= LARGEST_INT32


def _is_integer(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_whole(value: Any) -> bool:
    """Whether it is a whole number: 1, 1.0 and 1e0 are the same one in JSON; in a string only its digits are."""
    if isinstance(value, str):
        return _WHOLE_NUMBER.fullmatch(value) is not None
    return value.is_integer() if isinstance(value, float) else _is_integer(value)


def _is_number(value: Any) -> bool:
    if isinstance(value, str):
        return _NUMBER.fullmatch(value) is not None
    return isinstance(value, float) or _is_integer(value)
