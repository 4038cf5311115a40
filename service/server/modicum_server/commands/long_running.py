"""Runs what works until SIGINT or SIGTERM."""

import asyncio
import signal
from collections.abc import Awaitable, Callable

import structlog

from modicum_server.command_parts import NOT_COMPLETED, end
from modicum_server.errors import ModicumError
from modicum_server.logs import log_as_json
from modicum_server.processes.file_limits import raise_open_files


def run_until_signal(work: Callable[[asyncio.Event], Awaitable[None]]) -> None:
    """Run a service until a signal, with a log of JSON. A bug ends the command with its traceback in the log."""
    log_as_json()
    raise_open_files()
    try:
        asyncio.run(until_signal(work))
    except (ModicumError, OSError):
        raise
    except Exception as error:  # noqa: BLE001 - a bug in modicum-server: the log has the traceback, the last line says that it is a bug
        structlog.get_logger(__name__).exception("ended", exc_info=error)
        end(NOT_COMPLETED, f"a bug in modicum-server: {type(error).__name__}: {error}")


async def until_signal(work: Callable[[asyncio.Event], Awaitable[None]]) -> None:
    """Run `work` with an event that SIGINT and SIGTERM set."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    await work(stop)
