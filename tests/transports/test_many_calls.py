"""More gRPC calls at once than are looked at in time: they wait, or are refused with a reason, never just cancelled.

Those of one method do not hold up those of another.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import grpc
import pytest
from google.rpc import error_details_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_status import rpc_status
from modicum.v1 import audit_service_pb2 as audits
from modicum.v1 import project_service_pb2 as projects
from modicum_server.transports import layers
from modicum_server.transports.authentication import authenticate
from modicum_server.transports.call_limits import Bounds

Code = grpc.StatusCode
#: gRPC's own bound, where nobody sets one, is 1,000 by chance and 3,000 for certain.
MANY_CALLS = 3_500
CALLS_OF_A_CHANNEL = 100
CROWD = 400


@asynccontextmanager
async def calls_at_once(served, count: int) -> AsyncIterator[list[grpc.aio.UnaryUnaryCall]]:
    """Calls without a token, all begun before the first is looked at."""
    separate = [("grpc.use_local_subchannel_pool", 1)]
    address = f"127.0.0.1:{served.grpc_port}"
    channels = [grpc.aio.insecure_channel(address, separate) for _ in range(-(-count // CALLS_OF_A_CHANNEL))]
    await asyncio.gather(*(channel.channel_ready() for channel in channels))
    callers = [type(served.caller())(channel, None) for channel in channels]
    yield [
        callers[number % len(callers)].projects.ListProjects(projects.ListProjectsRequest()) for number in range(count)
    ]
    await asyncio.gather(*(channel.close() for channel in channels))


@pytest.mark.long
async def test_thousands_of_calls_at_once_are_all_answered(served):
    async with calls_at_once(served, MANY_CALLS) as calls:
        assert Counter([await call.code() for call in calls]) == {Code.UNAUTHENTICATED: MANY_CALLS}


async def test_a_call_does_not_wait_behind_a_crowd_of_calls_of_another_method(served):
    async with calls_at_once(served, CROWD) as crowd:
        answers = [asyncio.ensure_future(call.code()) for call in crowd]
        await asyncio.wait(answers, return_when=asyncio.FIRST_COMPLETED)

        assert await served.caller(token=None).audits.GetAudit(audits.GetAuditRequest()).code() is Code.UNAUTHENTICATED

        answered = sum(answer.done() for answer in answers)
        assert answered < CROWD / 2
        await asyncio.gather(*answers)


#: Room for 4 calls: 3 may watch.
one_call = pytest.mark.parametrize("bounds", [Bounds(spare_calls=1)])
#: And no room for calls that we refuse ourselves.
none_refused = pytest.mark.parametrize("bounds", [Bounds(spare_calls=1, refused_calls=0)])


@pytest.fixture
def let_in(monkeypatch) -> asyncio.Event:
    """What calls that were let in wait for."""
    go_on = asyncio.Event()

    async def waits(*arguments):
        await go_on.wait()
        return await authenticate(*arguments)

    monkeypatch.setattr(layers, "authenticate", waits)
    return go_on


async def reason_of(call: grpc.aio.UnaryUnaryCall) -> str:
    """The code that a call ended with, and our own reason if it has one."""
    info = error_details_pb2.ErrorInfo()
    status = await rpc_status.aio.from_call(call)
    for detail in () if status is None else status.details:
        detail.Unpack(info)
    return f"{(await call.code()).name} {info.reason}"


async def reasons_of_many(served, let_in: asyncio.Event) -> set[str]:
    """How 300 calls at once end, the first of which are held until another was refused."""
    async with calls_at_once(served, 300) as calls:
        answers = [asyncio.ensure_future(reason_of(call)) for call in calls]
        await asyncio.wait(answers, return_when=asyncio.FIRST_COMPLETED)
        let_in.set()
        return set(await asyncio.gather(*answers))


@one_call
async def test_calls_beyond_the_bound_are_refused_as_too_many_with_a_reason_of_ours(let_in, served):
    reasons = await reasons_of_many(served, let_in)

    assert reasons == {"UNAUTHENTICATED TOKEN_MISSING", "RESOURCE_EXHAUSTED TOO_MANY_CALLS"}


@none_refused
@pytest.mark.long
async def test_where_we_have_no_room_to_refuse_grpc_itself_does_without_a_reason(let_in, served):
    reasons = await reasons_of_many(served, let_in)

    assert reasons == {"UNAUTHENTICATED TOKEN_MISSING", "RESOURCE_EXHAUSTED "}


@one_call
async def test_a_probe_is_answered_while_there_is_no_room_for_a_call(let_in, served):
    async with calls_at_once(served, 300) as calls:
        answers = [asyncio.ensure_future(call.code()) for call in calls]
        await asyncio.wait(answers, return_when=asyncio.FIRST_COMPLETED)

        health = await health_pb2_grpc.HealthStub(served.channel).Check(health_pb2.HealthCheckRequest())

        let_in.set()
        await asyncio.gather(*answers)
    assert health.status == health_pb2.HealthCheckResponse.SERVING


@one_call
async def test_a_call_that_ended_makes_room_for_another(served):
    for _ in range(10):
        call = served.caller(token=None).projects.ListProjects(projects.ListProjectsRequest())
        assert await call.code() is Code.UNAUTHENTICATED
