"""What a hostile program does once it runs in a model's process: tries each attempt and reports what came of it.

The text of this file is hidden in an edited `.pt2`, with its `PLAN` filled in. Safe where nothing confines it: signals
are harmless ones, children are few and end at once, what is written is small.
"""

import contextlib
import ctypes
import json
import os
import platform
import resource
import signal
import socket
import time
from pathlib import Path

#: Names -> paths, ports, process ids of what is to be reached.
PLAN = {}
CHILDREN = 20
PTRACE_SEIZE, PTRACE_DETACH = 0x4206, 17
CLONE_NEWUTS = 0x04000000
FORK = {"x86_64": 57}
SECONDS_FOR_THE_READER = 60

libc = ctypes.CDLL(None, use_errno=True)


def read(path):
    with Path(path).open("rb") as file:
        return bool(file.read(64))


def write(path):
    with Path(path).open("ab") as file:
        return file.write(b"x") == 1


def connect(family, kind, address):
    with socket.socket(family, kind) as reached:
        reached.settimeout(5)
        reached.connect(address)
        return True


def send_datagram(port):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        return sender.sendto(b"x", ("127.0.0.1", port)) == 1


def make_outside_socket():
    with socket.socket(socket.AF_INET6, socket.SOCK_STREAM) as made:
        return made.fileno() >= 0


def fork():
    for _ in range(CHILDREN):
        child = os.fork()
        if not child:
            os._exit(0)
        os.waitpid(child, 0)
    return True


def raw_fork():
    if platform.machine() not in FORK:  # has clone alone, which os.fork uses
        return fork()
    child = checked(libc.syscall(FORK[platform.machine()]))
    if not child:
        os._exit(0)
    os.waitpid(child, 0)
    return True


def shell():
    status = os.system("exit 7")
    if status == -1 or os.waitstatus_to_exitcode(status) != 7:
        raise PermissionError
    return True


def send_signal(pid, number=signal.SIGCONT):
    os.kill(pid, number)
    return True


def trace(pid):
    checked(libc.ptrace(PTRACE_SEIZE, pid, None, None))
    libc.ptrace(PTRACE_DETACH, pid, None, None)
    return True


def lift_limits():
    for kind in (resource.RLIMIT_FSIZE, resource.RLIMIT_NOFILE, resource.RLIMIT_DATA):
        _, hard = resource.getrlimit(kind)
        if hard == resource.RLIM_INFINITY:
            return True
        resource.setrlimit(kind, (hard + 1, hard + 1))
    return True


def make_large_file(path):
    with Path(path).open("wb") as file:
        file.truncate(8 << 20)
    return True


def open_many_files():
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    with contextlib.ExitStack() as held:
        for _ in range(1500):
            held.enter_context(Path("/dev/null").open("rb"))
    return True


def checked(answer):
    if answer < 0:
        raise OSError(ctypes.get_errno(), "refused")
    return answer


def own(name):
    return Path(os.environ["HOME"], name)


ATTEMPTS = {
    "read the system's list of users": lambda: read("/etc/passwd"),
    "write into its own tmp": lambda: write(own("note")),
    "read the token in the data folder": lambda: read(PLAN["token"]),
    "write into the data folder": lambda: write(Path(PLAN["token"]).with_name("planted")),
    "read a neighbour's slot": lambda: read(PLAN["neighbour_file"]),
    "write into a neighbour's tmp": lambda: write(Path(PLAN["neighbour_tmp"], "planted")),
    "write into its own slot": lambda: write(Path(PLAN["slot"], "planted")),
    "read TorchServe's keys": lambda: read(PLAN["keys"]),
    "read TorchServe's environment": lambda: read(f"/proc/{PLAN['server']}/environ"),
    "read TorchServe's command line": lambda: read(f"/proc/{PLAN['server']}/cmdline"),
    "write into the system's tmp": lambda: write(Path(PLAN["system_tmp"], "modicum-planted")),
    "write into the system's memory": lambda: write("/dev/shm/modicum-planted"),
    "write beside the devices": lambda: write("/dev/modicum-planted"),
    "connect to a database's port": lambda: connect(socket.AF_INET, socket.SOCK_STREAM, ("127.0.0.1", PLAN["port"])),
    "connect to TorchServe's management": lambda: connect(
        socket.AF_INET, socket.SOCK_STREAM, ("127.0.0.1", PLAN["management"])
    ),
    "connect to a neighbour's Unix socket": lambda: connect(
        socket.AF_UNIX, socket.SOCK_STREAM, PLAN["neighbour_socket"]
    ),
    "send a datagram": lambda: send_datagram(PLAN["port"]),
    "make a socket to the outside": make_outside_socket,
    "fork": fork,
    "fork by its own system call": raw_fork,
    "run a shell command": shell,
    "signal its parent": lambda: send_signal(os.getppid()),
    "signal TorchServe": lambda: send_signal(PLAN["server"]),
    "signal every process": lambda: send_signal(-1, 0),
    "trace its parent": lambda: trace(os.getppid()),
    "trace TorchServe": lambda: trace(PLAN["server"]),
    "enter a namespace of its own": lambda: checked(libc.unshare(CLONE_NEWUTS)) == 0,
    "lift its own limits": lift_limits,
    "make a file of 8 MiB": lambda: make_large_file(own("large")),
    "open 1,500 files": open_many_files,
}


def outcome(attempt):
    try:
        return "done" if attempt() else "refused"
    except (OSError, ValueError):
        return "refused"


def report():
    """Write what came of each attempt into our own tmp, and wait until it was read."""
    answers = {name: outcome(attempt) for name, attempt in ATTEMPTS.items()}
    own("report.new").write_text(json.dumps(answers))
    own("report.new").rename(own("report.json"))
    deadline = time.monotonic() + SECONDS_FOR_THE_READER
    while not own("read").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
