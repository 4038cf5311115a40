"""Landlock by its system calls: afterwards this process reaches only the named files, and no TCP port.

Numbers and structures are those of linux/landlock.h. `abi()` returns the version that the kernel supports.
"""

import ctypes
import os
from collections.abc import Iterable
from pathlib import Path

from modicum_server.torchserve.confinement.process import libc

CREATE_RULESET = 444
ADD_RULE = 445
RESTRICT_SELF = 446
ASK_VERSION = 1
RULE_PATH_BENEATH = 1

EXECUTE = 1 << 0
WRITE_FILE = 1 << 1
READ_FILE = 1 << 2
READ_DIR = 1 << 3
TRUNCATE = 1 << 14
IOCTL_DEV = 1 << 15

#: Access rights by the ABI that introduced them: 13 in the first, then REFER, TRUNCATE and IOCTL_DEV.
FILE_RIGHTS_BY_ABI = {1: (1 << 13) - 1, 2: (1 << 14) - 1, 3: (1 << 15) - 1, 4: (1 << 15) - 1, 5: (1 << 16) - 1}
#: Access rights that a rule for a single file may have.
SINGLE_FILE = EXECUTE | WRITE_FILE | READ_FILE | TRUNCATE | IOCTL_DEV
READING = EXECUTE | READ_FILE | READ_DIR

TCP_FROM_ABI = 4
SCOPES_FROM_ABI = 6
ALL_TCP = 0b11
ALL_SCOPES = 0b11


class _Ruleset(ctypes.Structure):
    _fields_ = (("files", ctypes.c_uint64), ("network", ctypes.c_uint64), ("scoped", ctypes.c_uint64))


class _PathBeneath(ctypes.Structure):
    _pack_ = 1
    _layout_ = "ms"
    _fields_ = (("allowed", ctypes.c_uint64), ("parent", ctypes.c_int32))


def abi() -> int:
    """Return the version of Landlock in the kernel; 0 without it."""
    return max(0, int(libc.syscall(CREATE_RULESET, None, ctypes.c_size_t(0), ctypes.c_uint32(ASK_VERSION))))


def restrict(*, readable: Iterable[str], writable: Iterable[str], devices: Iterable[str]) -> None:
    """Confine this process and its children to these files, for good. Call `forbid_new_privileges` first.

    Raises:
        OSError: the kernel has no Landlock, or a path does not exist.
    """
    version = abi()
    handled = FILE_RIGHTS_BY_ABI[min(max(version, 1), max(FILE_RIGHTS_BY_ABI))]
    ruleset = _Ruleset(
        files=handled,
        network=ALL_TCP if version >= TCP_FROM_ABI else 0,
        scoped=ALL_SCOPES if version >= SCOPES_FROM_ABI else 0,
    )
    # A kernel accepts a longer structure than it knows if the rest is zero.
    descriptor = _call(CREATE_RULESET, ctypes.byref(ruleset), ctypes.c_size_t(ctypes.sizeof(ruleset)), 0)
    try:
        for paths, rights in ((readable, READING), (writable, handled), (devices, handled)):
            for path in paths:
                _allow(descriptor, path, rights & handled)
        _call(RESTRICT_SELF, descriptor, 0)
    finally:
        os.close(descriptor)


def _allow(ruleset: int, path: str, rights: int) -> None:
    parent = os.open(path, os.O_PATH | os.O_CLOEXEC)
    try:
        allowed = rights if Path(path).is_dir() else rights & SINGLE_FILE
        rule = _PathBeneath(allowed=allowed, parent=parent)
        _call(ADD_RULE, ruleset, RULE_PATH_BENEATH, ctypes.byref(rule), 0)
    finally:
        os.close(parent)


def _call(number: int, *arguments: object) -> int:
    result = int(libc.syscall(number, *arguments))
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, f"Landlock system call {number}: {os.strerror(code)}")
    return result
