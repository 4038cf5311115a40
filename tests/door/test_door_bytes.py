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
    "an unknown wire type": b"\x0f",
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
    reply = await door.call_json("GetProject", {"name": PROJECT})
    health = await asyncio.to_thread(read, f"http://127.0.0.1:{door.http_port}/healthz")
    assert reply.code is Code.OK, reply
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


async def test_every_method_refuses_bytes_that_are_not_a_message(door):
    for name in METHODS:
        texts = {} if name == "ListProjects" else {"text that is not UTF-8": NO_TEXT}
        for said, data in {**GARBAGE, **texts}.items():
            reply = await door.call(name, data)

            assert (reply.code, reply.reason) == (Code.INVALID_ARGUMENT, "FIELD_INVALID"), (name, said, reply)
            assert "cannot be read as a message" in reply.text


@pytest.mark.long_after(1)
@pytest.mark.parametrize("path", ["/grpc.health.v1.Health/Check", "/grpc.health.v1.Health/Watch"])
async def test_probes_refuse_bytes_that_are_not_a_message(door, path):
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await anext(aiter(door.channel.unary_stream(path)(NO_TEXT, timeout=PATIENCE_SECONDS)))

    assert caught.value.code() is Code.INVALID_ARGUMENT


@pytest.mark.long
async def test_bytes_without_a_token_are_refused_as_unauthenticated(door):
    reply = await door.call("CreateAudit", GARBAGE["half a message"], token=None)

    assert (reply.code, reply.reason) == (Code.UNAUTHENTICATED, "TOKEN_MISSING")


async def test_a_message_that_is_too_large_is_refused_without_being_read(door):
    reply = await door.call("CreateAudit", b"\x0a" + b"\xff" * (5 * 1024 * 1024))

    assert reply.code is Code.RESOURCE_EXHAUSTED


@pytest.mark.long
async def test_other_protocols_on_the_grpc_port_do_no_harm(door):
    for greeting in GREETINGS.values():
        heard = await greet(door.grpc_port, greeting)

        assert b"Traceback" not in heard
        await expect_served(door)


@pytest.mark.long
async def test_other_protocols_on_the_http_port_do_no_harm(door):
    for greeting in GREETINGS.values():
        heard = await greet(door.http_port, greeting)

        assert b"Traceback" not in heard
        await expect_served(door)


async def test_a_grpc_client_on_the_http_port_gets_an_error(door):
    async with grpc.aio.insecure_channel(f"127.0.0.1:{door.http_port}") as channel:
        lost = Door(door.store, door.http_port, door.http_port, channel)
        reply = await lost.call_json("GetProject", {"name": PROJECT}, token=TOKEN)

    assert reply.code in {Code.UNAVAILABLE, Code.DEADLINE_EXCEEDED}
    await expect_served(door)
