"""A gRPC caller that sends whole calls and leaves no room for their replies (a flow-control window of 0 bytes)."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, SETTINGS = 0, 1, 4
END_STREAM, END_HEADERS = 1, 4
INITIAL_WINDOW_SIZE = 4
NO_MESSAGE = b"\0\0\0\0\0"
"""An empty message as gRPC frames it: not compressed, 0 bytes."""


def frame(kind: int, flags: int, stream: int, content: bytes) -> bytes:
    """RFC 9113, section 4.1."""
    return len(content).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + content


def field(name: str, value: str) -> bytes:
    """A header, not compressed and not indexed: RFC 7541, section 6.2.2."""
    return b"\0" + b"".join(bytes([len(text)]) + text.encode() for text in (name, value))


@asynccontextmanager
async def unread_calls(
    port: int, methods: Sequence[str], metadata: Mapping[str, str]
) -> AsyncIterator[asyncio.StreamReader]:
    """Make these calls, each with an empty message, over one connection. Yields what the server sends."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    no_window = INITIAL_WINDOW_SIZE.to_bytes(2, "big") + (0).to_bytes(4, "big")
    writer.write(PREFACE + frame(SETTINGS, 0, 0, no_window))
    for number, method in enumerate(methods):
        told = {
            ":method": "POST",
            ":scheme": "http",
            ":path": method,
            ":authority": "127.0.0.1",
            "te": "trailers",
            "content-type": "application/grpc",
            **metadata,
        }
        stream = 2 * number + 1
        writer.write(frame(HEADERS, END_HEADERS, stream, b"".join(field(*one) for one in told.items())))
        writer.write(frame(DATA, END_STREAM, stream, NO_MESSAGE))
    try:
        yield reader
    finally:
        writer.close()
