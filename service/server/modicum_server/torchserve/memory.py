"""The machine's memory: how much of it a model's process may use, and whether the kernel killed processes for it.

TorchServe reports such a kill only if it notices it in time.
"""

import os
from collections.abc import Iterable
from pathlib import Path

#: Counters of our control group, or of the whole machine outside a container.
EVENTS = Path("/sys/fs/cgroup/memory.events")
STATISTICS = Path("/proc/vmstat")
COUNTER = "oom_kill "
#: Limit of our control group, in versions 2 and 1. A number, or "max".
LIMITS = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))
#: Share of the memory for models. The rest is for the worker, TorchServe's Java process and everything else.
MODELS_SHARE = 0.8


def memory_of_a_model(slots: int, limits: Iterable[Path] = LIMITS) -> int:
    """Return how many bytes the model process of each slot may use, so that all slots fit."""
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    for path in limits:
        try:
            memory = min(memory, int(path.read_text(encoding="utf-8")))
        except (OSError, ValueError):  # no such group, or no limit
            continue
    return int(memory * MODELS_SHARE) // slots


def memory_kills(events: Path = EVENTS, statistics: Path = STATISTICS) -> int:
    """Return how many processes the kernel has killed for memory; 0 where it does not count."""
    for path in (events, statistics):
        try:
            lines = path.read_text(encoding="utf-8").splitlines()
        except OSError:
            continue
        return next((int(line.removeprefix(COUNTER)) for line in lines if line.startswith(COUNTER)), 0)
    return 0
