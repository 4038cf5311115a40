"""The clock and the timer of a budget: an alarm comes when a test says so, instead of after a time."""

import signal
import threading

from modicum.cli import budget

from tests.clock import Clock


class Alarms:
    """Stands in for the clock and the timer of budgets, which then begin at 0 s."""

    def __init__(self, monkeypatch) -> None:
        self.clock = Clock()
        self._due = self._again = 0.0
        monkeypatch.setattr(budget, "STARTED", self.clock())
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
        signal.pthread_kill(threading.main_thread().ident, signal.SIGALRM)

    def _set(self, _which: int, seconds: float, again: float = 0.0) -> None:
        self._due, self._again = (self.clock() + seconds, again) if seconds else (0.0, 0.0)
