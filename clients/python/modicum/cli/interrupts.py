"""What Ctrl-C and a request to terminate do: outside a command's own work they end the process at once.

Inside they raise KeyboardInterrupt, so that the work can cancel what it started. Imports nothing that takes time.
"""

import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

INTERRUPTED = 130
SIGNALS = (signal.SIGINT, signal.SIGTERM)
_STDERR = 2


def leave_at_once() -> None:
    """From now on leave with 130, a word and no traceback; what the caller of the process ignores stays ignored."""
    for number in SIGNALS:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _leave)


@contextmanager
def raised() -> Iterator[None]:
    """Inside, an interrupt raises KeyboardInterrupt. Changes nothing where `leave_at_once` was not called."""
    numbers = [number for number in SIGNALS if signal.getsignal(number) is _leave]
    for number in numbers:
        signal.signal(number, signal.default_int_handler)
    try:
        yield
    finally:
        for number in numbers:
            signal.signal(number, _leave)


def _leave(_number: int, _frame: FrameType | None) -> None:
    """Written past every buffer: the interrupt may have come in the middle of one."""
    try:
        os.write(_STDERR, b"modicum: interrupted\n")
    finally:
        os._exit(INTERRUPTED)
