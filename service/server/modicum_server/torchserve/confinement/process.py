"""What a process can give up for good: its life after its parent's, its privileges, its share of the machine."""

import contextlib
import ctypes
import os
import resource
import signal

PR_SET_PDEATHSIG = 1
PR_CAPBSET_DROP = 24
PR_SET_NO_NEW_PRIVS = 38
PR_CAP_AMBIENT = 47
PR_CAP_AMBIENT_CLEAR_ALL = 4
CAPABILITY_VERSION_3 = 0x20080522
CAPABILITIES = 64

#: A model's process writes nothing but what a library may note in its tmp. Files that were deleted while they are open
#: are seen by nobody: these two bound them, to a GiB.
OPEN_FILES = 1024
FILE_BYTES = 1 << 20

libc = ctypes.CDLL(None, use_errno=True)


def prctl(option: int, argument: int = 0) -> None:
    """Change something of this process for good (see prctl, section 2 of the manual). Raises OSError."""
    if libc.prctl(option, ctypes.c_ulong(argument), ctypes.c_ulong(0), ctypes.c_ulong(0), ctypes.c_ulong(0)) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"prctl({option}): {os.strerror(number)}")


def die_with_parent() -> None:
    """Be killed when the parent (the thread that started us) ends, also by SIGKILL."""
    prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def forbid_new_privileges() -> None:
    """Let no program that we become gain privileges: needed for Landlock and seccomp without being root."""
    prctl(PR_SET_NO_NEW_PRIVS, 1)


def limit_resources(memory_bytes: int) -> None:
    """No core files, few open files, no large file, and no more memory of its own than this; 0 leaves that unlimited.

    Memory is what the process alone writes to (RLIMIT_DATA): address space that is only reserved costs nothing.
    """
    limits = {resource.RLIMIT_CORE: 0, resource.RLIMIT_NOFILE: OPEN_FILES, resource.RLIMIT_FSIZE: FILE_BYTES}
    if memory_bytes:
        limits[resource.RLIMIT_DATA] = memory_bytes
    for kind, limit in limits.items():
        _, hard = resource.getrlimit(kind)
        lowered = limit if hard == resource.RLIM_INFINITY else min(limit, hard)
        resource.setrlimit(kind, (lowered, lowered))


def drop_capabilities() -> None:
    """Give up every capability, so that root in here is a user like another."""
    with contextlib.suppress(OSError):  # kernels before 4.3 have no ambient set
        prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL)
    for capability in range(CAPABILITIES):
        with contextlib.suppress(OSError):  # EINVAL: none of that number; EPERM: not ours to drop
            prctl(PR_CAPBSET_DROP, capability)
    header = (ctypes.c_uint32 * 2)(CAPABILITY_VERSION_3, 0)
    if libc.capset(header, (ctypes.c_uint32 * 6)()) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"capset: {os.strerror(number)}")
