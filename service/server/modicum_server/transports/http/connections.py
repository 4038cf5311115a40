"""Open HTTP connections: how many there may be, and how long one may take to send the head of a request.

The time starts with the connection, or with the end of its last response, and ends when the head of the next request is
complete. Single bytes in between do not extend it. When there are too many connections, the one that has taken longest
is closed. A connection that does not read its response is closed too.

A caller who has not ended the body of a request that was answered goes on sending it, and to decrypt that costs more
than most requests. So it is read slowly: all such bodies together get so many bytes a second. Where too many wait for
that, a connection is closed, once its caller has had time to read the response.

A TLS connection is counted from its first moment on, and its handshake takes part of that time. A handshake costs
memory and time, so only so many may be open at once; the oldest is closed for a new one.
"""

import asyncio
import ssl
from typing import Any, cast

import h11
import structlog
from uvicorn.config import Config
from uvicorn.protocols.http.h11_impl import H11Protocol
from uvicorn.server import ServerState

from modicum_server.transports.call_limits import Bounds
from modicum_server.transports.certificates import Certificates
from modicum_server.transports.http.rest.problems import request_malformed
from modicum_server.transports.layers import request_id_of

IDLE_SECONDS = 5
LARGEST_HEAD_BYTES = 16 * 1024
#: Bytes between a header's name and its value, and after it.
HEADER_MARKS = 4
#: Connections that are accepted in one turn of the event loop. Calls of others have theirs in between.
ACCEPTED_AT_ONCE = 8
#: Connections that the kernel holds until they are accepted.
BACKLOG = 1024
#: What TLS reads of a connection in one piece: two of its largest records. Every connection holds as much memory.
TLS_READ_BYTES = 32 * 1024
LOG_SECONDS = 5.0
#: Of a body that comes after the response, as much is read at once.
UNWANTED_BYTES = 64 * 1024
#: Longest wait until more of it is read, and what its sender has to read the response where others wait for as long.
UNWANTED_SECONDS = 2.0

log = structlog.get_logger(__name__)


class StrictRequests(h11.Connection):
    """h11's reading of requests, with two rules more. A request that breaks one is malformed and ends the connection.

    - A head is at most `LARGEST_HEAD_BYTES` long. h11 itself limits only heads that come in several pieces.
    - A request has a length or is chunked, and not both (RFC 9112, 6.1): a proxy in front may believe the other one.
    """

    def next_event(self) -> Any:
        """Return the next event, as h11 does.

        Raises:
            h11.RemoteProtocolError: the bytes are not a request that is served here.
        """
        event = super().next_event()
        if isinstance(event, h11.Request):
            _refuse_long_head(event)
            _refuse_two_lengths(event)
        return event


def _refuse_long_head(request: h11.Request) -> None:
    size = len(request.target) + sum(len(name) + len(value) + HEADER_MARKS for name, value in request.headers)
    if size > LARGEST_HEAD_BYTES:
        raise h11.RemoteProtocolError(f"a head of {size:,} bytes, at most {LARGEST_HEAD_BYTES:,} are read")


def _refuse_two_lengths(request: h11.Request) -> None:
    if {b"content-length", b"transfer-encoding"} <= {name for name, _ in request.headers}:
        raise h11.RemoteProtocolError("both Content-Length and Transfer-Encoding")


class OpenConnections(ServerState):
    """uvicorn's state, with the connections that are sending the head of a request, the oldest first."""

    def __init__(self, most: int, bounds: Bounds) -> None:
        super().__init__()
        self._most = most
        self.bounds = bounds
        self.certificates: Certificates | None = None
        self._asking: dict[Connection, asyncio.TimerHandle] = {}
        self._handshakes: dict[Connection, asyncio.Task[None]] = {}
        self._told = float("-inf")
        self._unwanted_until = float("-inf")

    def unwanted_seconds(self, size: int, now: float) -> float | None:
        """Take bytes that nobody wants any more. Return when their sender may send more; None if too many wait."""
        begin = max(now, self._unwanted_until)
        if begin - now > UNWANTED_SECONDS:
            return None
        self._unwanted_until = begin + size / self.bounds.unwanted_bytes_per_second
        return self._unwanted_until - now

    def asks(self, connection: "Connection") -> None:
        """Start a connection's time, unless it is running."""
        if connection not in self._asking:
            self._asking[connection] = connection.loop.call_later(self.bounds.head_seconds, connection.give_up)

    def asks_no_more(self, connection: "Connection") -> None:
        """Stop its time: its request is there, or it has gone."""
        if timer := self._asking.pop(connection, None):
            timer.cancel()

    def shakes_hands(self, connection: "Connection", handshake: asyncio.Task[None]) -> None:
        """Count a TLS handshake until it ends. If there are too many, the one that began first is closed."""
        self._handshakes[connection] = handshake
        handshake.add_done_callback(lambda _: self._handshakes.pop(connection, None))
        if len(self._handshakes) > self.bounds.handshakes:
            next(iter(self._handshakes)).drop()

    def breaks_off(self, connection: "Connection") -> None:
        """End a handshake. Only this table holds its task, which when cancelled keeps its memory."""
        if handshake := self._handshakes.pop(connection, None):
            handshake.cancel()

    def make_room(self, newest: "Connection") -> None:
        """If there are too many, close the one whose time started first, or the newest when all are being served."""
        if len(self.connections) <= self._most:
            return
        dropped = next(iter(self._asking), newest)
        dropped.drop()
        if newest.loop.time() - self._told > LOG_SECONDS:
            self._told = newest.loop.time()
            log.warning("http_connections_full", most=self._most, asking=len(self._asking))


