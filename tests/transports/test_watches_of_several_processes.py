"""Crowds of watches by two principals against two API processes of one database: each keeps its limits."""

import asyncio
import tempfile
from collections import Counter
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import grpc
import pytest
from modicum.v1 import audit_service_pb2 as audits
from modicum.v1 import audit_service_pb2_grpc

from benchmarks.attack import site
from benchmarks.attack.site import MALLORY, TEAM, served

OF_PRINCIPAL, OF_PROJECT = 20, 30
CROWD = 100
"""Watches that each of two principals opens at each process, over one connection, which may have 120."""
PATIENCE_SECONDS = 120
SETTINGS = {
    "MODICUM_MAX_WATCHERS_PER_PRINCIPAL": str(OF_PRINCIPAL),
    "MODICUM_MAX_WATCHERS_PER_PROJECT": str(OF_PROJECT),
}


@pytest.fixture
def folder():
    """A folder below which Postgres of another user may lie."""
    with tempfile.TemporaryDirectory(prefix="modicum-watches-") as name:
        Path(name).chmod(0o711)
        yield Path(name)


@asynccontextmanager
async def caller(address: str, certificate: bytes, token: str):
    """Stubs that call with a token, over a connection of their own."""
    credentials = grpc.composite_channel_credentials(
        grpc.ssl_channel_credentials(certificate), grpc.access_token_call_credentials(token)
    )
    async with grpc.aio.secure_channel(address, credentials, [("grpc.use_local_subchannel_pool", 1)]) as channel:
        yield audit_service_pb2_grpc.AuditServiceStub(channel)


async def begun(stub, audit: str) -> tuple[str, grpc.aio.UnaryStreamCall]:
    """Begin a watch; return whether it was answered, or how it was refused."""
    watch = stub.WatchAudit(audits.WatchAuditRequest(name=audit))
    try:
        await watch.read()
    except grpc.aio.AioRpcError as error:
        return error.code().name, watch
    return "open", watch


@pytest.mark.long
async def test_crowds_of_watches_at_two_processes_leave_other_teams_their_calls(folder):
    async with served(folder, **SETTINGS) as first, AsyncExitStack() as stack:
        second = await stack.enter_async_context(site.beside(folder, first, **SETTINGS))
        certificate = first.certificate.read_bytes()
        for address in (first.grpc_address, second.grpc_address):
            principals = (first.tokens[MALLORY], first.viewer)
            stubs = [await stack.enter_async_context(caller(address, certificate, one)) for one in principals]
            crowd = [begun(stub, first.audits[MALLORY]) for _ in range(CROWD) for stub in stubs]
            async with asyncio.timeout(PATIENCE_SECONDS):
                watches = await asyncio.gather(*crowd)

            assert Counter(ended for ended, _ in watches) == {
                "open": OF_PROJECT,
                "RESOURCE_EXHAUSTED": 2 * CROWD - OF_PROJECT,
            }
            team = await stack.enter_async_context(caller(address, certificate, first.tokens[TEAM]))
            assert (await begun(team, first.audits[TEAM]))[0] == "open"
            assert (await team.GetAudit(audits.GetAuditRequest(name=first.audits[TEAM]))).name == first.audits[TEAM]
