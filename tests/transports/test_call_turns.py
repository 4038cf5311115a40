"""Many calls of one principal at once leave connections to the database for others, at both doors."""

import asyncio
from contextlib import asynccontextmanager

import pytest
from modicum.v1 import project_service_pb2 as projects
from modicum_server.usecases.shares import READS_AT_ONCE

from tests.transports.transports_stage import TOKENS

CALLS = 60
#: Beside the calls' own: one looks up the token, and writes in another that it was used.
OF_THE_LOOKUP = 2
HEAD = "GET /v1/projects HTTP/1.1\r\nhost: a\r\nauthorization: Bearer {token}\r\nconnection: close\r\n\r\n"


@pytest.fixture
def most(served, monkeypatch) -> list[int]:
    """How many transactions were open or waited for a connection, at each beginning of one."""
    begun, open_ones = [], set()
    transaction = served.store.transaction

    @asynccontextmanager
    async def counted():
        mark = object()
        open_ones.add(mark)
        begun.append(len(open_ones))
        try:
            async with transaction() as opened:
                yield opened
        finally:
            open_ones.discard(mark)

    monkeypatch.setattr(served.store, "transaction", counted)
    return begun


async def by_grpc(served) -> bool:
    caller = served.caller()
    await caller.projects.ListProjects(projects.ListProjectsRequest(), metadata=caller.metadata)
    return True


async def by_rest(served) -> bool:
    reader, writer = await asyncio.open_connection("127.0.0.1", served.http_port)
    writer.write(HEAD.format(token=TOKENS["auditor"]).encode())
    answer = await reader.read()
    writer.close()
    return answer.startswith(b"HTTP/1.1 200 ")


@pytest.mark.long_after(1)
@pytest.mark.parametrize("call", [by_grpc, by_rest])
async def test_calls_of_a_principal_open_few_transactions_at_once(served, most, call):
    assert all(await asyncio.gather(*(call(served) for _ in range(CALLS))))

    assert len(most) > CALLS
    assert max(most) <= READS_AT_ONCE + OF_THE_LOOKUP
