"""What SIGINT (Ctrl-C) and SIGTERM do.

Before and after the work of a command they end the process at once. During the work they raise KeyboardInterrupt, so
that the work can cancel what it started. This module imports nothing that takes time.
"""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic
from types import FrameType

STARTED = monotonic()
"""When the process began, as nearly as this program can tell."""
INTERRUPTED = 130
SIGNALS = (signal.SIGINT, signal.SIGTERM)
_STDERR = 2


def exit_at_once() -> None:
    """From now on, exit with code 130, a message and no traceback. A signal that the parent ignores stays ignored."""
    for number in SIGNALS:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _exit)


@contextmanager
def raising() -> Iterator[None]:
    """Within the block, an interrupt raises KeyboardInterrupt. Without `exit_at_once` before, nothing changes."""
    numbers = [number for number in SIGNALS if signal.getsignal(number) is _exit]
    for number in numbers:
        signal.signal(number, signal.default_int_handler)
    try:
        yield
    finally:
        for number in numbers:
            signal.signal(number, _exit)


def _exit(_number: int, _frame: FrameType | None) -> None:
    """Write without a buffer: the interrupt may have come while one was being written."""
    try:
        os.write(_STDERR, b"modicum: interrupted\n")
    finally:
        os._exit(INTERRUPTED)
