"""Connections from a chosen address of loopback, for gRPC, which cannot choose one."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

LOOPBACK = "127.0.0.1"
PIECE_BYTES = 65_536


@asynccontextmanager
async def relayed(address: str, source: str) -> AsyncIterator[str]:
    """Yield an address at which every connection is carried on to `address`, from `source`."""
    host, port = address.rsplit(":", 1)
    carried: set[asyncio.Task[None]] = set()

    async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        back, forth = await asyncio.open_connection(host, int(port), local_addr=(source, 0))
        await asyncio.gather(_pump(reader, forth), _pump(back, writer))

    def begin(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(carry(reader, writer))
        carried.add(task)
        task.add_done_callback(carried.discard)

    async with await asyncio.start_server(begin, LOOPBACK, 0) as server:
        yield f"{LOOPBACK}:{server.sockets[0].getsockname()[1]}"
        for task in carried:
            task.cancel()
        await asyncio.gather(*carried, return_exceptions=True)


async def _pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    try:
        with suppress(ConnectionError):
            while data := await source.read(PIECE_BYTES):
                sink.write(data)
                await sink.drain()
    finally:
        sink.close()
