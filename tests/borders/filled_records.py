"""Records in which every field is told from its default, made by introspection; and what of them a border lost.

A field that is added to a dataclass is filled here without a change, so that it fails by its name wherever it is
forgotten.
"""

import itertools
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

from google.protobuf.descriptor import EnumDescriptor, FieldDescriptor
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

Leaves = dict[str, Any]
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


def leaves_of(value: Any, path: str = "") -> Leaves:
    """Return every value that is no record, list or mapping, by its path, in a form that all borders have in common."""
    return {place.removeprefix("."): leaf for place, leaf in _leaves(value, path)}


def _leaves(value: Any, path: str) -> Iterator[tuple[str, Any]]:
    if isinstance(value, Message) and not isinstance(value, Timestamp):
        for descriptor, part in value.ListFields():
            yield from _leaves(_named(part, descriptor), f"{path}.{descriptor.name}")
    elif is_dataclass(value):
        for field in fields(value):
            yield from _leaves(getattr(value, field.name), f"{path}.{field.name}")
    elif isinstance(value, Mapping):
        for key, part in value.items():
            yield from _leaves(part, f"{path}.{key}")
    elif isinstance(value, (list, tuple, frozenset)):
        for index, part in enumerate(value):
            yield from _leaves(part, f"{path}.{index}")
    else:
        yield path, _plain(value)


def _named(value: Any, descriptor: FieldDescriptor) -> Any:
    """Enums by name, everything in lists and mappings of Python."""
    if descriptor.message_type is not None and descriptor.message_type.GetOptions().map_entry:
        return dict(value)
    if descriptor.enum_type is None:
        return list(value) if descriptor.is_repeated else value
    return (
        [enum_name(descriptor.enum_type, one) for one in value]
        if descriptor.is_repeated
        else enum_name(descriptor.enum_type, value)
    )


def enum_name(kind: EnumDescriptor, number: int) -> str:
    """Return the name of a protobuf enum's number without what all names of that enum begin with."""
    unset = kind.values_by_number[0].name
    return kind.values_by_number[number].name.removeprefix(unset.removesuffix("UNSPECIFIED"))


def _plain(value: Any) -> Any:
    """One form for what domain, protobuf, JSON and client write each in its own way."""
    if isinstance(value, Timestamp):
        value = value.ToDatetime(tzinfo=UTC)
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Enum):
        value = value.value
    if isinstance(value, bytes):
        value = b64encode(value).decode()
    return value.lower() if isinstance(value, str) else value


def assert_crosses(
    sent: Any, came: Any, *, but: frozenset[str] = frozenset(), renamed: Mapping[str, str] | None = None
) -> None:
    """Fail with the name of every field that did not cross, what was sent, and what came.

    Args:
        sent: the record on this side.
        came: what it became on the other side.
        but: paths of fields that stay behind on purpose.
        renamed: beginnings of paths that have another name on the other side.
    """
    missing = _lost(sent, came, but, renamed or {})
    assert not missing, "\n".join([f"lost of {type(sent).__name__}:", *missing])


def _lost(sent: Any, came: Any, but: frozenset[str], renamed: Mapping[str, str]) -> list[str]:
    before, after = leaves_of(sent), leaves_of(came)
    named = {path: _renamed(path, renamed) for path in before if not _is_within(path, but)}
    return [
        f"{path}: sent {before[path]!r}, got {after.get(name, 'nothing')!r}"
        for path, name in named.items()
        if name not in after or after[name] != before[path]
    ]


def _is_within(path: str, places: frozenset[str]) -> bool:
    return any(path == place or path.startswith(f"{place}.") for place in places)


def _renamed(path: str, renamed: Mapping[str, str]) -> str:
    for old, new in renamed.items():
        if path == old or path.startswith(f"{old}."):
            return new + path[len(old) :]
    return path


def unset(message: Message, *, but: frozenset[str] = frozenset(), path: str = "") -> list[str]:
    """Return the fields of a message, and of those in it, that nobody set; of a `oneof` only that all are unset."""
    found = []
    present = {descriptor.name: part for descriptor, part in message.ListFields()}
    for descriptor in message.DESCRIPTOR.fields:
        place = f"{path}.{descriptor.name}".removeprefix(".")
        choice = descriptor.containing_oneof
        optional = choice is not None and len(choice.fields) > 1 and message.WhichOneof(choice.name) is not None
        if descriptor.name not in present:
            found += [] if place in but or optional else [place]
        elif isinstance(present[descriptor.name], Message) and not isinstance(present[descriptor.name], Timestamp):
            found += unset(present[descriptor.name], but=but, path=place)
        elif descriptor.is_repeated and descriptor.message_type and not descriptor.message_type.GetOptions().map_entry:
            found += [one for part in present[descriptor.name] for one in unset(part, but=but, path=place)]
    return found


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
