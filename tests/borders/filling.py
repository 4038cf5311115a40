"""Records and messages in which every field is told from its default, made by introspection.

A field that is added to a dataclass is filled here without a change, so that it fails by its name wherever it is
forgotten.
"""

import itertools
from collections.abc import Callable, Iterator, Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

Leaf = Callable[[int], Any]

DAY = datetime(2026, 1, 2, tzinfo=UTC)


def filled(kind: type, /, leaves: Mapping[Any, Leaf] | None = None, **given: Any) -> Any:
    """Make a record of a dataclass; each leaf has a value of its own, none the default, none what protobuf leaves out.

    `given` are fields with values of the caller's; `leaves` makes values of types that are not known here.
    """
    return _Filler(leaves or {}).record(kind, given)


class _Filler:
    def __init__(self, leaves: Mapping[Any, Leaf]) -> None:
        self._numbers = itertools.count(1)
        self._leaves = leaves
        self._open: list[type] = []

    def record(self, kind: type, given: Mapping[str, Any]) -> Any:
        self._open.append(kind)
        hints = get_type_hints(kind)
        values = {
            field.name: given[field.name] if field.name in given else self.value(hints[field.name], field)
            for field in fields(kind)
            if field.init
        }
        self._open.pop()
        return kind(**values)

    def value(self, hint: Any, field: Field[Any]) -> Any:
        number = next(self._numbers)
        if hint in self._leaves:
            return self._leaves[hint](number)
        if get_origin(hint) is not None:
            return self._composed(hint, field)
        if is_dataclass(hint):
            return self.record(hint, {})
        if issubclass(hint, Enum):
            return next(member for member in reversed(hint) if member != field.default)
        plain: Mapping[Any, Any] = {
            bool: field.default is not True,
            int: number,
            float: number / 1024,
            str: f"{field.name} {number}",
            bytes: bytes([number % 256, 255]),
            datetime: DAY + timedelta(seconds=number),
        }
        return plain.get(hint, number)

    def _composed(self, hint: Any, field: Field[Any]) -> Any:
        origin, arguments = get_origin(hint), [one for one in get_args(hint) if one not in {NoneType, Ellipsis}]
        if origin in {Union, UnionType}:
            return self.value(arguments[0], field)
        if any(one in self._open for one in arguments):  # a record within records of its kind
            return field.default_factory() if field.default_factory is not MISSING else field.default
        if issubclass(origin, Mapping):
            return {f"{field.name} key": self.value(arguments[1], field)}
        if origin is frozenset:
            return frozenset({self.value(arguments[0], field)})
        return origin([self.value(arguments[0], field)])


def filled_message(kind: type[Message]) -> Any:
    """Make a message in which every field is set; of a `oneof` the first one."""
    return _filled_message(kind(), itertools.count(1))


def _filled_message(message: Any, numbers: Iterator[int]) -> Any:
    for descriptor in message.DESCRIPTOR.fields:
        choice = descriptor.containing_oneof
        if choice is not None and choice.fields[0] is not descriptor:
            continue
        _fill(message, descriptor, numbers)
    return message


def _fill(message: Any, descriptor: FieldDescriptor, numbers: Iterator[int]) -> None:
    number, kind = next(numbers), descriptor.message_type
    if kind is not None and kind.GetOptions().map_entry:
        getattr(message, descriptor.name)[f"{descriptor.name} key"] = f"{descriptor.name} {number}"
    elif kind is not None and descriptor.is_repeated:
        _filled_message(getattr(message, descriptor.name).add(), numbers)
    elif kind is not None:
        _filled_message(getattr(message, descriptor.name), numbers)
    elif descriptor.is_repeated:
        getattr(message, descriptor.name).append(_plain_value(descriptor, number))
    else:
        setattr(message, descriptor.name, _plain_value(descriptor, number))


def _plain_value(descriptor: FieldDescriptor, number: int) -> Any:
    if descriptor.enum_type is not None:
        return descriptor.enum_type.values[-1].number
    return {
        FieldDescriptor.CPPTYPE_BOOL: True,
        FieldDescriptor.CPPTYPE_DOUBLE: number / 1024,
        FieldDescriptor.CPPTYPE_STRING: b"\xff" if descriptor.type == FieldDescriptor.TYPE_BYTES else f"text {number}",
    }.get(descriptor.cpp_type, number)
