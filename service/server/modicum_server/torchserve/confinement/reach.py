"""What a model's process may reach: the system and the Python environment to read, its own slot, its private tmp."""

import os
import sys
from collections.abc import Iterable
from pathlib import Path

from modicum_server.torchserve.confinement.plan import Level, Rules

SYSTEM = (
    *("/usr", "/lib", "/lib32", "/lib64", "/bin", "/sbin", "/nix/store", "/proc", "/sys"),
    *("/etc/alternatives", "/etc/group", "/etc/hosts", "/etc/ld.so.cache", "/etc/ld.so.conf", "/etc/ld.so.conf.d"),
    *("/etc/localtime", "/etc/mime.types", "/etc/nsswitch.conf", "/etc/passwd", "/etc/timezone", "/etc/OpenCL"),
)
DEVICES = ("/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom")
#: Below /dev.
ACCELERATORS = ("nvidia*", "nvidia-caps/*", "kfd", "dri")


def rules(level: Level, *, readable: Iterable[str], writable: Iterable[str], memory_bytes: int = 0) -> Rules:
    """Return the rules for a process that also reads and writes these; what does not exist is left out.

    Beside an accelerator the kernel limits no memory: its driver maps more of it than it uses, and the worker looks.
    """
    environment = (sys.prefix, sys.base_prefix, sys.exec_prefix, *sys.path)
    libraries = os.environ.get("LD_LIBRARY_PATH", "").split(":")
    accelerators = [path for pattern in ACCELERATORS for path in sorted(map(str, Path("/dev").glob(pattern)))]
    return Rules(
        level=level,
        readable=_existing((*SYSTEM, *environment, *libraries, *readable)),
        writable=_existing(writable),
        devices=_existing((*DEVICES, *accelerators)),
        memory_bytes=0 if accelerators else memory_bytes,
    )


def _existing(paths: Iterable[str]) -> tuple[str, ...]:
    # "/" must not come in by a strange search path: it would open everything.
    usable = (path for path in paths if Path(path).is_absolute() and path != "/" and Path(path).exists())
    return tuple(dict.fromkeys(usable))
