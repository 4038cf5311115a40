"""What Ray places: an actor that runs `modicum-server worker` in a process of its own, and ends with it.

Ray knows the path of the settings, and never their values.
"""

import asyncio
import os
import platform
import sys
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from modicum_server.fleet.settings_file import environment_with, variables_in
from modicum_server.processes.dying_with_parent import die_with_parent

#: A worker gets its own grace, and this much more to stop TorchServe.
GOODBYE_SECONDS = 10.0
#: Beyond its grace, what a worker takes until Ray's part is over, too.
STOP_SECONDS = GOODBYE_SECONDS + 5.0


@dataclass(frozen=True, slots=True)
class WorkerShare:
    """What a worker gets of its machine: reserved at Ray, and used by the worker. 0 bytes: nothing is reserved."""

    cpus: int
    gpus: float
    memory_bytes: int = 0

    def variables(self, slots: int) -> dict[str, str]:
        """Return the settings that keep a worker within its share. Without bytes, it takes those of the machine."""
        threads = {"MODICUM_THREADS": str(max(1, self.cpus // slots))}
        if not self.memory_bytes:
            return threads
        return threads | {"MODICUM_MODEL_MEMORY_BYTES": str(self.memory_bytes * 4 // 5 // slots)}


class WorkerActor:
    """A worker in a process of its own. If the actor is killed, the kernel tells the worker to stop."""

    def __init__(self, settings_file: str, share: dict[str, str], grace_seconds: float) -> None:
        """Take the settings by the path of their file. Those in `share` hold where the file does not name them."""
        self._settings_file = Path(settings_file)
        self._share = share
        self._grace_seconds = grace_seconds
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> tuple[str, int]:
        """Start the worker. Return its machine and process id.

        Raises:
            SettingsFileUnfit: this machine lacks the file.
        """
        environment = environment_with(self._share | variables_in(self._settings_file))
        command = ("worker", "--await-schema", "--metrics-port", "0")
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "modicum_server.cli",
            *command,
            env=environment,
            stdin=asyncio.subprocess.DEVNULL,
            preexec_fn=partial(die_with_parent, os.getpid()),
            start_new_session=True,
        )
        return platform.node(), self._process.pid

    async def ended(self) -> int:
        """Wait until the worker ends. Return its exit code."""
        assert self._process is not None, "start() comes first"
        return await self._process.wait()

    async def stop(self) -> None:
        """Stop it as SIGTERM does: it ends its work, or hands it back. Kill it if that takes too long."""
        process = self._process
        if process is None or process.returncode is not None:
            return
        process.terminate()
        try:
            await asyncio.wait_for(process.wait(), self._grace_seconds + GOODBYE_SECONDS)
        except TimeoutError:
            process.kill()
            await process.wait()
