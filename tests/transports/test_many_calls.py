"""More gRPC calls at once than are looked at in time: they wait, or are refused with a reason, never just cancelled."""

import asyncio
from collections import Counter

import grpc
import pytest
from modicum.v1 import project_service_pb2 as projects
from modicum_server.transports.grpc import server

Code = grpc.StatusCode
#: gRPC's own bound, where nobody sets one, is 1,000 by chance and 3,000 for certain.
MANY_CALLS = 3_500
CALLS_OF_A_CHANNEL = 100


async def codes_of(served, count: int) -> Counter:
    """How calls without a token end that are all begun before the first is looked at."""
    separate = [("grpc.use_local_subchannel_pool", 1)]
    address = f"127.0.0.1:{served.grpc_port}"
    channels = [grpc.aio.insecure_channel(address, separate) for _ in range(-(-count // CALLS_OF_A_CHANNEL))]
    await asyncio.gather(*(channel.channel_ready() for channel in channels))
    callers = [type(served.caller())(channel, None) for channel in channels]
    calls = [
        callers[number % len(callers)].projects.ListProjects(projects.ListProjectsRequest()) for number in range(count)
    ]
    codes = Counter([await call.code() for call in calls])
    await asyncio.gather(*(channel.close() for channel in channels))
    return codes


async def test_thousands_of_calls_at_once_are_all_answered(served):
    assert await codes_of(served, MANY_CALLS) == {Code.UNAUTHENTICATED: MANY_CALLS}


@pytest.fixture
def one_call(monkeypatch):
    """Room for 4 calls: 3 may watch."""
    monkeypatch.setattr(server, "SPARE_CALLS", 1)


async def test_calls_beyond_the_bound_are_refused_as_too_many(one_call, served):
    codes = await codes_of(served, 300)

    assert set(codes) <= {Code.UNAUTHENTICATED, Code.RESOURCE_EXHAUSTED}  # how many are open at once is the machine's
