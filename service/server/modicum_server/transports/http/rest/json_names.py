"""Refusals in the names of JSON: REST calls a field `modelVersions`, the contract and gRPC call it `model_versions`.

The path of a field is known as such. In the text of an error, field names stand in backquotes. Nothing else is renamed:
filters, controls and measures have the same names through both doors.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cache

from google.protobuf.descriptor import Descriptor

from modicum_server.transports.refusals import Refusal, Violation

FACT_OF_FIELD = "field"
"""The fact of an error that holds a path."""
_PART = re.compile(r"(\w+)((?:\[\d+\])*)", re.ASCII)
_MARKED = re.compile(r"`(\w+)`", re.ASCII)


def in_json_names(refusal: Refusal, request: Descriptor) -> Refusal:
    """Return the refusal of a request of this kind, with each field under its name in JSON."""
    metadata = dict(refusal.metadata)
    if path := metadata.get(FACT_OF_FIELD):
        metadata[FACT_OF_FIELD] = json_path(path, request)
    return replace(
        refusal, text=_text(refusal, request), metadata=metadata, violations=tuple(_violations(refusal, request))
    )


def json_path(path: str, request: Descriptor) -> str:
    """Return a path in JSON's names. From the first part that is not a field, it stays as it is."""
    first, dot, rest = path.partition(".")
    part = _PART.fullmatch(first)
    if part is None or part[1] not in request.fields_by_name:
        return path
    field = request.fields_by_name[part[1]]
    below = json_path(rest, field.message_type) if field.message_type else rest
    return f"{field.json_name}{part[2]}{dot}{below}"


def _violations(refusal: Refusal, request: Descriptor) -> Iterator[Violation]:
    for one in refusal.violations:
        yield Violation(json_path(one.field, request), _with_json_names(one.description, request))


def _text(refusal: Refusal, request: Descriptor) -> str:
    """Return the text; that of an invalid field begins with its path."""
    for one in refusal.violations:
        if refusal.text.startswith(f"{one.field}: "):
            rest = refusal.text.removeprefix(one.field)
            return json_path(one.field, request) + _with_json_names(rest, request)
    return _with_json_names(refusal.text, request)


def _with_json_names(text: str, request: Descriptor) -> str:
    names = _names_below(request)
    return _MARKED.sub(lambda found: f"`{names.get(found[1], found[1])}`", text)


@cache
def _names_below(request: Descriptor) -> Mapping[str, str]:
    """Return the JSON name of every field of a request and of the messages in it, by its name in the contract."""
    return {field.name: field.json_name for message in _messages_below(request) for field in message.fields}


def _messages_below(request: Descriptor) -> list[Descriptor]:
    found = [request]
    for message in found:  # which grows
        below = [field.message_type for field in message.fields if field.message_type is not None]
        found += [one for one in dict.fromkeys(below) if one not in found]
    return found
