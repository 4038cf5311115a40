"""HTTP connections that ask slowly, never, or read nothing: they end, and leave room to those that ask."""

import asyncio
import json
import socket
from contextlib import suppress
from dataclasses import replace

import pytest
from modicum_server.transports.call_limits import Bounds
from modicum_server.transports.http.connections import OpenConnections

from tests.waiting import until

HEAD_SECONDS = 1.0
IMPATIENT = Bounds(head_seconds=HEAD_SECONDS, spare_connections=5)
PATIENCE_SECONDS = 60
LARGE_BYTES = 4 * 1024**2
PIECE = bytes(64 * 1024)


@pytest.fixture
def bounds() -> Bounds:
    """Little time, and 8 connections (3 may watch)."""
    return IMPATIENT


async def opened(served, data: bytes = b""):
    reader, writer = await asyncio.open_connection("127.0.0.1", served.http_port)
    writer.write(data)
    return reader, writer


async def end_of(reader: asyncio.StreamReader) -> bytes:
    """What comes until the other side closes, or resets the connection."""
    came = b""
    with suppress(ConnectionResetError):
        async with asyncio.timeout(PATIENCE_SECONDS):
            while piece := await reader.read(65_536):
                came += piece
    return came


async def drip(writer: asyncio.StreamWriter) -> None:
    while not writer.transport.is_closing():
        writer.write(b"a")
        await asyncio.sleep(0.05)


async def status_of(served, path: str = "/healthz") -> bytes:
    reader, writer = await opened(served, b"GET %b HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n" % path.encode())
    answer = await end_of(reader)
    writer.close()
    return answer.split(b"\r\n")[0]


@pytest.mark.long
async def test_a_head_that_drips_is_ended_with_a_reason_however_often_a_byte_comes(served):
    reader, writer = await opened(served, b"GET /healthz HTTP/1.1\r\nx: ")
    dripping = asyncio.create_task(drip(writer))

    # Not to the end: a byte that comes after the server closed resets the connection.
    status = await asyncio.wait_for(reader.readline(), PATIENCE_SECONDS)
    assert status.startswith(b"HTTP/1.1 408 ")

    dripping.cancel()
    writer.close()


@pytest.mark.long
async def test_a_connection_that_says_nothing_is_closed(served):
    reader, writer = await opened(served)

    assert await end_of(reader) == b""

    writer.close()


@pytest.mark.long
async def test_a_body_that_drips_after_its_answer_is_ended(served):
    reader, writer = await opened(
        served, b"POST /v1/projects/default/models HTTP/1.1\r\nhost: a\r\ncontent-length: 1000000\r\n\r\n"
    )
    dripping = asyncio.create_task(drip(writer))

    # The answer first: a byte that comes after the server closed resets the connection, which loses what is unread.
    status = await asyncio.wait_for(reader.readline(), PATIENCE_SECONDS)
    await end_of(reader)
    assert status.startswith(b"HTTP/1.1 401 ")

    dripping.cancel()
    writer.close()


def refused_request(size: int) -> bytes:
    return b"POST /v1/projects/default/models HTTP/1.1\r\nhost: a\r\ncontent-length: %d\r\n\r\n" % size


@pytest.mark.parametrize("bounds", [Bounds(unwanted_bytes_per_second=1.0)])
async def test_the_body_of_a_refused_request_is_read_slowly(served):
    reader, writer = await opened(served, refused_request(LARGE_BYTES))
    status = await asyncio.wait_for(reader.readline(), PATIENCE_SECONDS)
    (connection,) = served.api._http._server.server_state.connections

    for _ in range(4):
        writer.write(PIECE)

    await until(lambda: not connection.transport.is_reading(), "the server to read no more")
    assert status.startswith(b"HTTP/1.1 401 ")
    writer.transport.abort()


def test_bodies_that_nobody_wants_share_their_bytes_a_second_and_no_long_queue():
    state = OpenConnections(10, Bounds(unwanted_bytes_per_second=100.0))

    waits = [state.unwanted_seconds(size, now) for size, now in [(50, 1.0), (50, 1.0), (50, 1.5), (500, 9.0), (1, 9.0)]]

    assert waits == [0.5, 1.0, 1.0, 5.0, None]


@pytest.mark.parametrize("bounds", [Bounds(unwanted_bytes_per_second=1.0)])
@pytest.mark.long
async def test_where_many_send_what_nobody_wants_a_connection_is_closed_after_its_response(served):
    served.api._http._server.server_state.unwanted_seconds(LARGE_BYTES, asyncio.get_running_loop().time())
    reader, writer = await opened(served, refused_request(LARGE_BYTES))
    status = await asyncio.wait_for(reader.readline(), PATIENCE_SECONDS)

    writer.write(PIECE + PIECE)

    await end_of(reader)
    assert status.startswith(b"HTTP/1.1 401 ")
    writer.close()


