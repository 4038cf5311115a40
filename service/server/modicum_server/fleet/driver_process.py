"""Keeps the process that talks to Ray running. Ray's library ends its process when the head is lost."""

import asyncio
import os
import signal
import sys
from collections.abc import Sequence
from functools import partial

import structlog

from modicum_server.command_parts import NOT_COMPLETED
from modicum_server.processes.dying_with_parent import die_with_parent
from modicum_server.processes.restarts import Restarts
from modicum_server.processes.work_until_stop import until_stop

ATTACHED = b"1"

_log = structlog.get_logger(__name__)


def say_attached(descriptor: int) -> None:
    """Say that Ray took the fleet, in the process that talks to it."""
    os.write(descriptor, ATTACHED)
    os.close(descriptor)


async def keep_driver(arguments: Sequence[str], stop: asyncio.Event, *, stop_seconds: float) -> int:
    """Run `modicum-server fleet` with these arguments until `stop` is set, again whenever it ends.

    Returns its exit code if it ended before Ray ever took it, else 0. Once `stop` is set, it has `stop_seconds`.
    """
    restarts, clock = Restarts(), asyncio.get_running_loop().time
    taken = False
    while not stop.is_set():
        begun = clock()
        process, attached = await _started(arguments)
        code = await _ended(process, stop, stop_seconds)
        taken |= await attached == ATTACHED
        if not taken and not stop.is_set():
            return code if code > 0 else NOT_COMPLETED
        if not stop.is_set():
            wait = restarts.wait_after(clock() - begun)
            _log.warning("fleet_driver_ended", code=code, restart_seconds=wait)
            await until_stop(stop, wait)
    return 0


async def _started(arguments: Sequence[str]) -> "tuple[asyncio.subprocess.Process, asyncio.Future[bytes]]":
    """Start it. Also returns what it says once Ray took it; nothing if it ended before."""
    reading, writing = os.pipe()
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "modicum_server.cli",
        "fleet",
        *arguments,
        "--driver",
        str(writing),
        stdin=asyncio.subprocess.DEVNULL,
        pass_fds=(writing,),
        preexec_fn=partial(die_with_parent, os.getpid()),
        start_new_session=True,
    )
    os.close(writing)
    return process, asyncio.ensure_future(asyncio.to_thread(_read, reading))


def _read(descriptor: int) -> bytes:
    with os.fdopen(descriptor, "rb") as said:
        return said.read(len(ATTACHED))


async def _ended(process: asyncio.subprocess.Process, stop: asyncio.Event, stop_seconds: float) -> int:
    """Wait until it ends, which it must once `stop` is set. Return its exit code."""
    ending, stopping = asyncio.create_task(process.wait()), asyncio.create_task(stop.wait())
    await asyncio.wait({ending, stopping}, return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    if process.returncode is None:
        process.send_signal(signal.SIGINT)  # of a SIGTERM, Ray's library writes a trace into the log
        await asyncio.wait({ending}, timeout=stop_seconds)
    if process.returncode is None:
        _log.warning("fleet_driver_not_ended", seconds=stop_seconds)
        process.kill()
    return await ending
