"""A fresh process after each program, so that nothing that its code did to the process reaches the next task.

The wrapper empties the folders that the process could write to when the next process starts.
"""

import asyncio
import time

import structlog

from modicum_server.torchserve.health import revive
from modicum_server.torchserve.model_process import ModelProcess
from modicum_server.torchserve.server import RunningServer
from modicum_server.torchserve.slots import Slot
from modicum_server.torchserve.supervisor import Supervisor

#: How long a killed process may take to die, as one with much memory does, and the time between two looks at it.
DEATH_SECONDS = 30.0
DEATH_LOOK_SECONDS = 0.02

log = structlog.get_logger(__name__)


class Renewal:
    """Remembers, by slot, the process that was ended after the task of a program."""

    def __init__(self) -> None:
        self._ended: dict[str, ModelProcess] = {}

    def end_process(self, server: RunningServer, slot: Slot) -> None:
        """End the slot's process, with everything that the program left in it. Does not wait for the next process."""
        process = server.model_process(slot.name)
        if process is not None:
            process.kill()
            self._ended[slot.name] = process
            log.info("program_ended", slot=slot.name, pid=process.pid)

    async def renewed(self, supervisor: Supervisor, slot: Slot, timeout_seconds: float) -> RunningServer:
        """Wait until the slot has a process in which no program ran; return the TorchServe. Raises ModelServerDown."""
        server = await supervisor.ready(timeout_seconds)
        ended = self._ended.get(slot.name)
        if ended is None:
            return server
        deadline = time.monotonic() + DEATH_SECONDS
        while ended.alive and time.monotonic() < deadline:  # noqa: ASYNC110 - another's child tells us nothing
            await asyncio.sleep(DEATH_LOOK_SECONDS)
        await revive(supervisor, server, slot)
        self._ended.pop(slot.name, None)
        return await supervisor.ready(timeout_seconds)
