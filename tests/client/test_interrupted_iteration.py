"""An iteration of the synchronous client that is interrupted, and again before what was asked for has ended."""

import asyncio
import signal
import sys
import threading

import pytest
from modicum.event_loop_thread import Portal

from tests.waiting import until


class Interrupted(KeyboardInterrupt):
    """What the signal of this test raises."""


@pytest.fixture
def interrupt():
    """Interrupts the main thread."""

    def raising(*_):
        raise Interrupted

    before = signal.signal(signal.SIGUSR1, raising)
    yield lambda: signal.pthread_kill(threading.main_thread().ident, signal.SIGUSR1)
    signal.signal(signal.SIGUSR1, before)


def main_thread_waits() -> bool:
    """Whether the main thread waits for the result of a call."""
    frame = sys._current_frames()[threading.main_thread().ident]
    while frame is not None and frame.f_code.co_name != "result":
        frame = frame.f_back
    return frame is not None


def test_a_second_interrupt_ends_an_iteration_that_is_slow_to_end_like_the_first(interrupt):
    ended = []

    async def rows():
        yield 1
        try:
            await until(main_thread_waits)
            interrupt()
            await asyncio.sleep(600)
        finally:
            interrupt()
            await asyncio.sleep(0.5)  # longer than it takes to close a generator that still runs, which is refused
            ended.append(True)

    portal = Portal()
    iteration = portal.iterate(rows())
    next(iteration)

    with pytest.raises(Interrupted):
        next(iteration)

    assert ended == [True]
    portal.close()
