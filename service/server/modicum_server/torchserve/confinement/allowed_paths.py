"""What a model's process may reach: the system and the Python environment (to read), its slot, its private folder."""

import os
import sys
from collections.abc import Iterable
from pathlib import Path

from modicum_server.torchserve.confinement.plan import Level, Rules, User

SYSTEM = (
    *("/usr", "/lib", "/lib32", "/lib64", "/bin", "/sbin", "/nix/store", "/proc", "/sys"),
    *("/etc/alternatives", "/etc/group", "/etc/hosts", "/etc/ld.so.cache", "/etc/ld.so.conf", "/etc/ld.so.conf.d"),
    *("/etc/localtime", "/etc/mime.types", "/etc/nsswitch.conf", "/etc/passwd", "/etc/timezone", "/etc/OpenCL"),
)
DEVICES = ("/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom")
#: Names below /dev.
ACCELERATORS = ("nvidia*", "nvidia-caps/*", "kfd", "dri")


def rules(
    level: Level,
    *,
    readable: Iterable[str],
    writable: Iterable[str],
    memory_bytes: int = 0,
    user: User | None = None,
) -> Rules:
    """Return the rules of a process that may also read and write these paths. Missing paths are left out.

    With an accelerator the kernel does not limit memory, because drivers map more than they use: the worker watches it.
    A user of its own has the groups of the accelerator's files, but root's.
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
        user=user,
        groups=tuple(sorted({Path(path).stat().st_gid for path in accelerators} - {0})) if user else (),
    )


def _existing(paths: Iterable[str]) -> tuple[str, ...]:
    # An odd search path must not bring in "/", which would allow everything.
    usable = (path for path in paths if Path(path).is_absolute() and path != "/" and Path(path).exists())
    return tuple(dict.fromkeys(usable))
