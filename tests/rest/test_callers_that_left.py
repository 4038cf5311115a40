"""What waits for its turn is not begun for a caller that has left; what was begun ends."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from modicum_server.transports.http.connections import Connection
from modicum_server.usecases.models import Models
from modicum_server.usecases.shares import CHANGES_AT_ONCE, CallTurns

from tests.rest.rest_stage import PROJECT, TOKENS

HEAD = (
    "POST /v1/{project}/models?modelId={model} HTTP/1.1\r\nhost: a\r\nauthorization: Bearer {token}\r\n"
    "content-length: 2\r\nconnection: close\r\n\r\n{{}}"
)


class Stage:
    """Creations of models, as they ask for a turn and as they begin. They wait until `go_on` is set."""

    def __init__(self, served) -> None:
        self._served = served
        self.asked: asyncio.Queue[None] = asyncio.Queue()
        self.begun: asyncio.Queue[str] = asyncio.Queue()
        self.left: asyncio.Queue[None] = asyncio.Queue()
        self.go_on = asyncio.Event()
        self.writers: list[asyncio.StreamWriter] = []

    async def send(self, model: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Send a creation, and wait until it asks for its turn."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self._served.http_port)
        self.writers.append(writer)
        writer.write(HEAD.format(project=PROJECT, model=model, token=TOKENS["admin"]).encode())
        await self.asked.get()
        return reader, writer

    async def leave(self, writer: asyncio.StreamWriter) -> None:
        """Close a connection, and wait until the server knows."""
        writer.close()
        await self.left.get()


@pytest.fixture
async def stage(served, monkeypatch) -> AsyncIterator[Stage]:
    stage = Stage(served)
    taken, create, connection_lost = CallTurns.taken, Models.create, Connection.connection_lost

    def asked(self, principal, *, reads):
        stage.asked.put_nowait(None)
        return taken(self, principal, reads=reads)

    async def begun(self, principal, parent, model_id, *more, **named):
        stage.begun.put_nowait(model_id)
        await stage.go_on.wait()
        return await create(self, principal, parent, model_id, *more, **named)

    def left(self, error):
        connection_lost(self, error)
        stage.left.put_nowait(None)

    monkeypatch.setattr(CallTurns, "taken", asked)
    monkeypatch.setattr(Models, "create", begun)
    monkeypatch.setattr(Connection, "connection_lost", left)
    yield stage
    for writer in stage.writers:
        writer.close()
        await writer.wait_closed()


async def test_a_call_that_waits_for_its_turn_is_not_begun_once_its_caller_has_left(stage):
    first = [await stage.send(f"first-{number}") for number in range(CHANGES_AT_ONCE)]
    names = {await stage.begun.get() for _ in first}
    _, leaving = await stage.send("leaving")
    await stage.leave(leaving)
    last, _ = await stage.send("last")

    stage.go_on.set()
    answers = [await reader.read() for reader in (*(reader for reader, _ in first), last)]

    assert [answer.split()[1] for answer in answers] == [b"200"] * (CHANGES_AT_ONCE + 1)
    assert names == {f"first-{number}" for number in range(CHANGES_AT_ONCE)}
    assert [stage.begun.get_nowait() for _ in range(stage.begun.qsize())] == ["last"]


async def test_a_call_that_was_begun_ends_though_its_caller_has_left(stage, served):
    _, leaving = await stage.send("leaving")
    await stage.begun.get()
    await stage.leave(leaving)
    stage.go_on.set()

    async def stored() -> bool:
        return (await served.rest("admin").ask("GET", f"/v1/{PROJECT}/models/leaving")).status == 200

    async with asyncio.timeout(60):
        while not await stored():
            pass
