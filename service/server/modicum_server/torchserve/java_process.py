"""The Java process: started as our child, killed when we die, waited for, stopped."""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from modicum_server.torchserve.confinement.environment import server_environment

PARENT_DEATH = "modicum_server.torchserve.confinement.parent_death"
"""Runs a program that is killed when the process that started it ends."""
OWNER_ONLY_UMASK = 0o077
"""What it writes is ours alone. The wrapper opens to a model's user what that needs."""
TERMINATION_SECONDS = 5.0
TAIL_BYTES = 4096


class JavaProcess:
    """A running Java process in a session of its own, so that Ctrl-C in a terminal does not reach it."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        """Take a started process; use `start`."""
        self._process = process

    @classmethod
    async def start(cls, command: Sequence[str], *, cwd: Path, console: Path) -> "JavaProcess":
        """Start `command` in `cwd`, with its output in `console`."""
        tied_to_us = [sys.executable, "-I", "-m", PARENT_DEATH, str(os.getpid())]
        with console.open("ab") as output:
            process = await asyncio.create_subprocess_exec(
                *tied_to_us,
                *command,
                cwd=cwd,
                env=server_environment(os.environ, cwd),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
                umask=OWNER_ONLY_UMASK,
            )
        return cls(process)

    @property
    def pid(self) -> int:
        """Process id."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether it still runs."""
        return self._process.returncode is None

    async def ended(self) -> int:
        """Wait for its end and return its exit status, negative for a signal."""
        return await self._process.wait()

    async def stop(self) -> None:
        """Stop it and its children: SIGTERM first, SIGKILL after a few seconds."""
        with contextlib.suppress(ProcessLookupError):
            self._process.terminate()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._process.wait(), TERMINATION_SECONDS)
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)  # the session: this process and its model processes
        await self._process.wait()


def tail(path: Path, *, containing: str = "", size: int = TAIL_BYTES) -> str:
    """Return the last lines of a log that fit into `size` bytes; "" without a log."""
    try:
        with path.open("rb") as log:
            log.seek(max(0, path.stat().st_size - 4 * size))
            text = log.read().decode("utf-8", errors="replace")
    except OSError:
        return ""
    lines = [line for line in text.splitlines() if containing in line]
    return "\n".join(lines)[-size:]
