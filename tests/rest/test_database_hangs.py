"""A database that keeps connections open but does not respond: calls end nevertheless, through both interfaces."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import grpc
import psycopg
import pytest
import structlog
from modicum.v1.project_service_pb2 import ListProjectsRequest
from modicum.v1.project_service_pb2_grpc import ProjectServiceStub
from modicum_server.artifacts.folder_store import FolderArtifactStore
from modicum_server.bootstrap import build_api
from modicum_server.errors import DependencyUnavailable
from modicum_server.metrics.api import ApiMetrics
from modicum_server.postgres.connections import POOL_SIZE
from modicum_server.store.changes import CHANNEL, PostgresChanges
from modicum_server.store.postgres import PostgresStore
from modicum_server.transports.call_limits import Bounds
from modicum_server.usecases.refused_attempts import RefusedAttempts

from tests.rest.rest_stage import PATIENCE_SECONDS, PROJECT, TOKENS, Rest, Served
from tests.waiting import until
from tests.wire import Wire, wired

NEVER_SECONDS = 1e6
CHECKS = 3
AUTHORIZED = (("authorization", f"Bearer {TOKENS['admin']}"),)


@pytest.fixture
async def wire(database_url) -> AsyncIterator[Wire]:
    async with wired(database_url) as carrying:
        yield carrying


@pytest.fixture
async def served_by_wire(wire, tmp_path, settings, bounds) -> AsyncIterator[Served]:
    """Both interfaces of an API that has already queried its database through a wire."""
    store, changes, artifacts, metrics = (
        PostgresStore(wire.url),
        PostgresChanges(wire.url),
        FolderArtifactStore(tmp_path),
        ApiMetrics(),
    )
    refused = RefusedAttempts(store)
    api = build_api(store, changes, artifacts, settings, metrics=metrics, bounds=bounds, refused=refused)
    grpc_port, http_port = await api.start()

    async def has_asked_it() -> bool:
        return (await Rest(http_port).ask("GET", "/v1/projects")).reason == "TOKEN_INVALID"

    try:
        async with grpc.aio.insecure_channel(f"127.0.0.1:{grpc_port}") as channel:
            await until(has_asked_it, "an answer from the database within the bounds")
            yield Served(api, store, artifacts, metrics, grpc_port, http_port, channel, refused)
    finally:
        wire.mend()
        await api.stop(grace=0)
        await changes.close()
        await store.close()


@pytest.fixture
def hanging(wire, served_by_wire) -> Served:
    """The same API with a database that hangs from now on."""
    wire.hang()
    return served_by_wire


async def soon(response):
    """The response, within a time in which a hanging call has none."""
    async with asyncio.timeout(PATIENCE_SECONDS / 2):
        return await response


async def codes_logged(lines) -> list[str]:
    """Codes of the ended calls. The log line is written once the response is under way."""
    return await until(lambda: [line["code"] for line in lines if line["event"] == "rpc"], "the line of a call")


@pytest.mark.parametrize("path", ["/v1/projects", f"/v1/{PROJECT}/audits/a:watch"])
@pytest.mark.long_after(1)
async def test_a_deadline_covers_authentication(hanging, path):
    with structlog.testing.capture_logs() as lines:
        reply = await soon(hanging.rest().ask("GET", path, headers={"Request-Timeout": "0.5"}))
        codes = await soon(codes_logged(lines))

    assert (reply.status, reply.reason) == (504, "DEADLINE_EXCEEDED")
    assert codes == ["DEADLINE_EXCEEDED"]


@pytest.mark.parametrize("bounds", [Bounds(authentication_seconds=0.5)])
@pytest.mark.parametrize("path", ["/v1/projects", f"/v1/{PROJECT}/audits/a:watch"])
@pytest.mark.long
async def test_without_a_deadline_a_hanging_database_is_away(hanging, path):
    with structlog.testing.capture_logs() as lines:
        reply = await soon(hanging.rest().ask("GET", path))
        codes = await soon(codes_logged(lines))

    assert (reply.status, reply.reason) == (503, "DEPENDENCY_UNAVAILABLE")
    assert codes == ["UNAVAILABLE"]


@pytest.mark.parametrize("bounds", [Bounds(authentication_seconds=0.5)])
@pytest.mark.long
async def test_without_a_deadline_grpc_reports_a_hanging_database_as_away(hanging):
    stub = ProjectServiceStub(hanging.channel)
    with structlog.testing.capture_logs() as lines:
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await soon(stub.ListProjects(ListProjectsRequest(), metadata=AUTHORIZED))
        codes = await soon(codes_logged(lines))
    with pytest.raises(grpc.aio.AioRpcError) as late:
        await soon(stub.ListProjects(ListProjectsRequest(), metadata=AUTHORIZED, timeout=0.2))

    assert refused.value.code() is grpc.StatusCode.UNAVAILABLE
    assert codes == ["UNAVAILABLE"]
    assert late.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED


@pytest.mark.long
async def test_readiness_comes_back_from_connections_that_went_silent_while_new_ones_work(wire, served_by_wire):
    async def ready() -> bool:
        return (await served_by_wire.rest().ask("GET", "/readyz")).status == 200

    await until(ready)
    wire.forget()

    assert not await ready()
    await until(ready)


@pytest.mark.long
async def test_one_silent_connection_closes_all_open_connections(wire, served_by_wire):
    async with AsyncExitStack() as stack:
        for _ in range(POOL_SIZE):
            await stack.enter_async_context(served_by_wire.store.transaction())
    wire.forget()

    with pytest.raises(DependencyUnavailable):
        await served_by_wire.store.ping()

    for _ in range(POOL_SIZE):
        await soon(served_by_wire.store.ping())


@pytest.mark.long
async def test_watches_get_changes_again_after_their_silent_connection_is_closed(wire, database_url):
    async def notify() -> None:
        async with await psycopg.AsyncConnection.connect(database_url, autocommit=True) as connection:
            await connection.execute("SELECT pg_notify(%s, 'audit')", [CHANNEL])

    async def heard() -> None:
        await watch.changed(NEVER_SECONDS)

    async def checked() -> bool:
        """Whether the listener's connection has been asked a few times whether it responds."""
        async with await psycopg.AsyncConnection.connect(database_url) as connection:
            asked = await connection.execute(
                "SELECT query_start FROM pg_stat_activity WHERE datname = current_database() AND query = 'SELECT 1'"
            )
            times.update(await asked.fetchall())
        return len(times) >= CHECKS

    times: set[tuple[object, ...]] = set()
    changes = PostgresChanges(wire.url, ask_seconds=0.2, reply_seconds=0.2)
    async with changes.watch("audit") as watch:
        await soon(heard())  # the listener is there
        await until(checked)
        await notify()
        await soon(heard())

        wire.forget()
        await soon(heard())  # another listener is there, and makes every watch look again
        await notify()
        await soon(heard())
    await changes.close()
