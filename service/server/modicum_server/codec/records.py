"""Records of the domain and their protobuf messages, field by field, by name. Lists no field of any record.

A field of a record that has the name of its message's field crosses without a line here. Enums are matched by name too:
`FindingReason.NOT_FOUND` is `FINDING_REASON_NOT_FOUND`. The modules beside this one do what needs more than names.
"""

import re
from collections.abc import Callable
from dataclasses import fields, is_dataclass
from enum import StrEnum
from functools import cache
from types import NoneType
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

from google.protobuf.message import Message

M = TypeVar("M", bound=Message)
R = TypeVar("R")
Setter = Callable[[Any, Any], None]
Getter = Callable[[Any], Any]


def message_of(record: Any, kind: type[M]) -> M:
    """Return the record as a message of this kind. A field of the message that the record lacks is left unset."""
    message = kind()
    _fill(message, record)
    return message


def record_of(message: Message, kind: type[R], **given: Any) -> R:
    """Return the record of a message. `given` are fields that the message lacks.

    An unset or unknown enum is None, or its first member where the record cannot be without one.
    """
    kinds: Any = (kind, type(message))
    values = {name: get(message) for name, get in _getters(*kinds) if name not in given}
    return kind(**values, **given)


def _fill(message: Any, record: Any) -> None:
    kind: Any = type(message)
    for name, put in _setters(kind):
        value = getattr(record, name, None)
        if value is not None:
            put(message, value)


@cache
def _setters(kind: Any) -> tuple[tuple[str, Setter], ...]:
    return tuple((field.name, _setter(field)) for field in kind.DESCRIPTOR.fields)


def _setter(field: Any) -> Setter:
    name = field.name
    if field.message_type is not None:
        return _many_putter(name) if _repeats(field) else _one_putter(name)
    if field.enum_type is not None:
        numbers = {label: value.number for label, value in _labels(field.enum_type).items()}
        return lambda message, value: setattr(message, name, numbers[value.name])
    if _repeats(field):
        return lambda message, value: getattr(message, name).extend(value)
    return lambda message, value: setattr(message, name, value)


def _one_putter(name: str) -> Setter:
    def put(message: Any, value: Any) -> None:
        getattr(message, name).SetInParent()
        _fill(getattr(message, name), value)

    return put


def _many_putter(name: str) -> Setter:
    def put(message: Any, values: Any) -> None:
        for value in values:
            _fill(getattr(message, name).add(), value)

    return put


def _repeats(field: Any) -> bool:
    repeats: bool = field.is_repeated
    return repeats


@cache
def _getters(kind: Any, message: Any) -> tuple[tuple[str, Getter], ...]:
    hints, known = get_type_hints(kind), message.DESCRIPTOR.fields_by_name
    return tuple(
        (field.name, _getter(known[field.name], hints[field.name])) for field in fields(kind) if field.name in known
    )


def _getter(field: Any, hint: Any) -> Getter:
    name, optional = field.name, NoneType in get_args(hint)
    kind = next(one for one in get_args(hint) if one is not NoneType) if optional else hint
    read = _reader(field, kind, optional=optional)
    if optional and field.has_presence:
        return lambda message: read(getattr(message, name)) if message.HasField(name) else None
    return lambda message: read(getattr(message, name))


def _reader(field: Any, kind: Any, *, optional: bool) -> Getter:
    if get_origin(kind) is tuple:
        part = get_args(kind)[0]
        return (lambda values: tuple(record_of(one, part) for one in values)) if _is_record(part) else tuple
    if _is_record(kind):
        return lambda value: record_of(value, kind)
    if isinstance(kind, type) and issubclass(kind, StrEnum):
        members = {value.number: kind.__members__.get(label) for label, value in _labels(field.enum_type).items()}
        unset = None if optional else next(iter(kind))
        return lambda number: members.get(number) or unset
    return lambda value: value


def _is_record(kind: Any) -> bool:
    return is_dataclass(kind)


def _labels(enum: Any) -> dict[str, Any]:
    """Its values by name, without the name of the enum that they all begin with."""
    prefix = re.sub(r"(?<=[a-z])(?=[A-Z])", "_", enum.name).upper() + "_"
    return {value.name.removeprefix(prefix): value for value in enum.values}
