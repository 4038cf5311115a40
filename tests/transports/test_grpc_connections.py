"""Connections to the gRPC port: there are not more than so many, and one that never speaks gives its place back."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from modicum_server.processes import file_limits
from modicum_server.settings import Settings
from modicum_server.transports.call_limits import BOUNDS, Bounds
from modicum_server.transports.grpc import server

from tests.waiting import until

#: What opens HTTP/2: its words, and settings that say nothing.
HELLO = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + b"\0\0\0\x04\0\0\0\0\0"
PATIENCE_SECONDS = 60.0


@asynccontextmanager
async def connected(port: int, hello: bytes = HELLO) -> AsyncIterator[asyncio.StreamReader]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(hello)
        yield reader
    finally:
        writer.close()


async def is_healthy(port: int) -> bool:
    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}", [("grpc.use_local_subchannel_pool", 1)]) as channel:
        code = await health_pb2_grpc.HealthStub(channel).Check(health_pb2.HealthCheckRequest()).code()
        assert code in {grpc.StatusCode.OK, grpc.StatusCode.UNAVAILABLE}
        return code is grpc.StatusCode.OK


@pytest.mark.parametrize("bounds", [Bounds(spare_connections=1)])  # room for 4: 3 may watch
async def test_a_connection_too_many_is_closed_and_one_that_ends_makes_room(served):
    async with connected(served.grpc_port), connected(served.grpc_port), connected(served.grpc_port):
        async with connected(served.grpc_port) as fourth:
            assert await fourth.read(1)
            async with connected(served.grpc_port) as fifth:
                assert await asyncio.wait_for(fifth.read(1), PATIENCE_SECONDS) == b""
            assert not await is_healthy(served.grpc_port)

        await until(lambda: is_healthy(served.grpc_port), "room for a connection")


@pytest.mark.parametrize("bounds", [Bounds(handshake_seconds=0.2)])
async def test_a_connection_that_never_speaks_http2_is_closed(served):
    async with connected(served.grpc_port, hello=b"") as silent:
        await asyncio.wait_for(silent.read(), PATIENCE_SECONDS)


@pytest.mark.parametrize("bounds", [Bounds(spare_calls_of_connection=4)])
@pytest.mark.parametrize("settings", [Settings(grpc_port=0, http_port=0, max_watchers_per_principal=1)])
async def test_of_many_calls_of_one_connection_few_are_open_at_once_and_another_connection_is_served(served):
    answered = []

    async def watch_health() -> None:
        watch = health_pb2_grpc.HealthStub(served.channel).Watch(health_pb2.HealthCheckRequest())
        answered.append(await watch.read())
        await watch.read()

    crowd = [asyncio.create_task(watch_health()) for _ in range(40)]
    await until(lambda: len(answered) >= 5, "those that are open")

    assert await is_healthy(served.grpc_port)
    assert len(answered) == 5

    for task in crowd:
        task.cancel()
    await asyncio.gather(*crowd, return_exceptions=True)


def test_connections_take_a_quarter_of_the_open_files_at_most(monkeypatch):
    monkeypatch.setattr(server, "most_open_files", lambda: 400)

    assert server.most_connections(Settings(max_watchers=2_000), BOUNDS) == 100
    monkeypatch.setattr(server, "most_open_files", lambda: file_limits.MOST_OPEN_FILES)
    assert server.most_connections(Settings(max_watchers=5), BOUNDS) == 5 + BOUNDS.spare_connections