async def test_a_connection_whose_refused_request_had_a_small_body_can_ask_again(served):
    reader, writer = await opened(served, refused_request(len(PIECE)))
    assert (await asyncio.wait_for(reader.readline(), PATIENCE_SECONDS)).startswith(b"HTTP/1.1 401 ")

    writer.write(PIECE)
    writer.write(b"GET /healthz HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n")

    assert b"HTTP/1.1 200 OK" in await end_of(reader)
    writer.close()


async def test_the_end_of_a_response_does_not_wait_until_its_beginning_was_acknowledged(served):
    _, writer = await opened(served)
    open_ones = served.api._http._server.server_state.connections
    await until(lambda: open_ones)

    (connection,) = open_ones
    assert connection.transport.get_extra_info("socket").getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)
    writer.close()


MALFORMED = {
    "a header line without a colon": b"GET /healthz HTTP/1.1\r\nhost: a\r\nno colon\r\n\r\n",
    "a length of 23 digits": b"POST /v1/projects HTTP/1.1\r\nhost: a\r\ncontent-length: %b\r\n\r\n" % (b"9" * 23),
    "no host": b"GET /healthz HTTP/1.1\r\n\r\n",
    "no HTTP": b"\x16\x03\x01 good day\r\n\r\n",
    "a head of 100 kB in one piece": b"GET /healthz HTTP/1.1\r\nhost: a\r\nx: %b\r\n\r\n" % (b"a" * 100_000),
    "a target of 100 kB": b"GET /%b HTTP/1.1\r\nhost: a\r\n\r\n" % (b"a" * 100_000),
    "a length and chunks": b"POST /v1/projects HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\n"
    b"transfer-encoding: chunked\r\n\r\n0\r\n\r\n",
    "a chunk of no length": b"PUT /v1/projects/p/artifacts/%b HTTP/1.1\r\nhost: a\r\nauthorization: Bearer token-of-ada"
    b"\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\nxyz\r\n" % (b"0" * 64),
}


@pytest.mark.long_after(4)
@pytest.mark.parametrize("request_bytes", MALFORMED.values(), ids=MALFORMED)
async def test_a_malformed_http_request_gets_problem_json_like_other_errors(served, request_bytes):
    reader, writer = await opened(served, request_bytes)

    head, _, body = (await end_of(reader)).partition(b"\r\n\r\n")
    writer.close()

    problem = json.loads(body)
    headers = dict(line.lower().split(b": ") for line in head.split(b"\r\n")[1:])
    assert head.startswith(b"HTTP/1.1 400 ")
    assert headers[b"content-type"] == b"application/problem+json"
    assert headers[b"content-length"] == str(len(body)).encode()
    assert headers[b"x-request-id"] == problem["request_id"].encode()
    assert (problem["status"], problem["reason"]) == (400, "REQUEST_MALFORMED")
    assert await status_of(served) == b"HTTP/1.1 200 OK"


async def test_a_request_that_goes_wrong_within_its_body_is_ended_and_others_go_on(served):
    head = b"POST /v1/projects HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n"
    reader, writer = await opened(served, head)
    refused = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), PATIENCE_SECONDS)
    writer.write(b"xyz\r\n")

    await end_of(reader)

    assert refused.startswith(b"HTTP/1.1 401 ")
    assert await status_of(served) == b"HTTP/1.1 200 OK"
    writer.close()


@pytest.mark.parametrize("bounds", [replace(IMPATIENT, head_seconds=4 * HEAD_SECONDS)])
@pytest.mark.long
async def test_a_connection_that_asks_again_and_again_is_kept_for_longer_than_one_head_may_take(served):
    reader, writer = await opened(served)
    for _ in range(6):
        await asyncio.sleep(HEAD_SECONDS)
        writer.write(b"GET /healthz HTTP/1.1\r\nhost: a\r\n\r\n")
        head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), PATIENCE_SECONDS)
        await reader.readexactly(len(b"alive\n"))
        assert head.startswith(b"HTTP/1.1 200 ")
    writer.close()


@pytest.mark.parametrize("bounds", [replace(IMPATIENT, stuck_seconds=0.5)])
@pytest.mark.long
async def test_a_connection_that_reads_nothing_is_closed(served):
    request = b"GET /openapi.json HTTP/1.1\r\nhost: a\r\n\r\n"
    reader, writer = await opened(served, request * 500)
    reader._transport.pause_reading()  # a stream reads ahead otherwise

    open_ones = served.api._http._server.server_state.connections
    await until(lambda: open_ones)
    await until(lambda: not open_ones)

    writer.transport.abort()


@pytest.mark.parametrize("bounds", [replace(IMPATIENT, head_seconds=10 * PATIENCE_SECONDS)])
async def test_where_no_room_is_left_the_one_that_has_asked_longest_makes_it(served):
    idle = [await opened(served) for _ in range(8)]

    assert await status_of(served) == b"HTTP/1.1 200 OK"

    assert await end_of(idle[0][0]) == b""
    for _, writer in idle[1:]:
        writer.write(b"GET /healthz HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n")
    answers = [await end_of(reader) for reader, _ in idle[1:]]
    assert all(answer.startswith(b"HTTP/1.1 200 OK") for answer in answers)
    for _, writer in idle:
        writer.close()
