"""The process of a slot's model, found by what the wrapper wrote down; killed when nothing gentler helps."""

import contextlib
import os
import signal
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class ModelProcess:
    """A process id with the start that makes it unmistakable."""

    pid: int
    started: str

    @property
    def alive(self) -> bool:
        """Whether this very process still runs."""
        fields = _status(self.pid)
        return fields is not None and fields[19] == self.started and fields[0] not in {"Z", "X"}

    def kill(self) -> None:
        """Kill it, and through it all that it started in its namespaces."""
        with contextlib.suppress(ProcessLookupError):
            if self.alive:
                os.kill(self.pid, signal.SIGKILL)


def find_model_process(workers: Path, slot: str) -> ModelProcess | None:
    """Return the latest process of the slot, alive or not; None before its first start."""
    try:
        pid, started = (workers / slot / "process").read_text(encoding="utf-8").split()
    except OSError:
        return None
    return ModelProcess(int(pid), started)


def _status(pid: int) -> list[str] | None:
    """Fields of /proc/PID/stat from the third on (the state); None where there is no such process."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    except OSError:
        return None
