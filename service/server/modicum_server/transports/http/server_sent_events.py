"""Server-sent events as bytes, for REST and for the pages."""

MEDIA_TYPE = "text/event-stream"
HEARTBEAT = b": still there\n\n"
"""A comment, which callers ignore."""


def event(kind: str, data: bytes = b"", *, sequence: int | None = None, retry_milliseconds: int | None = None) -> bytes:
    """Return one event: its id is the sequence, and `retry_milliseconds` is when to connect again after a break."""
    retry = b"" if retry_milliseconds is None else b"retry: %d\n" % retry_milliseconds
    number = b"" if sequence is None else b"id: %d\n" % sequence
    return b"%b%bevent: %b\ndata: %b\n\n" % (retry, number, kind.encode(), data)
