"""The process of a slot's model, found by the process id that the wrapper wrote, and killed when nothing else helps."""

import contextlib
import os
import signal
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class ModelProcess:
    """A process id with its start time, which together name one process for good."""

    pid: int
    started: str

    @property
    def alive(self) -> bool:
        """Whether this same process still runs."""
        fields = _status(self.pid)
        return fields is not None and fields[19] == self.started and fields[0] not in {"Z", "X"}

    def kill(self) -> None:
        """Kill it, and with it everything in its namespaces."""
        with contextlib.suppress(ProcessLookupError):
            if self.alive:
                os.kill(self.pid, signal.SIGKILL)


def find_model_process(workers: Path, slot: str) -> ModelProcess | None:
    """Return the slot's latest process, alive or dead; None before the first start."""
    try:
        pid, started = (workers / slot / "process").read_text(encoding="utf-8").split()
    except OSError:
        return None
    return ModelProcess(int(pid), started)


def _status(pid: int) -> list[str] | None:
    """Return the fields of /proc/PID/stat from the third (the state) on; None without such a process."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()
    except OSError:
        return None
