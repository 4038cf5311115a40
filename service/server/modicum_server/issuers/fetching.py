"""Asks an issuer for a JSON document: one request, no redirects, few bytes, little time."""

import asyncio
import json
import re
import ssl
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import h11

from modicum_server.issuers.addresses import AddressRefused, Place, place_of

LARGEST_HEAD_BYTES = 32 * 1024
READ_BYTES = 16 * 1024
FOUND = 200
#: The statuses of an OAuth error, whose body says which (RFC 6749, 5.2).
TELLING = frozenset({400, 401})
MOST_ADDRESSES = 4


class FetchRefused(Exception):
    """The document cannot be read, or must not be."""


class FormRefused(FetchRefused):
    """The issuer answered 400 or 401, as to a form. `code`: its OAuth error, such as `invalid_grant`; empty without."""

    def __init__(self, message: str, code: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True, slots=True)
class FetchBounds:
    """How long a document may take, and how large it may be."""

    seconds: float = 10.0
    connect_seconds: float = 3.0
    document_bytes: int = 256 * 1024


@dataclass(frozen=True, slots=True)
class _Asked:
    """What is sent to an address."""

    method: str = "GET"
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""


async def fetch_json(url: str, *, private: bool, bounds: FetchBounds) -> dict[str, Any]:
    """Return the object that is at a URL.

    Raises:
        FetchRefused: the log says why; no caller sees it.
    """
    return await _document(url, _Asked(), private=private, bounds=bounds)


async def post_form(
    url: str, fields: Mapping[str, str], headers: Mapping[str, str], *, private: bool, bounds: FetchBounds
) -> dict[str, Any]:
    """Send a form to a URL; returns the object that it answers.

    Raises:
        FormRefused: the issuer answers with an OAuth error.
        FetchRefused: as above.
    """
    body = urlencode(fields).encode()
    sent = {"Content-Type": "application/x-www-form-urlencoded", "Content-Length": str(len(body)), **headers}
    return await _document(url, _Asked("POST", tuple(sent.items()), body), private=private, bounds=bounds)


async def _document(url: str, asked: _Asked, *, private: bool, bounds: FetchBounds) -> dict[str, Any]:
    try:
        async with asyncio.timeout(bounds.seconds):
            status, body = await _response(await place_of(url, private=private), asked, bounds)
        if status != FOUND:
            raise FormRefused(f"{url}: expected status {FOUND}, got {status}", _error_code(body))
        document = json.loads(body)
    except AddressRefused as error:
        raise FetchRefused(f"{url}: {error}") from error
    except TimeoutError as error:
        raise FetchRefused(f"{url}: no whole response within {bounds.seconds:g} s") from error
    except (OSError, h11.ProtocolError, ValueError, RecursionError) as error:
        raise FetchRefused(f"{url}: {type(error).__name__}: {error}") from error
    if not isinstance(document, dict):
        raise FetchRefused(f"{url}: expected a JSON object")
    return document


def _error_code(body: bytes) -> str:
    """Return the code of an OAuth error; empty if the body has none."""
    try:
        said = json.loads(body)
    except (ValueError, RecursionError):
        return ""
    code = said.get("error") if isinstance(said, dict) else None
    return code if isinstance(code, str) and re.fullmatch("[a-z_]{1,64}", code, re.ASCII) else ""


async def _response(place: Place, asked: _Asked, bounds: FetchBounds) -> tuple[int, bytes]:
    reader, writer = await _connected(place, bounds.connect_seconds)
    try:
        connection = h11.Connection(h11.CLIENT, max_incomplete_event_size=LARGEST_HEAD_BYTES)
        headers = [("Host", place.authority), ("Accept", "application/json"), ("Connection", "close"), *asked.headers]
        request = h11.Request(method=asked.method, target=place.target, headers=headers)
        data = (h11.Data(data=asked.body),) if asked.body else ()
        for event in (request, *data, h11.EndOfMessage()):
            writer.write(connection.send(event) or b"")
        return await _read(connection, reader, bounds.document_bytes)
    finally:
        writer.transport.abort()


async def _connected(place: Place, seconds: float) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """Connect to the first address that answers. The certificate must be that of the host."""
    tls = ssl.create_default_context() if place.tls else None
    name = place.host if place.tls else None
    failure: OSError = OSError("the host has no address")
    for address in place.addresses[:MOST_ADDRESSES]:
        try:
            async with asyncio.timeout(seconds):
                return await asyncio.open_connection(address, place.port, ssl=tls, server_hostname=name)
        except OSError as error:  # TimeoutError is one
            failure = error
    raise failure


async def _read(connection: h11.Connection, reader: asyncio.StreamReader, most_bytes: int) -> tuple[int, bytes]:
    """Return the status and the body of a response that is a document or tells an error."""
    status, body = 0, bytearray()
    while True:
        event = connection.next_event()
        if event is h11.NEED_DATA:
            connection.receive_data(await reader.read(READ_BYTES))
        elif isinstance(event, h11.Response):
            status = event.status_code
            if status != FOUND and status not in TELLING:
                raise FetchRefused(f"expected status {FOUND}, got {status}; redirects are not followed")
        elif isinstance(event, h11.Data):
            body += event.data
            if len(body) > most_bytes:
                raise FetchRefused(f"expected at most {most_bytes:,} bytes, got more")
        elif isinstance(event, (h11.EndOfMessage, h11.ConnectionClosed)):
            return status, bytes(body)
