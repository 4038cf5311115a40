"""What the time of a task is spent on, for its worker, which makes spans of a trace of it."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from modicum_server.generated.worker_pb2 import Phase


@dataclass(slots=True)
class PhaseTimes:
    """The phases of a task, one after the other: `load`, `prepare` and `compute`."""

    now: Callable[[], int] = time.time_ns
    _phases: list[Phase] = field(default_factory=list)

    def begin(self, name: str) -> None:
        """End the present phase, and begin another."""
        self.end()
        self._phases.append(Phase(name=name, start_nanoseconds=self.now()))

    def end(self) -> list[Phase]:
        """End the present phase. Return all."""
        if self._phases and not self._phases[-1].end_nanoseconds:
            self._phases[-1].end_nanoseconds = self.now()
        return self._phases
