"""How long to wait before a process that ended is started again."""

from dataclasses import dataclass

RESTART_SECONDS = (0.5, 1.0, 2.0, 5.0, 10.0)
#: After a process has lived this long, its next restart is quick again.
HEALTHY_SECONDS = 30.0


@dataclass(slots=True)
class Restarts:
    """The restarts of one process, or of several alike. Each wait is longer than the last one, up to ten seconds."""

    _failures: int = 0

    def wait_after(self, lived_seconds: float) -> float:
        """Return the seconds to wait after a process that lived this long."""
        self._failures = 0 if lived_seconds > HEALTHY_SECONDS else self._failures + 1
        return RESTART_SECONDS[min(self._failures, len(RESTART_SECONDS) - 1)]
