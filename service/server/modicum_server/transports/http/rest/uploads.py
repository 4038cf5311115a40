"""Requests that are bytes: turns the body of an upload into the messages of the contract, one after the other.

The next bytes are read when those before are on disk. When the connection breaks, they stay there for a resume.
"""

import re
from collections.abc import AsyncIterator
from typing import Any

from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from starlette.requests import ClientDisconnect

from modicum_server.errors import FieldInvalid, MediaTypeUnknown
from modicum_server.transports.http.rest.queries import query_of
from modicum_server.transports.http.rest.requests import put_path, put_query
from modicum_server.transports.http.rest.routes import Found
from modicum_server.transports.http.rest.wire import HttpWire
from modicum_server.usecases.artifacts import LARGEST_MESSAGE_BYTES
from modicum_server.usecases.rules import LARGEST_INT64, shown

_RANGE = re.compile(r"bytes (?P<first>[0-9]{1,19})-(?P<last>[0-9]{1,19})/(?P<size>[0-9]{1,19})", re.ASCII)
_NOTHING_LEFT = re.compile(r"bytes \*/(?P<size>[0-9]{1,19})", re.ASCII)


async def messages_of(found: Found, wire: HttpWire) -> AsyncIterator[Message]:
    """Yield the header of an upload (from path, query, Content-Range and Content-Length) and then its bytes.

    Raises:
        FieldInvalid, MediaTypeUnknown
    """
    kind: Any = GetMessageClass(found.route.binding.method.input_type)
    first = kind()
    put_query(first, found.route.binding, query_of(wire.request))
    put_path(first, found.fields())
    _put_position(first.header, wire)
    yield first
    async for data in _chunks(wire):
        for start in range(0, len(data), LARGEST_MESSAGE_BYTES):
            yield kind(data=data[start : start + LARGEST_MESSAGE_BYTES])


def _put_position(header: Any, wire: HttpWire) -> None:
    """Set the artifact's length and the offset of the first byte, when the query has neither."""
    if wire.header("content-encoding") not in {"", "identity"}:
        raise MediaTypeUnknown("expected the artifact's bytes without a Content-Encoding; send them as they are")
    length = _length_of(wire.header("content-length"))
    if text := wire.header("content-range"):
        _put_range(header, text, length)
    elif not header.size_bytes:
        if length is None:
            raise FieldInvalid(
                "header.size_bytes", "the size is not known; send this field, Content-Length or Content-Range"
            )
        if header.offset > LARGEST_INT64 - length:
            raise FieldInvalid(
                "header.offset", f"expected offset and length below 2^63 together, got {header.offset:,} + {length:,}"
            )
        header.size_bytes = header.offset + length


def _length_of(text: str) -> int | None:
    if re.fullmatch("[0-9]+", text, re.ASCII) is None:
        return None
    digits = text.lstrip("0") or "0"
    if len(digits) > len(str(LARGEST_INT64)) or int(digits) > LARGEST_INT64:
        raise FieldInvalid("Content-Length", f"expected a length below 2^63, got {shown(text)}")
    return int(digits)


def _put_range(header: Any, text: str, length: int | None) -> None:
    if (ended := _NOTHING_LEFT.fullmatch(text.strip())) and not length:
        header.offset = header.size_bytes = _size_of(ended)
        return
    found = _RANGE.fullmatch(text.strip())
    if found is None:
        raise FieldInvalid(
            "Content-Range", f"expected bytes FIRST-LAST/SIZE, or bytes */SIZE with an empty body, got {shown(text)}"
        )
    first, last, size = int(found["first"]), int(found["last"]), _size_of(found)
    if not first <= last < size:
        raise FieldInvalid("Content-Range", f"expected FIRST <= LAST < SIZE, got {shown(text)}")
    if length not in {None, last - first + 1}:
        raise FieldInvalid(
            "Content-Range", f"expected a range as long as Content-Length, {length} bytes, got {shown(text)}"
        )
    header.offset, header.size_bytes = first, size


def _size_of(found: re.Match[str]) -> int:
    size = int(found["size"])
    if size > LARGEST_INT64:
        raise FieldInvalid("Content-Range", f"expected a size below 2^63, got {shown(found['size'])}")
    return size


async def _chunks(wire: HttpWire) -> AsyncIterator[bytes]:
    """Yield the body. It ends early when the connection breaks; the use case notices by the length."""
    try:
        async for data in wire.request.stream():
            if data:
                yield data
    except ClientDisconnect:
        return
