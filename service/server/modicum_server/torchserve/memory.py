"""Whether the kernel killed processes for memory. TorchServe's own word for it comes only when it looks in time."""

from pathlib import Path

#: Of our control group; where there is none (not in a container), of the whole machine.
EVENTS = Path("/sys/fs/cgroup/memory.events")
STATISTICS = Path("/proc/vmstat")
COUNTER = "oom_kill "


def memory_kills(events: Path = EVENTS, statistics: Path = STATISTICS) -> int:
    """Return how many processes the kernel killed for memory so far; 0 where it does not say."""
    for path in (events, statistics):
        try:
            lines = path.read_text(encoding="utf-8").splitlines()
        except OSError:
            continue
        return next((int(line.removeprefix(COUNTER)) for line in lines if line.startswith(COUNTER)), 0)
    return 0
