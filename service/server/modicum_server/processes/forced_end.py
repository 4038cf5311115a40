"""Ends a process that must stop, although threads or connections of a library still run in it."""

import os
import sys
import threading
import time
from typing import Never

import structlog

log = structlog.get_logger(__name__)


def end_within(seconds: float) -> None:
    """End this process after this time, with exit code 0 and a line in the log, if it still runs then."""
    threading.Thread(target=_end_after, args=(seconds,), name="forced-end", daemon=True).start()


def _end_after(seconds: float) -> None:
    time.sleep(seconds)
    log.warning("stop_cut_short", seconds=seconds, why="connections or threads did not end within the grace time")
    end_now()


def end_now() -> Never:
    """End this process without waiting for threads, and without freeing what libraries hold."""
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)
