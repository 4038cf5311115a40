"""gRPC calls that are opened and then say nothing: they are refused, or leave room for calls of others."""

import asyncio
from collections.abc import AsyncIterator

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from modicum_server.transports.call_limits import Bounds

PATIENCE_SECONDS = 60.0
GET_AUDIT = "/modicum.v1.AuditService/GetAudit"


async def silence() -> AsyncIterator[bytes]:
    """A request of which no message ever comes."""
    await asyncio.Event().wait()
    yield b""


async def refusal(call: grpc.aio.Call) -> tuple[grpc.StatusCode, str]:
    async with asyncio.timeout(PATIENCE_SECONDS):
        return await call.code(), await call.details()


async def test_a_call_without_a_token_is_refused_though_its_message_never_comes(served):
    code, _ = await refusal(served.channel.stream_unary(GET_AUDIT)(silence()))

    assert code is grpc.StatusCode.UNAUTHENTICATED


@pytest.mark.parametrize("bounds", [Bounds(longest_call_seconds=0.5)])
async def test_a_message_that_never_comes_is_waited_for_as_long_as_a_call_may_take(served):
    code, _ = await refusal(served.channel.stream_unary(GET_AUDIT)(silence(), metadata=served.caller().metadata))

    assert code is grpc.StatusCode.DEADLINE_EXCEEDED


async def test_a_call_that_ends_without_its_message_says_so(served):
    async def nothing() -> AsyncIterator[bytes]:
        return
        yield b""

    call = served.channel.stream_unary(GET_AUDIT)(nothing(), metadata=served.caller().metadata)

    assert await refusal(call) == (grpc.StatusCode.INVALID_ARGUMENT, "request: the call ended without a message")


@pytest.mark.parametrize("bounds", [Bounds(health_watches_of_address=3)])
async def test_watches_of_health_from_one_address_are_few(served):
    watch = health_pb2_grpc.HealthStub(served.channel).Watch
    held = [watch(health_pb2.HealthCheckRequest()) for _ in range(3)]
    for one in held:
        await one.read()

    code, _ = await refusal(watch(health_pb2.HealthCheckRequest()))
    held.pop().cancel()

    assert code is grpc.StatusCode.RESOURCE_EXHAUSTED
    async with served.channel, asyncio.timeout(PATIENCE_SECONDS):
        while await watch(health_pb2.HealthCheckRequest()).read() is grpc.aio.EOF:
            pass
