"""Responses that are bytes: reports as they are rendered, and artifacts: whole, from an offset, or a range."""

import re
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

from google.protobuf.message import Message
from starlette.responses import Response

from modicum_server.errors import ModicumError, OffsetInvalid
from modicum_server.transports.http.etags import matches
from modicum_server.transports.http.presence import while_there
from modicum_server.transports.http.rest.wire import HttpWire
from modicum_server.transports.http.security_headers import REPORT_POLICY

ANY_BYTES = "application/octet-stream"
_RANGE = re.compile(r"bytes=(?P<first>[0-9]{1,4000})?-(?P<last>[0-9]{1,4000})?", re.ASCII | re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Extent:
    """The requested part of an artifact: bytes from `first` to before `end`, of `size`."""

    first: int
    end: int
    size: int
    partial: bool

    @property
    def length(self) -> int:
        """Bytes of the part."""
        return self.end - self.first


async def stream_report(wire: HttpWire, messages: AsyncGenerator[Any]) -> None:
    """Send the `data` of messages. The first message names the media type of the whole."""
    async with aclosing(messages):
        await while_there(wire.request.receive, _send_report(wire, messages))


async def _send_report(wire: HttpWire, messages: AsyncGenerator[Any]) -> None:
    first = await anext(messages)
    headers = {"content-type": first.media_type or ANY_BYTES, "cache-control": "no-store"}
    headers["content-security-policy"] = REPORT_POLICY
    await _send(wire, HTTPStatus.OK, headers, _joined(first.data, messages))


async def stream_artifact(wire: HttpWire, extent: Extent, digest: str, messages: AsyncGenerator[Any]) -> None:
    """Send a part of an artifact. `messages` begin at its first byte."""
    etag = f'"{digest}"'
    if matches(etag, wire.header("if-none-match")):
        await messages.aclose()
        await wire.respond(Response(status_code=HTTPStatus.NOT_MODIFIED, headers={"ETag": etag}))
        return
    headers = {"content-type": ANY_BYTES, "content-length": str(extent.length), "etag": etag, "accept-ranges": "bytes"}
    headers |= {"cache-control": "private, immutable", "content-disposition": f'attachment; filename="{digest}"'}
    status = HTTPStatus.OK
    if extent.partial:
        status = HTTPStatus.PARTIAL_CONTENT
        headers["content-range"] = f"bytes {extent.first}-{extent.end - 1}/{extent.size}"
    async with aclosing(messages):
        first = await anext(messages, None)  # so that a refusal comes before a status is sent
        pieces = _cut(first.data if first else b"", messages, extent.length)
        await while_there(wire.request.receive, _send(wire, status, headers, pieces))


def extent_of(wire: HttpWire, artifact: Any, offset: int) -> Extent:
    """Return the part of an artifact that a request asks for: by Range, otherwise by `offset`.

    The whole artifact is sent for a range that cannot be read, a range that ends before it begins, several ranges, and
    verbs other than GET, as RFC 9110 requires.

    Raises:
        OffsetInvalid: the range is outside the artifact. The use case checks `offset`.
    """
    size: int = artifact.size_bytes
    found = _RANGE.fullmatch(wire.header("range").replace(" ", ""))
    stale = wire.header("if-range") not in {"", f'"{artifact.digest}"'}
    if wire.request.method != "GET" or found is None or stale or offset or not _is_span(found):
        return Extent(offset, size, size, partial=False)
    first, end = _bounds(found, size)
    if first >= end:
        raise OffsetInvalid(
            f"expected a range within the artifact's {size:,} bytes, got one past its end", size_bytes=str(size)
        )
    return Extent(first, end, size, partial=True)


def _is_span(found: re.Match[str]) -> bool:
    first, last = found.groups()
    return any(found.groups()) and (first is None or last is None or int(first) <= int(last))


def _bounds(found: re.Match[str], size: int) -> tuple[int, int]:
    if found["first"] is None:
        return max(0, size - int(found["last"])), size
    last = size - 1 if found["last"] is None else int(found["last"])
    return int(found["first"]), min(last + 1, size)


async def _send(wire: HttpWire, status: int, headers: dict[str, str], pieces: AsyncIterator[bytes]) -> None:
    raw = [(name.encode(), value.encode()) for name, value in headers.items()]
    await wire.send({"type": "http.response.start", "status": status, "headers": raw})
    if wire.request.method != "HEAD":
        async for piece in pieces:
            await wire.send({"type": "http.response.body", "body": piece, "more_body": True})
    await wire.send({"type": "http.response.body"})


async def _joined(first: bytes, messages: AsyncIterator[Any]) -> AsyncIterator[bytes]:
    yield first
    async for message in messages:
        yield message.data


async def _cut(first: bytes, messages: AsyncIterator[Any], length: int) -> AsyncIterator[bytes]:
    left = length
    async for data in _joined(first, messages):
        yield data[:left]
        left -= len(data)
        if left <= 0:
            return
    # A fault of the service, unlike wrong bytes of a caller (DATA_LOSS). The caller sees the response break off.
    raise ModicumError(f"the artifact's bytes ended {left:,} before its length")


def carries_bytes(message: Message | Any) -> bool:
    """Return whether messages of this kind are pieces of a file: they have a field `data`."""
    return "data" in message.DESCRIPTOR.fields_by_name
