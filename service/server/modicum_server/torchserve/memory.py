"""The machine's memory: how much of it a model's process may take, and whether the kernel killed processes for it.

TorchServe's own word for such a kill comes only when it looks in time.
"""

import os
from collections.abc import Iterable
from pathlib import Path

#: Of our control group; where there is none (not in a container), of the whole machine.
EVENTS = Path("/sys/fs/cgroup/memory.events")
STATISTICS = Path("/proc/vmstat")
COUNTER = "oom_kill "
#: Of our control group, in its second and its first version. A number, or "max".
LIMITS = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))
#: Of the memory; the rest is for the worker, TorchServe's Java process and what else is there.
MODELS_SHARE = 0.8


def memory_of_a_model(slots: int, limits: Iterable[Path] = LIMITS) -> int:
    """Return how many bytes the process of each of so many slots may take, so that all of them fit."""
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    for path in limits:
        try:
            memory = min(memory, int(path.read_text(encoding="utf-8")))
        except (OSError, ValueError):  # no such group, or no limit
            continue
    return int(memory * MODELS_SHARE) // slots


def memory_kills(events: Path = EVENTS, statistics: Path = STATISTICS) -> int:
    """Return how many processes the kernel killed for memory so far; 0 where it does not say."""
    for path in (events, statistics):
        try:
            lines = path.read_text(encoding="utf-8").splitlines()
        except OSError:
            continue
        return next((int(line.removeprefix(COUNTER)) for line in lines if line.startswith(COUNTER)), 0)
    return 0
