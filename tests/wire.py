"""Carries bytes between a server and Postgres, until it goes silent as a network does: nothing is closed."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from modicum_server.store.postgres import PostgresStore
from sqlalchemy import make_url

SOCKET_NAME = ".s.PGSQL.5432"


class Wire:
    """Carries while it is not told to fall silent, to a server that has connections by a socket; `url` is over it."""

    def __init__(self, database_url: str) -> None:
        self._address = make_url(database_url)
        self._passes = [_open()]
        self.url = ""

    def hang(self) -> None:
        """Carry nothing any more."""
        self._passes[-1].clear()

    def forget(self) -> None:
        """Carry nothing any more on the connections that there are, and everything on new ones."""
        self.hang()
        self._passes.append(_open())

    def mend(self) -> None:
        """Carry everything again."""
        for passes in self._passes:
            passes.set()

    async def serve(self) -> asyncio.Server:
        """Begin to listen, on a free port of loopback."""
        server = await asyncio.start_server(self._carry, "127.0.0.1", 0)
        address = self._address.set(query={}, host="127.0.0.1", port=server.sockets[0].getsockname()[1])
        self.url = address.render_as_string(hide_password=False)
        return server

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        passes = self._passes[-1]
        back, forth = await asyncio.open_unix_connection(Path(str(self._address.query["host"])) / SOCKET_NAME)
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


@asynccontextmanager
async def wired(database_url: str) -> AsyncIterator[Wire]:
    """A wire to the database for the length of the block."""
    wire = Wire(database_url)
    server = await wire.serve()
    try:
        yield wire
    finally:
        wire.mend()
        server.close()


def _open() -> asyncio.Event:
    event = asyncio.Event()
    event.set()
    return event


@asynccontextmanager
async def distant_store(wire: Wire, *, longest_wait_seconds: float) -> AsyncIterator[PostgresStore]:
    """A store at the other end of the wire, which waits so many seconds for a reply."""
    store = PostgresStore(wire.url, longest_wait_seconds=longest_wait_seconds)
    try:
        yield store
    finally:
        wire.mend()
        await store.close()