class Connection(H11Protocol):
    """One connection, closed when its request does not come in time."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self.conn = StrictRequests(h11.SERVER, LARGEST_HEAD_BYTES)
        self._open = cast("OpenConnections", server_state)
        self._stuck: asyncio.TimerHandle | None = None
        self._shakes_hands = False
        self._unwanted_bytes = 0
        self._going_on: asyncio.TimerHandle | None = None
        self._early = b""  # a request that comes with the last bytes of the handshake

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Start its time, and, where a certificate is configured, the handshake."""
        plain = cast("asyncio.Transport", transport)
        super().connection_made(plain)
        self._open.asks(self)
        self._open.make_room(self)
        if self._open.certificates is not None:
            plain.pause_reading()  # what comes belongs to the handshake
            self._shakes_hands = True
            self._open.shakes_hands(
                self, self.loop.create_task(self._secure(plain, self._open.certificates.current().context))
            )

    async def _secure(self, plain: asyncio.Transport, context: ssl.SSLContext) -> None:
        """Speak TLS from here on, or close the connection. Its time goes on meanwhile."""
        try:
            secured = await self.loop.start_tls(plain, self, context, server_side=True)
        except OSError:  # also what TLS itself refuses, and the other side's leaving
            secured = None
        if secured is None:
            self._open.asks_no_more(self)
            self.connections.discard(self)
            plain.abort()
        else:
            super().connection_made(secured)
            early, self._early, self._shakes_hands = self._early, b"", False
            if early:
                self.data_received(early)

    def data_received(self, data: bytes) -> None:
        """Take bytes. The time of a body is not bounded here, but that of the next request's head is."""
        if self._shakes_hands:
            self._early += data
            return
        self._slow_down(len(data))
        super().data_received(data)
        self._see_whether_it_asks()

    def on_response_complete(self) -> None:
        """Start the time for its next request."""
        super().on_response_complete()
        self._see_whether_it_asks()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        self._open.asks_no_more(self)
        self.resume_writing()
        if self._going_on is not None:
            self._going_on.cancel()
        super().connection_lost(exc)

    def pause_writing(self) -> None:
        """Start the time in which it must read."""
        super().pause_writing()
        self._stuck = self.loop.call_later(self._open.bounds.stuck_seconds, self.drop)

    def resume_writing(self) -> None:
        """Stop that time: it reads again."""
        if self._stuck is not None:
            self._stuck.cancel()
            self._stuck = None
        super().resume_writing()

    def give_up(self) -> None:
        """Close it, with status 408 if a part of a request had come."""
        if self.conn.our_state is h11.IDLE and self.conn.their_state is h11.IDLE and self.conn.trailing_data[0]:
            response = h11.Response(status_code=408, headers=[("content-length", "0"), ("connection", "close")])
            self.transport.write(self.conn.send(response))
        self.drop()

    def send_400_response(self, _msg: str) -> None:
        """Send a problem, like any other refusal, for bytes that are not an HTTP request, and close the connection."""
        if self.conn.our_state in {h11.IDLE, h11.SEND_RESPONSE}:
            request_id = request_id_of("")
            log.info("http_request_malformed", request_id=request_id)
            problem = request_malformed(request_id)
            headers = [*problem.raw_headers, (b"x-content-type-options", b"nosniff"), (b"connection", b"close")]
            self.transport.write(self.conn.send(h11.Response(status_code=problem.status_code, headers=headers)))
            self.transport.write(self.conn.send(h11.Data(data=bytes(problem.body))))
        self.transport.close()

    def drop(self) -> None:
        """Close it without waiting until it has read everything."""
        self._open.asks_no_more(self)
        self.connections.discard(self)
        if self._shakes_hands:
            self._open.breaks_off(self)
            self.transport.abort()
        elif self.scheme == "https" or self.transport.get_write_buffer_size():
            self.transport.abort()  # TLS would wait for the other side to close
        else:
            self.transport.close()

    def _slow_down(self, size: int) -> None:
        """Read no more for a while, if bytes belong to the body of a request that was answered."""
        answered = self.cycle is not None and self.cycle.response_complete
        if not answered or self.conn.their_state is not h11.SEND_BODY:
            self._unwanted_bytes = 0
            return
        self._unwanted_bytes += size
        if self._unwanted_bytes > UNWANTED_BYTES:
            self.transport.pause_reading()
            seconds = self._open.unwanted_seconds(size, self.loop.time())
            later = (UNWANTED_SECONDS, self.drop) if seconds is None else (seconds, self._read_again)
            self._going_on = self.loop.call_later(*later)

    def _read_again(self) -> None:
        if not self.transport.is_closing():
            self.transport.resume_reading()

    def _see_whether_it_asks(self) -> None:
        if self.cycle is not None and not self.cycle.response_complete:
            self._open.asks_no_more(self)
        elif self in self.connections:
            self._open.asks(self)
