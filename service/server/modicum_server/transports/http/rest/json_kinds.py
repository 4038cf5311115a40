"""Which kind of JSON value a field takes, and how to name the kind that came.

protobuf's parser follows Python's conversions: it takes `true` for a number, 1.5 for an enum, and digits of any script.
This module allows only the kinds of RFC 8259 and ProtoJSON. Whether a number fits its width is left to protobuf.
"""

import re
from typing import Any

from google.protobuf.descriptor import FieldDescriptor

from modicum_server.usecases.rules import LARGEST_INT32, shown

_WHOLE_NUMBER = re.compile("-?[0-9]+", re.ASCII)
_NUMBER = re.compile(r"-?[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]+)?|NaN|-?Infinity", re.ASCII)
_SURROGATE = re.compile("[\ud800-\udfff]")
_FLOAT_TYPES = {FieldDescriptor.CPPTYPE_DOUBLE, FieldDescriptor.CPPTYPE_FLOAT}
_INTEGER_TYPES = {
    FieldDescriptor.CPPTYPE_INT32: "a whole number of 32 bits",
    FieldDescriptor.CPPTYPE_INT64: "a whole number of 64 bits, as a number or as a string of digits",
    FieldDescriptor.CPPTYPE_UINT32: "a whole number of 32 bits, 0 or more",
    FieldDescriptor.CPPTYPE_UINT64: "a whole number of 64 bits, 0 or more, as a number or as a string of digits",
}


def is_of_kind(field: FieldDescriptor, value: Any) -> bool:
    """Return whether a single value is of the kind that a field takes. The field does not hold a message of ours."""
    if isinstance(value, str) and _SURROGATE.search(value):
        return False
    if field.message_type is not None:
        return not isinstance(value, str) or value.isascii()
    if field.enum_type is not None:
        return _is_of_enum(field, value)
    if field.cpp_type == FieldDescriptor.CPPTYPE_BOOL:
        return isinstance(value, bool)
    if field.cpp_type in _INTEGER_TYPES:
        return _is_json_integer(value)
    return _is_json_number(value) if field.cpp_type in _FLOAT_TYPES else isinstance(value, str)


def describe_expected(field: FieldDescriptor) -> str:
    """Describe what a field takes, for the caller."""
    if field.enum_type is not None:
        return f"one of {', '.join(value.name for value in field.enum_type.values)}"
    if field.type == FieldDescriptor.TYPE_BYTES:
        return "bytes in base64"
    if field.message_type is not None:
        return "a time such as 2026-01-31T12:00:00Z"
    if field.cpp_type == FieldDescriptor.CPPTYPE_BOOL:
        return "true or false"
    return "a number" if field.cpp_type in _FLOAT_TYPES else _INTEGER_TYPES.get(field.cpp_type, "text")


def describe_received(value: Any) -> str:
    """Describe a value by its JSON kind."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return f"a list of {len(value):,} entries"
    if isinstance(value, dict):
        return "an object"
    return shown(value)


def _is_of_enum(field: FieldDescriptor, value: Any) -> bool:
    assert field.enum_type is not None
    if isinstance(value, str):
        return value in field.enum_type.values_by_name
    return _is_python_int(value) and abs(value) <= LARGEST_INT32


def _is_python_int(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_json_integer(value: Any) -> bool:
    """Return whether it is a whole number: 1, 1.0 or 1e0 in JSON, but only digits in a string."""
    if isinstance(value, str):
        return _WHOLE_NUMBER.fullmatch(value) is not None
    return value.is_integer() if isinstance(value, float) else _is_python_int(value)


def _is_json_number(value: Any) -> bool:
    if isinstance(value, str):
        return _NUMBER.fullmatch(value) is not None
    return isinstance(value, float) or _is_python_int(value)
