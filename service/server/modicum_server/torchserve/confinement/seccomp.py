"""A seccomp filter: no sockets but Unix stream sockets that others connect to, no hold over other processes, no child.

A model's process computes with threads and needs no process beside itself. Without one there is no flood of processes,
no shell, and nothing that outlives it and reads what the next task brings into the slot.

Landlock knows neither UDP nor the connecting to Unix sockets, and before ABI 6 no signals. The filter is written in
classic BPF over `struct seccomp_data` (linux/seccomp.h): system call number, architecture, six arguments of 64 bits.
"""

import ctypes
import errno
import os
import platform
import socket
import struct
import sys

from modicum_server.torchserve.confinement.process import libc

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

#: The same numbers everywhere: they came after the tables were unified.
_UNIFIED = {
    "pidfd_send_signal": 424,
    "io_uring_setup": 425,
    "io_uring_enter": 426,
    "io_uring_register": 427,
    "open_tree": 428,
    "move_mount": 429,
    "fsopen": 430,
    "fsconfig": 431,
    "fsmount": 432,
    "fspick": 433,
    "pidfd_getfd": 438,
    "process_madvise": 440,
    "mount_setattr": 442,
    "process_mrelease": 448,
}

_NAMES = (
    *("connect", "ptrace", "tkill", "rt_sigqueueinfo", "rt_tgsigqueueinfo", "process_vm_readv", "process_vm_writev"),
    *("kcmp", "bpf", "perf_event_open", "userfaultfd", "keyctl", "add_key", "request_key", "mount", "umount2"),
    *("pivot_root", "chroot", "unshare", "setns", "open_by_handle_at", "init_module", "finit_module", "delete_module"),
    *("kexec_load", "kexec_file_load", "reboot", "swapon", "swapoff", "acct", "settimeofday", "clock_settime"),
    *("sethostname", "setdomainname", "quotactl"),
)

_NUMBERS = {
    "x86_64": (
        *(42, 101, 200, 129, 297, 310, 311, 312, 321, 298, 323, 250, 248, 249, 165, 166, 155, 161, 272, 308),
        *(304, 175, 313, 176, 246, 320, 169, 167, 168, 163, 164, 227, 170, 171, 179),
    ),
    "aarch64": (
        *(203, 117, 130, 138, 240, 270, 271, 272, 280, 241, 282, 219, 217, 218, 40, 39, 41, 51, 97, 268),
        *(265, 105, 273, 106, 104, 294, 142, 224, 225, 89, 170, 112, 161, 162, 60),
    ),
}

#: Ways to a child process beside clone; newer architectures have none.
_FORKS = {"x86_64": {"fork": 57, "vfork": 58}, "aarch64": {}}

#: System calls that are looked into: number by architecture.
_INSPECTED_NAMES = ("socket", "kill", "tgkill", "prlimit64", "sendto", "clone", "clone3")
_INSPECTED_NUMBERS = {"x86_64": (41, 62, 234, 302, 44, 56, 435), "aarch64": (198, 129, 131, 261, 206, 220, 435)}


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_void_p))


def supported() -> bool:
    """Whether the filter is written for this machine."""
    return sys.byteorder == "little" and platform.machine() in ARCHITECTURES


def install() -> None:
    """Put the filter on this process and all that it starts, for good. Needs `forbid_new_privileges` before.

    Raises:
        OSError: the kernel refuses, or the filter is not written for this machine.
    """
    if not supported():
        raise OSError(errno.ENOSYS, f"the seccomp filter is written for {', '.join(ARCHITECTURES)} only")
    code = program(platform.machine(), os.getpid())
    buffer = ctypes.create_string_buffer(code, len(code))
    compiled = _Program(length=len(code) // 8, filter=ctypes.addressof(buffer))
    zero = ctypes.c_ulong(0)
    if libc.prctl(PR_SET_SECCOMP, ctypes.c_ulong(MODE_FILTER), ctypes.byref(compiled), zero, zero) != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"seccomp: {os.strerror(number)}")


def program(machine: str, pid: int) -> bytes:
    """Return the filter for a machine, which lets a process signal only `pid`: itself, also after it became Python."""
    refused = [*zip(_NAMES, _NUMBERS[machine], strict=True), *_UNIFIED.items(), *_FORKS[machine].items()]
    steps = [
        _step(LOAD, ARCHITECTURE_OFFSET),
        _step(EQUAL, ARCHITECTURES[machine], 1, 0),
        _refuse(errno.EPERM),
        _step(LOAD, NUMBER_OFFSET),
    ]
    if machine == "x86_64":
        steps += [_step(AT_LEAST, X32_BIT, 0, 1), _refuse(errno.EPERM)]
    for _, number in refused:
        steps += [_step(EQUAL, number, 0, 1), _refuse(errno.EPERM)]
    inspected = dict(zip(_INSPECTED_NAMES, _INSPECTED_NUMBERS[machine], strict=True))
    own = _only(_argument(0), pid)
    for name, check in (
        ("socket", [*_only(_argument(0), socket.AF_UNIX), *_only(_argument(1), socket.SOCK_STREAM, SOCKET_TYPE_MASK)]),
        ("kill", own),
        ("tgkill", own),
        ("prlimit64", _only(_argument(0), 0, also=pid)),
        ("sendto", [*_only(_argument(4), 0), *_only(_argument(4) + 4, 0)]),
        ("clone", _only_threads()),
        ("clone3", [_refuse(errno.ENOSYS)]),  # its flags lie in memory; glibc falls back to clone
    ):
        body = [*check, _step(RETURN, ALLOW)]
        steps += [_step(EQUAL, inspected[name], 0, len(body)), *body]
    return b"".join([*steps, _step(RETURN, ALLOW)])


def _only(offset: int, value: int, mask: int = 0xFFFFFFFF, also: int | None = None) -> list[bytes]:
    """Refuse unless the 32 bits at `offset` are `value` (or `also`)."""
    second = value if also is None else also
    checks = [_step(EQUAL, value, 2, 0), _step(EQUAL, second, 1, 0), _refuse(errno.EPERM)]
    return [_step(LOAD, offset), *([_step(AND, mask)] if mask != 0xFFFFFFFF else []), *checks]  # noqa: PLR2004 - all bits


def _only_threads() -> list[bytes]:
    """Refuse what is no thread of this process, or asks for namespaces."""
    flags = _step(LOAD, _argument(0))
    threads = [_step(ANY_BIT, CLONE_THREAD, 1, 0), _refuse(errno.EPERM)]
    return [flags, *threads, _step(ANY_BIT, CLONE_NEW_NAMESPACES, 0, 1), _refuse(errno.EPERM)]


def _argument(index: int) -> int:
    return ARGUMENTS_OFFSET + 8 * index


def _refuse(number: int) -> bytes:
    return _step(RETURN, REFUSE | number)


def _step(code: int, value: int, if_true: int = 0, if_false: int = 0) -> bytes:
    return struct.pack("<HBBI", code, if_true, if_false, value)
