"""What a hostile program does once it runs in a model's process: tries each attempt and reports what came of it.

The text of this file is hidden in an edited `.pt2`, with its `PLAN` filled in. Safe where nothing confines it: signals
are harmless ones, children are few and end at once, what is written is small.
"""

import contextlib
import ctypes
import errno
import fcntl
import json
import os
import platform
import resource
import signal
import socket
import struct
import time
from pathlib import Path

#: Names -> paths, ports, process ids of what is to be reached.
PLAN = {}
CHILDREN = 20
PTRACE_SEIZE, PTRACE_DETACH = 0x4206, 17
CLONE_NEWUTS = 0x04000000
FORK = {"x86_64": 57}
MQ_OPEN, MQ_UNLINK = {"x86_64": (240, 241)}.get(platform.machine(), (180, 181))
IPC_CREATE, IPC_REMOVE = 0o1600, 0
F_SETSIG, F_SETOWN_EX, FIOSETOWN = 10, 15, 0x8901
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
        return sender.sendto(b"x", (PLAN["address"], port)) == 1


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


def same_priority(pid):
    os.setpriority(os.PRIO_PROCESS, pid, os.getpriority(os.PRIO_PROCESS, pid))
    return True


def same_scheduling(pid):
    os.sched_setscheduler(pid, os.sched_getscheduler(pid), os.sched_getparam(pid))
    return True


def same_cores(pid):
    os.sched_setaffinity(pid, os.sched_getaffinity(pid))
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


def make_ipc(made, remove):
    """Make what has a key in the kernel, and remove it again."""
    remove(checked(made))
    return True


def share_memory(key=0x6D6F6463):
    made = checked(libc.shmget(key, ctypes.c_size_t(4096), IPC_CREATE))
    libc.shmat.restype = ctypes.c_void_p
    attached = ctypes.c_void_p(libc.shmat(made, None, 0))
    libc.shmdt(attached)
    libc.shmctl(made, IPC_REMOVE, None)
    return attached.value != ctypes.c_void_p(-1).value


def make_message_queue():
    name = b"modicum-planted"
    os.close(checked(libc.syscall(MQ_OPEN, name, os.O_CREAT | os.O_RDWR, 0o600, None)))
    libc.syscall(MQ_UNLINK, name)
    return True


def mark(path):
    """Set an attribute; that the file system has none is no answer of a confinement."""
    try:
        os.setxattr(path, "user.modicum", b"x")
    except OSError as error:
        return error.errno == errno.ENOTSUP
    return True


def change_open_file():
    with Path(os.__file__).open("rb") as file:
        os.fchmod(file.fileno(), os.fstat(file.fileno()).st_mode & 0o7777)
        return True


def send_by_pair(path):
    left, right = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    with left, right:
        return left.sendmsg([b"x"], [], 0, path) == 1


def send_message():
    left, right = socket.socketpair()
    with left, right:
        return left.sendmsg([b"x"]) == 1


def send_messages():
    left, right = socket.socketpair()
    with left, right:
        return checked(libc.sendmmsg(left.fileno(), None, 0, 0)) == 0


def watch(folder):
    """Be told the names of files as they are made."""
    queue = checked(libc.inotify_init1(0))
    try:
        return checked(libc.inotify_add_watch(queue, os.fsencode(folder), 0x100)) >= 0
    finally:
        os.close(queue)


def own_pipe(command, argument):
    """Say something about the signals of a pipe."""
    reader, writer = os.pipe()
    try:
        fcntl.fcntl(reader, command, argument)
    finally:
        os.close(reader)
        os.close(writer)
    return True


def own_socket(pid):
    left, right = socket.socketpair()
    with left, right:
        fcntl.ioctl(left, FIOSETOWN, struct.pack("i", pid))
    return True


def lease(path):
    """Make others wait who want to write to a file."""
    with Path(path).open("rb") as file:
        fcntl.fcntl(file, fcntl.F_SETLEASE, fcntl.F_RDLCK)
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
    "share memory by System V": share_memory,
    "make a semaphore by System V": lambda: make_ipc(
        libc.semget(0x6D6F6463, 1, IPC_CREATE), lambda made: libc.semctl(made, 0, IPC_REMOVE)
    ),
    "make a message queue by System V": lambda: make_ipc(
        libc.msgget(0x6D6F6463, IPC_CREATE), lambda made: libc.msgctl(made, IPC_REMOVE, None)
    ),
    "make a message queue by POSIX": make_message_queue,
    "change the mode of the token": lambda: Path(PLAN["token"]).chmod(0o644) is None,
    "change the owner of the token": lambda: os.chown(PLAN["token"], os.getuid(), os.getgid()) is None,
    "change the times of the token": lambda: os.utime(PLAN["token"], (0, 0)) is None,
    "mark the token": lambda: mark(PLAN["token"]),
    "change the mode of Python's files": change_open_file,
    "hold a lease on Python's files": lambda: lease(os.__file__),
    "watch the data folder": lambda: watch(Path(PLAN["token"]).parent),
    "connect to a database's port": lambda: connect(
        socket.AF_INET, socket.SOCK_STREAM, (PLAN["address"], PLAN["port"])
    ),
    "connect to TorchServe's management": lambda: connect(
        socket.AF_INET, socket.SOCK_STREAM, (PLAN["management_address"], PLAN["management"])
    ),
    "connect to a neighbour's Unix socket": lambda: connect(
        socket.AF_UNIX, socket.SOCK_STREAM, PLAN["neighbour_socket"]
    ),
    "send a datagram": lambda: send_datagram(PLAN["port"]),
    "make a socket to the outside": make_outside_socket,
    "send a datagram by a pair of sockets": lambda: send_by_pair(PLAN["datagrams"]),
    "send a message that may have an address": send_message,
    "send many messages at once": send_messages,
    "fork": fork,
    "fork by its own system call": raw_fork,
    "run a shell command": shell,
    "signal its parent": lambda: send_signal(os.getppid()),
    "signal TorchServe": lambda: send_signal(PLAN["server"]),
    "signal every process": lambda: send_signal(-1, 0),
    "change TorchServe's priority": lambda: same_priority(PLAN["server"]),
    "change TorchServe's scheduling": lambda: same_scheduling(PLAN["server"]),
    "move TorchServe to other cores": lambda: same_cores(PLAN["server"]),
    "let a pipe signal TorchServe": lambda: own_pipe(fcntl.F_SETOWN, PLAN["server"]),
    "let a pipe signal TorchServe, by a structure": lambda: own_pipe(F_SETOWN_EX, struct.pack("ii", 1, PLAN["server"])),
    "let a socket signal TorchServe": lambda: own_socket(PLAN["server"]),
    "choose a pipe's signal": lambda: own_pipe(F_SETSIG, signal.SIGCONT),
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
