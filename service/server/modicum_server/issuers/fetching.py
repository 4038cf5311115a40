"""Reads a JSON document of an issuer: one GET, no redirects, few bytes, little time."""

import asyncio
import json
import ssl
from dataclasses import dataclass
from typing import Any

import h11

from modicum_server.issuers.addresses import AddressRefused, Place, place_of

LARGEST_HEAD_BYTES = 32 * 1024
READ_BYTES = 16 * 1024
FOUND = 200
MOST_ADDRESSES = 4


class FetchRefused(Exception):
    """The document cannot be read, or must not be."""


@dataclass(frozen=True, slots=True)
class FetchBounds:
    """How long a document may take, and how large it may be."""

    seconds: float = 10.0
    connect_seconds: float = 3.0
    document_bytes: int = 256 * 1024


async def fetch_json(url: str, *, private: bool, bounds: FetchBounds) -> dict[str, Any]:
    """Return the object that is at a URL.

    Raises:
        FetchRefused: the log says why; no caller sees it.
    """
    try:
        async with asyncio.timeout(bounds.seconds):
            body = await _fetch(await place_of(url, private=private), bounds)
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


async def _fetch(place: Place, bounds: FetchBounds) -> bytes:
    reader, writer = await _connected(place, bounds.connect_seconds)
    try:
        connection = h11.Connection(h11.CLIENT, max_incomplete_event_size=LARGEST_HEAD_BYTES)
        headers = [("Host", place.authority), ("Accept", "application/json"), ("Connection", "close")]
        request = h11.Request(method="GET", target=place.target, headers=headers)
        for event in (request, h11.EndOfMessage()):
            writer.write(connection.send(event) or b"")
        return await _body(connection, reader, bounds.document_bytes)
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


async def _body(connection: h11.Connection, reader: asyncio.StreamReader, most_bytes: int) -> bytes:
    body = bytearray()
    while True:
        event = connection.next_event()
        if event is h11.NEED_DATA:
            connection.receive_data(await reader.read(READ_BYTES))
        elif isinstance(event, h11.Response) and event.status_code != FOUND:
            raise FetchRefused(f"expected status {FOUND}, got {event.status_code}; redirects are not followed")
        elif isinstance(event, h11.Data):
            body += event.data
            if len(body) > most_bytes:
                raise FetchRefused(f"expected at most {most_bytes:,} bytes, got more")
        elif isinstance(event, (h11.EndOfMessage, h11.ConnectionClosed)):
            return bytes(body)
