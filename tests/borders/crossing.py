"""What of a record a border lost: records, messages and documents of both sides compared leaf by leaf."""

from base64 import b64encode
from collections.abc import Iterator, Mapping
from dataclasses import fields, is_dataclass
from datetime import UTC, datetime
from enum import Enum
from typing import Any

from google.protobuf.descriptor import EnumDescriptor, FieldDescriptor
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

Leaves = dict[str, Any]


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
