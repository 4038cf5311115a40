"""A database that has connections and says nothing, as one that is stopped: calls end all the same, at both doors."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path

import grpc
import psycopg
import pytest
import structlog
from modicum.v1.project_service_pb2 import ListProjectsRequest
from modicum.v1.project_service_pb2_grpc import ProjectServiceStub
from modicum_server.artifacts.store import FolderArtifactStore
from modicum_server.errors import DependencyUnavailable
from modicum_server.metrics.api import ApiMetrics
from modicum_server.store.changes import CHANNEL, PostgresChanges
from modicum_server.store.connections import POOL_SIZE
from modicum_server.store.postgres import PostgresStore
from modicum_server.transports.api import Api
from rest_stage import PATIENCE_SECONDS, PROJECT, TOKENS, Rest, Served
from sqlalchemy import make_url

LIMIT = "modicum_server.transports.layers.AUTHENTICATION_SECONDS"
NEVER_SECONDS = 1e6
AUTHORIZED = (("authorization", f"Bearer {TOKENS['admin']}"),)


@dataclass
class Wire:
    """Carries bytes to Postgres and back while `open` is set: connections that are there stay, and say nothing."""

    socket: Path
    open: asyncio.Event = field(default_factory=asyncio.Event)

    def forget(self) -> None:
        """Carry nothing any more on the connections that there are, and everything on new ones."""
        self.open.clear()
        self.open = asyncio.Event()
        self.open.set()

    async def carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        passes = self.open
        back, forth = await asyncio.open_unix_connection(self.socket)
        try:
            await asyncio.gather(self._pump(reader, forth, passes), self._pump(back, writer, passes))
        except ConnectionError:
            """One side has gone."""
        finally:
            forth.close()
            writer.close()

    async def _pump(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, passes: asyncio.Event) -> None:
        while data := await source.read(65_536):
            await passes.wait()
            sink.write(data)
        sink.close()


@pytest.fixture
def wire(database_url) -> Wire:
    carrying = Wire(Path(str(make_url(database_url).query["host"])) / ".s.PGSQL.5432")
    carrying.open.set()
    return carrying


@pytest.fixture
async def wired_url(wire, database_url) -> AsyncIterator[str]:
    """The address of the database, over a wire."""
    opened = wire.open
    server = await asyncio.start_server(wire.carry, "127.0.0.1", 0)
    yield (
        make_url(database_url)
        .set(query={}, host="127.0.0.1", port=server.sockets[0].getsockname()[1])
        .render_as_string(hide_password=False)
    )
    opened.set()
    wire.open.set()
    server.close()


@pytest.fixture
async def wired(wire, wired_url, tmp_path, settings) -> AsyncIterator[Served]:
    """Both doors of an API that has asked its database already, over a wire."""
    opened = wire.open
    store, changes, artifacts, metrics = (
        PostgresStore(wired_url),
        PostgresChanges(wired_url),
        FolderArtifactStore(tmp_path),
        ApiMetrics(),
    )
    api = Api(store, changes, artifacts, settings, metrics=metrics)
    grpc_port, http_port = await api.start()
    try:
        async with grpc.aio.insecure_channel(f"127.0.0.1:{grpc_port}") as channel:
            assert (await Rest(http_port).ask("GET", "/v1/projects")).reason == "TOKEN_INVALID"
            yield Served(api, store, artifacts, metrics, http_port, channel)
    finally:
        opened.set()
        wire.open.set()
        await api.stop(grace=0)
        await changes.close()
        await store.close()


@pytest.fixture
def hanging(wire, wired) -> Served:
    """The same, whose database hangs from now on."""
    wire.open.clear()
    return wired


async def soon(answer):
    """The answer, in a time in which a call that hangs has none."""
    async with asyncio.timeout(PATIENCE_SECONDS / 2):
        return await answer


async def codes_logged(lines) -> list[str]:
    """Of the calls that ended: the line of one is written once its answer is under way."""
    while not (codes := [line["code"] for line in lines if line["event"] == "rpc"]):  # noqa: ASYNC110 - lines set no event
        await asyncio.sleep(0.01)
    return codes


@pytest.mark.parametrize("path", ["/v1/projects", f"/v1/{PROJECT}/audits/a:watch"])
async def test_a_deadline_covers_finding_out_who_calls(hanging, path):
    with structlog.testing.capture_logs() as lines:
        reply = await soon(hanging.rest().ask("GET", path, headers={"Request-Timeout": "0.5"}))
        codes = await soon(codes_logged(lines))

    assert (reply.status, reply.reason) == (504, "DEADLINE_EXCEEDED")
    assert codes == ["DEADLINE_EXCEEDED"]


@pytest.mark.parametrize("path", ["/v1/projects", f"/v1/{PROJECT}/audits/a:watch"])
async def test_without_a_deadline_a_hanging_database_is_away(hanging, path, monkeypatch):
    monkeypatch.setattr(LIMIT, 0.5)
    with structlog.testing.capture_logs() as lines:
        reply = await soon(hanging.rest().ask("GET", path))
        codes = await soon(codes_logged(lines))

    assert (reply.status, reply.reason) == (503, "DEPENDENCY_UNAVAILABLE")
    assert codes == ["UNAVAILABLE"]


async def test_grpc_says_the_same(hanging, monkeypatch):
    monkeypatch.setattr(LIMIT, 0.5)
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


async def test_readiness_comes_back_from_connections_that_went_silent_while_new_ones_work(wire, wired):
    async def ready() -> int:
        return (await wired.rest().ask("GET", "/readyz")).status

    assert await ready() == 200
    wire.forget()

    assert await ready() == 503
    async with asyncio.timeout(PATIENCE_SECONDS):
        while await ready() != 200:  # noqa: ASYNC110 - nothing tells it
            await asyncio.sleep(0.1)


async def test_one_silent_answer_condemns_every_connection_that_is_open(wire, wired):
    async with AsyncExitStack() as stack:
        for _ in range(POOL_SIZE):
            await stack.enter_async_context(wired.store.transaction())
    wire.forget()

    with pytest.raises(DependencyUnavailable):
        await wired.store.ping()

    for _ in range(POOL_SIZE):
        await soon(wired.store.ping())


async def test_watches_hear_again_once_their_connection_that_went_silent_is_given_up(
    wire, wired_url, database_url, monkeypatch
):
    monkeypatch.setattr("modicum_server.store.changes.ASK_SECONDS", 0.2)
    monkeypatch.setattr("modicum_server.store.changes.ANSWER_SECONDS", 0.2)

    async def tell() -> None:
        async with await psycopg.AsyncConnection.connect(database_url, autocommit=True) as connection:
            await connection.execute("SELECT pg_notify(%s, 'audit')", [CHANNEL])

    async def heard() -> None:
        await watch.changed(NEVER_SECONDS)

    changes = PostgresChanges(wired_url)
    async with changes.watch("audit") as watch:
        await soon(heard())  # the listener is there
        await asyncio.sleep(1)  # and has been asked a few times
        await tell()
        await soon(heard())

        wire.forget()
        await soon(heard())  # another listener is there, and has every watch look
        await tell()
        await soon(heard())
    await changes.close()
