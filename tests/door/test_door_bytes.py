"""Invalid bytes and callers of another protocol are refused. The service then serves the next caller."""

import asyncio
import contextlib
import os
import urllib.request

import grpc
import pytest

from tests.door.door_stage import METHODS, PROJECT, TOKEN, Door
from tests.waiting import PATIENCE_SECONDS

Code = grpc.StatusCode
GARBAGE = {
    "a length that lies": b"\x0a\xff\xff\xff\xff\x07abc",
    "an endless number": b"\x08" + b"\xff" * 20,
    "a group that never ends": b"\x0b" * 1000,
    "a field of number zero": b"\x00\x01",
    "a wire type that is none": b"\x0f",
    "half a message": b"\x0a\x10projects",
}
NO_TEXT = b"\x0a\x02\xff\xfe"  # the first field of every request that begins with a name
GREETINGS = {
    "HTTP/1": b"GET /v1/projects HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer x\r\n\r\n",
    "HTTP/2 and no frames": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\xff" * 500,
    "HTTP/2 and a frame of 16 MB": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\xff\xff\xff\x00\x00\x00\x00\x00\x01",
    "a TLS hello": bytes.fromhex("16030100c8010000c40303") + b"\x00" * 300,
    "an endless line": b"A" * 200_000,
    "random bytes": os.urandom(4096),
    "nothing": b"",
}


async def expect_served(door: Door) -> None:
    answer = await door.ask("GetProject", {"name": PROJECT})
    health = await asyncio.to_thread(read, f"http://127.0.0.1:{door.http_port}/healthz")
    assert answer.code is Code.OK, answer
    assert health == b"alive\n"


def read(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=PATIENCE_SECONDS) as response:
        return response.read()


async def greet(port: int, greeting: bytes) -> bytes:
    """Send bytes to a port and read the response until it closes, or for half a second."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    heard = b""
    with contextlib.suppress(ConnectionError, TimeoutError):
        writer.write(greeting)
        await writer.drain()
        async with asyncio.timeout(0.5):
            while data := await reader.read(4096):
                heard += data
    writer.close()
    with contextlib.suppress(ConnectionError):
        await writer.wait_closed()
    return heard


async def test_bytes_that_are_no_message_are_refused_as_such_by_every_method(door):
    for name in METHODS:
        texts = {} if name == "ListProjects" else {"text that is not UTF-8": NO_TEXT}
        for said, data in {**GARBAGE, **texts}.items():
            answer = await door.call(name, data)

            assert (answer.code, answer.reason) == (Code.INVALID_ARGUMENT, "FIELD_INVALID"), (name, said, answer)
            assert "cannot be read as a message" in answer.text


@pytest.mark.parametrize("path", ["/grpc.health.v1.Health/Check", "/grpc.health.v1.Health/Watch"])
async def test_probes_refuse_them_too(door, path):
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await anext(aiter(door.channel.unary_stream(path)(NO_TEXT, timeout=PATIENCE_SECONDS)))

    assert caught.value.code() is Code.INVALID_ARGUMENT


async def test_bytes_without_a_token_are_refused_for_want_of_it(door):
    answer = await door.call("CreateAudit", GARBAGE["half a message"], token=None)

    assert (answer.code, answer.reason) == (Code.UNAUTHENTICATED, "TOKEN_MISSING")


async def test_a_message_that_is_too_large_is_refused_without_being_read(door):
    answer = await door.call("CreateAudit", b"\x0a" + b"\xff" * (5 * 1024 * 1024))

    assert answer.code is Code.RESOURCE_EXHAUSTED


async def test_what_is_no_grpc_on_its_port_harms_nobody(door):
    for greeting in GREETINGS.values():
        heard = await greet(door.grpc_port, greeting)

        assert b"Traceback" not in heard
        await expect_served(door)


async def test_what_is_no_http_on_its_port_harms_nobody(door):
    for greeting in GREETINGS.values():
        heard = await greet(door.http_port, greeting)

        assert b"Traceback" not in heard
        await expect_served(door)


async def test_a_grpc_client_on_the_http_port_hears_that_it_is_none(door):
    async with grpc.aio.insecure_channel(f"127.0.0.1:{door.http_port}") as channel:
        lost = Door(door.store, door.http_port, door.http_port, channel)
        answer = await lost.ask("GetProject", {"name": PROJECT}, token=TOKEN)

    assert answer.code in {Code.UNAVAILABLE, Code.DEADLINE_EXCEEDED}
    await expect_served(door)
