"""Open gRPC calls: a principal, a project and an address have so many, and others are served meanwhile."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from modicum.v1 import project_service_pb2 as projects
from modicum_server.domain.projects import Role
from modicum_server.settings import Settings
from modicum_server.transports.call_limits import Bounds

from tests.tokens import add_token
from tests.transports.transports_stage import PROJECT, TOKENS, Caller
from tests.transports.unread_calls import unread_calls
from tests.waiting import until

PATIENCE_SECONDS = 60.0
UPLOAD = "/modicum.v1.ArtifactService/UploadArtifact"
REFLECTION = "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"
LIST_PROJECTS = "/modicum.v1.ProjectService/ListProjects"
HEALTH = "/grpc.health.v1.Health/Check"
OTHER = "projects/other"
Code = grpc.StatusCode

settings_of_few = pytest.mark.parametrize(
    "settings", [Settings(grpc_port=0, http_port=0, max_watchers_per_principal=1, max_watchers_per_project=1)]
)
#: With a watch each: 3 calls of a principal, and 5 of a project.
few = pytest.mark.parametrize("bounds", [Bounds(spare_calls_of_principal=2, spare_calls_of_project=4)])
few_of_address = pytest.mark.parametrize("bounds", [Bounds(tokenless_calls_of_address=2)])


async def caller_with_roles(served, *names: str) -> Caller:
    """Somebody with a role in each of these projects, of which OTHER is made here."""
    async with served.store.transaction() as transaction:
        await transaction.projects.create(OTHER, admin="ann")
        for name in names:
            await add_token(transaction, "token-of-nora", principal="nora", project=name, role=Role.VIEWER)
    return Caller(served.channel, "token-of-nora")


async def silence() -> AsyncIterator[bytes]:
    await asyncio.Event().wait()
    yield b""


def silent(served, who: str, method: str) -> grpc.aio.Call:
    """A call that is begun and says nothing."""
    open_call = served.channel.stream_stream if method == REFLECTION else served.channel.stream_unary
    return open_call(method)(silence(), metadata=served.caller(who).metadata)


async def code_of(caller: Caller) -> Code:
    async with asyncio.timeout(PATIENCE_SECONDS):
        return await caller.projects.ListProjects(projects.ListProjectsRequest(), metadata=caller.metadata).code()


async def is_served(caller: Caller) -> bool:
    return await code_of(caller) is Code.OK


async def refusal_of(call: grpc.aio.UnaryUnaryCall) -> str:
    return await call.details() if await call.code() is Code.RESOURCE_EXHAUSTED else ""


@asynccontextmanager
async def full(served, whos: Sequence[str], method: str, caller: Caller) -> AsyncIterator[str]:
    """Silent calls of these until a call of the caller is refused; yields the refusal."""
    held: list[grpc.aio.Call] = []

    async def refusal() -> str:
        held.extend(silent(served, who, method) for who in whos)
        call = caller.projects.ListProjects(projects.ListProjectsRequest(), metadata=caller.metadata)
        return await refusal_of(call)

    try:
        yield await until(refusal, "a refusal")
    finally:
        for call in held:
            call.cancel()


@settings_of_few
@few
@pytest.mark.parametrize("method", [UPLOAD, REFLECTION])
async def test_silent_calls_of_a_principal_leave_room_for_those_of_others(served, method):
    async with full(served, ["auditor"], method, served.caller("auditor")) as refusal:
        assert await code_of(served.caller("viewer")) is Code.OK

    assert refusal == (
        "auditor may have at most 3 open gRPC calls in one process of this server; end some, or try again later"
    )
    await until(lambda: is_served(served.caller("auditor")), "room after the calls have ended")


@settings_of_few
@few
async def test_silent_calls_of_a_project_leave_room_for_another_project(served):
    nora = await caller_with_roles(served, OTHER)

    async with full(served, ["auditor", "viewer"], UPLOAD, served.caller("admin")) as refusal:
        assert await code_of(nora) is Code.OK

    assert refusal.startswith(f"{PROJECT} may have at most 5 open gRPC calls")


@settings_of_few
@few
async def test_a_principal_of_a_full_project_is_served_for_another_one_of_its_projects(served):
    nora = await caller_with_roles(served, PROJECT, OTHER)

    async with full(served, ["auditor", "viewer"], UPLOAD, served.caller("admin")):
        assert await code_of(nora) is Code.OK


@settings_of_few
@few
async def test_a_reply_that_nobody_reads_holds_its_place_until_the_connection_ends(served):
    auditor = served.caller("auditor")
    token = {"authorization": f"Bearer {TOKENS['auditor']}"}
    async with AsyncExitStack() as connections:

        async def refusal() -> str:
            await connections.enter_async_context(unread_calls(served.grpc_port, [LIST_PROJECTS] * 3, token))
            call = auditor.projects.ListProjects(projects.ListProjectsRequest(), metadata=auditor.metadata)
            return await refusal_of(call)

        assert "at most 3 open gRPC calls" in await until(refusal, "a refusal")
        assert await code_of(served.caller("viewer")) is Code.OK

    await until(lambda: is_served(auditor), "room after the connections have ended")


@few_of_address
async def test_checks_of_health_whose_replies_nobody_reads_are_few_for_an_address(served):
    check = health_pb2_grpc.HealthStub(served.channel).Check
    async with AsyncExitStack() as connections:

        async def refusal() -> str:
            await connections.enter_async_context(unread_calls(served.grpc_port, [HEALTH] * 2, {}))
            return await refusal_of(check(health_pb2.HealthCheckRequest()))

        refused = await until(refusal, "a refusal")
        assert refused.startswith("a caller without a token from 127.0.0.1 may have at most 2 open gRPC calls")
        assert await code_of(served.caller("viewer")) is Code.OK

    async def is_healthy() -> bool:
        return await check(health_pb2.HealthCheckRequest()).code() is Code.OK

    await until(is_healthy, "room after the connections have ended")
