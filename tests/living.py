"""Whether a process runs."""

import psutil


def lives(process: int | psutil.Process) -> bool:
    """Whether it runs. One that has ended, but which nobody waited for, does not: a container may wait for none."""
    try:
        found = psutil.Process(process) if isinstance(process, int) else process
        return found.is_running() and found.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
