"""A wrong token is refused only after a while, by both doors; a good one is not kept waiting."""

import asyncio

import grpc
import pytest
from modicum.v1 import project_service_pb2 as projects
from modicum_server.transports.call_limits import BOUNDS, Bounds

from tests.transports.transports_stage import seen


@pytest.fixture
def bounds(pauses) -> Bounds:
    return Bounds(pause=pauses)


async def test_a_guess_through_grpc_waits(served, pauses):
    caller = served.caller(token="guessed")

    with pytest.raises(grpc.aio.AioRpcError) as refused:
        await caller.projects.ListProjects(projects.ListProjectsRequest(), metadata=caller.metadata)

    assert seen(refused.value).reason == "TOKEN_INVALID"
    assert pauses == [BOUNDS.guess_seconds]


async def test_a_guess_through_http_waits(served, pauses):
    reader, writer = await asyncio.open_connection("127.0.0.1", served.http_port)
    writer.write(b"GET /v1/projects HTTP/1.1\r\nhost: a\r\nauthorization: Bearer guessed\r\nconnection: close\r\n\r\n")
    answer = await reader.read()
    writer.close()

    assert b" 401 " in answer.split(b"\r\n")[0]
    assert pauses == [BOUNDS.guess_seconds]


async def test_a_good_token_does_not_wait(served, pauses):
    caller = served.caller()

    await caller.projects.ListProjects(projects.ListProjectsRequest(), metadata=caller.metadata)

    assert pauses == []
