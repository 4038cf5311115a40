"""A seccomp filter: only Unix stream sockets that others connect to, no access to other processes, no children.

A model's process computes with threads and needs no child process. Without children there is no flood of processes, no
shell, and nothing that outlives the process and reads what the next task puts into the slot.

Landlock does not cover UDP, connecting to Unix sockets, System V memory and queues, or a file's owner, mode, times and
attributes, and covers signals only from ABI 6 on. `systemcalls` lists what is refused. The filter is classic BPF over
`struct seccomp_data` (linux/seccomp.h): system call number, architecture, six arguments of 64 bits.
"""

import ctypes
import errno
import os
import platform
import socket
import struct
import sys
from collections.abc import Iterable

from modicum_server.torchserve.confinement.process import libc
from modicum_server.torchserve.confinement.systemcalls import INSPECTED, REFUSED, numbers

PR_SET_SECCOMP = 22
MODE_FILTER = 2

LOAD = 0x20  # BPF_LD | BPF_W | BPF_ABS
EQUAL = 0x15  # BPF_JMP | BPF_JEQ | BPF_K
AT_LEAST = 0x35  # BPF_JMP | BPF_JGE | BPF_K
ANY_BIT = 0x45  # BPF_JMP | BPF_JSET | BPF_K
AND = 0x54  # BPF_ALU | BPF_AND | BPF_K
RETURN = 0x06  # BPF_RET | BPF_K

ALLOW = 0x7FFF0000
REFUSE = 0x00050000
NUMBER_OFFSET = 0
ARCHITECTURE_OFFSET = 4
ARGUMENTS_OFFSET = 16
SOCKET_TYPE_MASK = 0xF
CLONE_NEW_NAMESPACES = 0x7E020000  # user, pid, net, ipc, uts, cgroup, mount
CLONE_THREAD = 0x00010000
X32_BIT = 0x40000000

ARCHITECTURES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}

#: Commands of fcntl that choose which process gets a descriptor's signals. Before ABI 6, Landlock lets them reach every
#: process of the user. A lease would make others wait when they open the file.
OWNER_AND_LEASE_COMMANDS = (8, 10, 15, 1024)  # F_SETOWN, F_SETSIG, F_SETOWN_EX, F_SETLEASE
#: Commands of ioctl that choose the same for a socket.
SOCKET_OWNER_COMMANDS = (0x8901, 0x8902)  # FIOSETOWN, SIOCSPGRP


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_void_p))


def supported() -> bool:
    """Return whether there is a filter for this machine's architecture."""
    return sys.byteorder == "little" and platform.machine() in ARCHITECTURES


def install() -> None:
    """Install the filter on this process and its children, for good. Call `forbid_new_privileges` first.

    Raises:
        OSError: the kernel refuses, or there is no filter for this architecture.
    """
    if not supported():
        raise OSError(errno.ENOSYS, f"the seccomp filter supports {', '.join(ARCHITECTURES)} only")
    code = program(platform.machine(), os.getpid())
    buffer = ctypes.create_string_buffer(code, len(code))
    compiled = _Program(length=len(code) // 8, filter=ctypes.addressof(buffer))
    zero = ctypes.c_ulong(0)
    if libc.prctl(PR_SET_SECCOMP, ctypes.c_ulong(MODE_FILTER), ctypes.byref(compiled), zero, zero) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"seccomp: {os.strerror(number)}")


def program(machine: str, pid: int) -> bytes:
    """Return the filter for an architecture. The process may signal only `pid`: itself, also when it became Python."""
    steps = [
        _step(LOAD, ARCHITECTURE_OFFSET),
        _step(EQUAL, ARCHITECTURES[machine], 1, 0),
        _refuse(errno.EPERM),
        _step(LOAD, NUMBER_OFFSET),
    ]
    if machine == "x86_64":
        steps += [_step(AT_LEAST, X32_BIT, 0, 1), _refuse(errno.EPERM)]
    for number in numbers(REFUSED, machine).values():
        steps += [_step(EQUAL, number, 0, 1), _refuse(errno.EPERM)]
    checks = _checks(pid)
    for name, number in numbers(INSPECTED, machine).items():
        body = [*checks[name], _step(RETURN, ALLOW)]
        steps += [_step(EQUAL, number, 0, len(body)), *body]
    return b"".join([*steps, _step(RETURN, ALLOW)])


def _checks(pid: int) -> dict[str, list[bytes]]:
    """Return the checks of each inspected call. They refuse the call, or continue to the end."""
    unix_stream = [*_only(_argument(0), socket.AF_UNIX), *_only(_argument(1), socket.SOCK_STREAM, SOCKET_TYPE_MASK)]
    own = _only(_argument(0), pid)
    return {
        "socket": unix_stream,
        "socketpair": unix_stream,  # a datagram socket could send to any address without connecting
        "sendto": [*_only(_argument(4), 0), *_only(_argument(4) + 4, 0)],
        "kill": own,
        "tgkill": own,
        "prlimit64": _only(_argument(0), 0, also=pid),
        "sched_setaffinity": _only(_argument(0), 0, also=pid),
        "fcntl": _none_of(_argument(1), OWNER_AND_LEASE_COMMANDS),
        "ioctl": _none_of(_argument(1), SOCKET_OWNER_COMMANDS),
        "clone": _only_threads(),
        "clone3": [_refuse(errno.ENOSYS)],  # its flags are in memory; glibc falls back to clone
    }


def _only(offset: int, value: int, mask: int = 0xFFFFFFFF, also: int | None = None) -> list[bytes]:
    """Refuse unless the 32 bits at `offset` are `value` (or `also`)."""
    second = value if also is None else also
    checks = [_step(EQUAL, value, 2, 0), _step(EQUAL, second, 1, 0), _refuse(errno.EPERM)]
    return [_step(LOAD, offset), *([_step(AND, mask)] if mask != 0xFFFFFFFF else []), *checks]  # noqa: PLR2004 - all bits


def _none_of(offset: int, values: Iterable[int]) -> list[bytes]:
    """Refuse if the 32 bits at `offset` are one of the values."""
    checks = [step for value in values for step in (_step(EQUAL, value, 0, 1), _refuse(errno.EPERM))]
    return [_step(LOAD, offset), *checks]


def _only_threads() -> list[bytes]:
    """Refuse everything but new threads of this process, and refuse new namespaces."""
    flags = _step(LOAD, _argument(0))
    threads = [_step(ANY_BIT, CLONE_THREAD, 1, 0), _refuse(errno.EPERM)]
    return [flags, *threads, _step(ANY_BIT, CLONE_NEW_NAMESPACES, 0, 1), _refuse(errno.EPERM)]


def _argument(index: int) -> int:
    return ARGUMENTS_OFFSET + 8 * index


def _refuse(number: int) -> bytes:
    return _step(RETURN, REFUSE | number)


def _step(code: int, value: int, if_true: int = 0, if_false: int = 0) -> bytes:
    return struct.pack("<HBBI", code, if_true, if_false, value)
