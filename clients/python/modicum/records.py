"""JSON values as typed values, field by field, by name. Lists no field of any class.

A field with a default may be missing in what is read: results of earlier servers lack what was added since. Bytes are
base64 in JSON, and a text that is null there is empty.
"""

import base64
from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, fields, is_dataclass
from functools import cache
from types import NoneType
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

R = TypeVar("R")
Reader = Callable[[Any], Any]

#: Of a field's metadata: its name in JSON, where that is another.
NAME = "name"


@dataclass(frozen=True, slots=True)
class _Field:
    """How one field is read."""

    name: str
    source: str
    read: Reader
    optional: bool


def record_of(kind: type[R], entry: Mapping[str, Any]) -> R:
    """Return the value that JSON holds.

    Raises:
        KeyError: a field without a default is missing.
    """
    known: Any = kind
    return kind(
        **{
            field.name: field.read(entry[field.source])
            for field in _fields(known)
            if field.source in entry or not field.optional
        }
    )


@cache
def _fields(kind: Any) -> tuple[_Field, ...]:
    hints = get_type_hints(kind)
    return tuple(
        _Field(
            name=field.name,
            source=field.metadata.get(NAME, field.name),
            read=_reader(hints[field.name]),
            optional=field.default is not MISSING or field.default_factory is not MISSING,
        )
        for field in fields(kind)
    )


def _reader(hint: Any) -> Reader:
    parts = [one for one in get_args(hint) if one is not NoneType]
    if NoneType in get_args(hint):
        read = _reader(parts[0])
        return lambda value: None if value is None else read(value)
    if get_origin(hint) is tuple:
        read = _reader(parts[0])
        return lambda values: tuple(map(read, values or ()))
    if _is_record(hint):
        return lambda value: record_of(hint, value or {})
    return {bytes: base64.b64decode, str: lambda text: text or ""}.get(hint, lambda value: value)


def _is_record(kind: Any) -> bool:
    return is_dataclass(kind)
