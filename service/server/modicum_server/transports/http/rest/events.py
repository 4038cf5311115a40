"""Responses that are a stream of messages: server-sent events.

Each message of such a stream holds one other message. Its field names the event, its `sequence` is the event's id, and
`end_time` marks the last one. A caller sends the last id that it saw as Last-Event-ID or as `after_sequence`.
"""

import re
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from http import HTTPStatus
from typing import Any

from google.protobuf.message import Message
from starlette.responses import Response

from modicum_server.errors import FieldInvalid
from modicum_server.transports.http.presence import while_there
from modicum_server.transports.http.rest.problems import written_problem
from modicum_server.transports.http.rest.protojson import written
from modicum_server.transports.http.rest.wire import HttpWire
from modicum_server.transports.http.server_sent_events import HEARTBEAT, MEDIA_TYPE, event
from modicum_server.transports.refusals import Refusal
from modicum_server.usecases.heartbeats import with_heartbeats
from modicum_server.usecases.rules import LARGEST_INT64, shown

RETRY_MILLISECONDS = 1000
LAST_EVENT_HEADER = "last-event-id"
RESUME_FIELD = "after_sequence"
END_FIELD = "end_time"


async def stream_events(
    wire: HttpWire, request: Any, watch: Callable[[Any], AsyncGenerator[Message]], *, heartbeat_seconds: float
) -> None:
    """Send every message as an event, until the last one or until the caller leaves.

    The method is called for all messages, and those that the caller has seen are skipped here. So the first message
    comes at once, and a refusal still has a status. A caller that has seen the last message gets 204, which means that
    it need not connect again.

    Raises:
        FieldInvalid
    """
    last_seen = last_event_of(wire)
    seen = max(getattr(request, RESUME_FIELD), last_seen)
    setattr(request, RESUME_FIELD, min(0, getattr(request, RESUME_FIELD)))  # a negative one stays, and is refused
    async with aclosing(watch(request)) as messages:
        first = await anext(messages)
        if _is_last(first) and _sequence_of(first) <= last_seen:
            await wire.respond(Response(status_code=HTTPStatus.NO_CONTENT))
            return
        wire.farewell = _farewell
        await while_there(wire.request.receive, _send_all(wire, first, messages, seen, heartbeat_seconds))


def last_event_of(wire: HttpWire) -> int:
    """Return the sequence in Last-Event-ID; -1 without one.

    Raises:
        FieldInvalid
    """
    text = wire.header(LAST_EVENT_HEADER)
    if not text:
        return -1
    if re.fullmatch("[0-9]{1,19}", text, re.ASCII) is None or int(text) > LARGEST_INT64:
        raise FieldInvalid(
            "Last-Event-ID", f"expected the id of an event, which is a sequence number, got {shown(text)}"
        )
    return int(text)


async def _send_all(
    wire: HttpWire, first: Message, messages: AsyncGenerator[Message], seen: int, heartbeat_seconds: float
) -> None:
    headers = [(b"content-type", MEDIA_TYPE.encode()), (b"cache-control", b"no-store"), (b"x-accel-buffering", b"no")]
    await wire.send({"type": "http.response.start", "status": HTTPStatus.OK, "headers": headers})
    if wire.request.method == "HEAD":
        await wire.send({"type": "http.response.body"})
        return
    async with aclosing(_unseen(first, messages, seen)) as news:
        async for message in with_heartbeats(news, heartbeat_seconds):
            await _send(wire, HEARTBEAT if message is None else await _event_of(message))
    await wire.send({"type": "http.response.body"})


async def _send(wire: HttpWire, data: bytes) -> None:
    await wire.send({"type": "http.response.body", "body": data, "more_body": True})


async def _unseen(first: Message, messages: AsyncGenerator[Message], seen: int) -> AsyncGenerator[Message]:
    """Yield the messages after the one that the caller has seen, and always the last one."""
    if _is_news(first, seen):
        yield first
    async for message in messages:
        if _is_news(message, seen):
            yield message


def _is_news(message: Message, seen: int) -> bool:
    return _is_last(message) or _sequence_of(message) > seen


def _carried(message: Message) -> tuple[str, Any]:
    ((field, value),) = message.ListFields()
    return field.name, value


def _sequence_of(message: Message) -> int:
    sequence: int = _carried(message)[1].sequence
    return sequence


def _is_last(message: Message) -> bool:
    """Return whether this is the last message."""
    return bool(_carried(message)[1].HasField(END_FIELD))


async def _event_of(message: Message) -> bytes:
    name, value = _carried(message)
    return event(name, await written(value), sequence=value.sequence)


def _farewell(refusal: Refusal) -> bytes:
    """Return the last event of a stream that the server ends: why, and when to connect again."""
    return event("problem", written_problem(refusal), retry_milliseconds=RETRY_MILLISECONDS)
