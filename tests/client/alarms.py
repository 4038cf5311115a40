"""The clock and the timer of a budget: an alarm comes when a test says so, instead of after a time."""

import signal
import sys
import threading
from collections.abc import Callable
from types import FrameType

from modicum.cli import budget
from modicum.cli.interrupts import STARTED
from modicum.event_loop_thread import CANCEL_SECONDS, Portal

from tests.clock import Clock


class Alarms:
    """Stands in for the clock and the timer of budgets. The clock stands where the budget of a command begins."""

    def __init__(self, monkeypatch, *, began: float = STARTED) -> None:
        self.clock = Clock()
        self.clock.pass_seconds(began)
        self._due = self._again = 0.0
        monkeypatch.setattr(budget, "monotonic", self.clock)
        monkeypatch.setattr(budget.signal, "setitimer", self._set)

    @property
    def is_set(self) -> bool:
        """Whether an alarm is to come."""
        return self._due > 0

    def strike(self) -> None:
        """Let time pass until the next alarm, which interrupts the main thread."""
        assert self.is_set, "no alarm is to come"
        self.clock.now = max(self.clock.now, self._due)
        self._due += self._again
        _interrupt()

    def strike_while(self, waits: Callable[[float], bool]) -> None:
        """Let the next alarm come during the call that the main thread makes, while `waits(seconds)` is false.

        Python loses a signal that comes just before the main thread begins to wait. A real timer comes again; this one
        repeats the alarm as long as the same call is waited for.
        """
        call = _call_of_main()
        self.strike()
        while not waits(2 * CANCEL_SECONDS) and call is not None and _call_of_main() is call:
            _interrupt()

    def _set(self, _which: int, seconds: float, again: float = 0.0) -> None:
        self._due, self._again = (self.clock() + seconds, again) if seconds else (0.0, 0.0)


def _interrupt() -> None:
    signal.pthread_kill(threading.main_thread().ident, signal.SIGALRM)


def _call_of_main() -> FrameType | None:
    """The frame of the innermost call to a server that the main thread waits for."""
    frame = sys._current_frames().get(threading.main_thread().ident)
    while frame is not None and frame.f_code is not Portal.run.__code__:
        frame = frame.f_back
    return frame
