"""What a process can give up for good: outliving its parent, privileges, resources."""

import contextlib
import ctypes
import os
import re
import resource
import signal
from collections.abc import Sequence

from modicum_server.torchserve.confinement.plan import User

PR_SET_PDEATHSIG = 1
PR_CAPBSET_DROP = 24
PR_SET_NO_NEW_PRIVS = 38
PR_CAP_AMBIENT = 47
PR_CAP_AMBIENT_CLEAR_ALL = 4
CAPABILITY_VERSION_3 = 0x20080522
CAPABILITIES = 64

#: A model's process writes little: only what libraries put into its temporary folder. Files that were deleted while
#: open cannot be seen from outside, and these two limits bound them to a GiB.
OPEN_FILES = 1024
FILE_BYTES = 1 << 20
#: Threads and processes of a model's process. Above what the worker allows (`usage.MOST_THREADS`), so that the worker
#: sees the excess and says so.
TASKS = 1024 + 128
#: The release of Linux since which threads are counted by user and user namespace.
NAMESPACES_COUNT_FROM = (5, 14)

libc = ctypes.CDLL(None, use_errno=True)


def prctl(option: int, argument: int = 0) -> None:
    """Change a property of this process by the system call of this name. Raises OSError."""
    if libc.prctl(option, ctypes.c_ulong(argument), ctypes.c_ulong(0), ctypes.c_ulong(0), ctypes.c_ulong(0)) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"prctl({option}): {os.strerror(number)}")


def die_with_parent() -> None:
    """Let the kernel kill this process when its parent (the thread that started it) ends, even by SIGKILL."""
    prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def forbid_new_privileges() -> None:
    """Keep this process from gaining privileges. Landlock and seccomp require it of processes that are not root."""
    prctl(PR_SET_NO_NEW_PRIVS, 1)


def namespaces_count() -> bool:
    """Return whether the kernel counts a user's threads in each user namespace apart."""
    return tuple(int(number) for number in re.findall(r"\d+", os.uname().release)[:2]) >= NAMESPACES_COUNT_FROM


def limit_resources(memory_bytes: int, *, counted_alone: bool = False) -> None:
    """Allow no core files, few open files, no large files, and this much memory (0: no limit).

    Memory is what the process itself writes to (RLIMIT_DATA); reserved address space does not count. Threads are
    limited if the kernel counts those of this process alone: it counts those of a user. It never limits root.
    """
    limits = {resource.RLIMIT_CORE: 0, resource.RLIMIT_NOFILE: OPEN_FILES, resource.RLIMIT_FSIZE: FILE_BYTES}
    if memory_bytes:
        limits[resource.RLIMIT_DATA] = memory_bytes
    if counted_alone:
        limits[resource.RLIMIT_NPROC] = TASKS
    for kind, limit in limits.items():
        _, hard = resource.getrlimit(kind)
        lowered = limit if hard == resource.RLIM_INFINITY else min(limit, hard)
        resource.setrlimit(kind, (lowered, lowered))


def become(user: User, groups: Sequence[int]) -> None:
    """Become another user for good, with these groups besides its own. Clears what `die_with_parent` asked for.

    Raises:
        OSError: we lack the capabilities, or the user does not exist in our namespace.
    """
    _drop_bounding_set()  # only root can
    os.setgroups(groups)
    os.setresgid(user.gid, user.gid, user.gid)
    os.setresuid(user.uid, user.uid, user.uid)


def drop_capabilities() -> None:
    """Give up every capability, so that root is an ordinary user in here."""
    _drop_bounding_set()
    header = (ctypes.c_uint32 * 2)(CAPABILITY_VERSION_3, 0)
    if libc.capset(header, (ctypes.c_uint32 * 6)()) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"capset: {os.strerror(number)}")


def _drop_bounding_set() -> None:
    with contextlib.suppress(OSError):  # kernels before 4.3 have no ambient set
        prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL)
    for capability in range(CAPABILITIES):
        with contextlib.suppress(OSError):  # EINVAL: no such capability; EPERM: we may not drop it
            prctl(PR_CAPBSET_DROP, capability)
