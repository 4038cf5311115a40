"""Finds out whether TorchServe works, by a canary stream and process ids. Its own health report is not used."""

import asyncio
import contextlib
import time

import grpc.aio

from modicum_server.model_server import ModelServerDown, TaskFailed
from modicum_server.torchserve.messages import chunk_of
from modicum_server.torchserve.server import RunningServer
from modicum_server.torchserve.slots import Slot
from modicum_server.torchserve.stream import open_stream
from modicum_server.torchserve.supervisor import Supervisor

#: A canary names no task. A handler that works starts, finds no task, and reports that.
CANARY = "canary"
CANARY_SECONDS = 10.0
#: How long TorchServe may take to restart a process that was killed, and the time between two looks at it.
REVIVAL_SECONDS = 45.0
REVIVAL_LOOK_SECONDS = 0.1
#: After this many calls without a reply, TorchServe counts as dead.
MOST_SILENCES = 2
EXIT_SECONDS = 1.0


async def revive(supervisor: Supervisor, server: RunningServer, slot: Slot) -> None:
    """Wait until a killed model process has been restarted. Replace a TorchServe that does not restart it."""
    deadline = time.monotonic() + REVIVAL_SECONDS
    silences = 0
    while server.process.alive and time.monotonic() < deadline and silences < MOST_SILENCES:
        try:
            status = await server.controller.describe(slot.name)
        except ModelServerDown:
            silences += 1
            continue
        process = server.model_process(slot.name)
        if status is not None and status.ready and process is not None and process.alive:
            return
        await asyncio.sleep(REVIVAL_LOOK_SECONDS)
    await supervisor.replace(server)


async def is_ready(server: RunningServer, slot: Slot) -> bool:
    """Return whether TorchServe reports the slot's process as ready. No reply means that it is not."""
    try:
        status = await server.controller.describe(slot.name)
    except ModelServerDown:
        return False
    return status is not None and status.ready


async def examine(supervisor: Supervisor, server: RunningServer, slot: Slot) -> None:
    """Replace a TorchServe that did not reply, unless it ends by itself or proves to work."""
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(server.process.ended(), EXIT_SECONDS)
    if server.process.alive and not await responds(server, slot):
        await supervisor.replace(server)


async def responds(server: RunningServer, slot: Slot) -> bool:
    """Return whether the handler of an idle slot replies to a canary."""
    await asyncio.to_thread(slot.make)
    (slot.folder / "lease").touch()
    stream = open_stream(server.inference, server.keys, model=slot.name, folder=slot.folder, attempt=0, shard=CANARY)
    try:
        data = await stream.read(CANARY_SECONDS)
        heard = data is not None and chunk_of(data).WhichOneof("body") is not None
        return heard and await stream.drain(CANARY_SECONDS)
    except (TimeoutError, grpc.aio.AioRpcError, ModelServerDown, TaskFailed):
        return False
    finally:
        await stream.cancel()
        await asyncio.to_thread(slot.clear)
