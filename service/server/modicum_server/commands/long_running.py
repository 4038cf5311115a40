"""Runs what works until SIGINT or SIGTERM."""

import asyncio
import signal
from collections.abc import Awaitable, Callable

import structlog

from modicum_server.command_parts import NOT_COMPLETED, end
from modicum_server.errors import ModicumError
from modicum_server.logs import log_as_json
from modicum_server.processes.file_limits import raise_open_files
from modicum_server.processes.forced_end import end_now, end_within


def run_until_signal(work: Callable[[asyncio.Event], Awaitable[None]], *, stop_seconds: float | None = None) -> None:
    """Run a service until a signal, with a log of JSON. A bug ends the command with its traceback in the log.

    With `stop_seconds`, the process ends at most so long after the signal, whatever still runs in it.
    """
    log_as_json()
    raise_open_files()
    try:
        asyncio.run(until_signal(work, stop_seconds=stop_seconds))
    except (ModicumError, OSError):
        raise
    except Exception as error:  # noqa: BLE001 - a bug in modicum-server: the log has the traceback, the last line says that it is a bug
        structlog.get_logger(__name__).exception("ended", exc_info=error)
        end(NOT_COMPLETED, f"a bug in modicum-server: {type(error).__name__}: {error}")
    if stop_seconds is not None:
        end_now()  # gRPC would wait for connections that it cannot close


async def until_signal(work: Callable[[asyncio.Event], Awaitable[None]], *, stop_seconds: float | None = None) -> None:
    """Run `work` with an event that SIGINT and SIGTERM set; `stop_seconds` as for `run_until_signal`."""
    stop = asyncio.Event()

    def request_stop() -> None:
        if stop_seconds is not None and not stop.is_set():
            end_within(stop_seconds)
        stop.set()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, request_stop)
    await work(stop)
