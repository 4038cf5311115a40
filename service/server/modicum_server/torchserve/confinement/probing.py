"""Tries what a hostile model would: `python -m ...probing SECRET_FILE OUTSIDE_PID SLOT [thorough]`, run by the wrapper.

Prints one JSON object that says for each attempt whether it succeeded. It must be able to list the slot's folder. With
`thorough` it also imports torch, because a confinement in which torch does not load is useless, and reports whether it
sees an accelerator.
"""

import contextlib
import importlib
import json
import os
import socket
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

LIBRARIES = ("numpy", "ts")


def reaches_network() -> None:
    """Send to loopback by UDP, or get far enough with TCP to be refused by the other side."""
    with contextlib.suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.sendto(b"", ("127.0.0.1", 9))
        return
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as tcp, contextlib.suppress(ConnectionRefusedError):
        tcp.connect(("127.0.0.1", 9))


def reaches_files(secret: Path) -> None:
    """Read a file outside the slot, or write outside the private temporary folder."""
    with contextlib.suppress(OSError):
        secret.read_bytes()
        return
    (secret.parent / "probe.written").write_bytes(b"")


def reaches_environment(outside: int) -> None:
    """Find an environment variable that should be gone, in this process or its parent."""
    if any(name.startswith("MODICUM_") for name in os.environ):
        return
    Path(f"/proc/{outside}/environ").read_bytes()


def reaches_processes(outside: int) -> None:
    """Signal a process outside."""
    os.kill(outside, 0)


def reaches_children() -> None:
    """Start a child process, which could outlive this one."""
    child = os.fork()
    if not child:
        os._exit(0)
    os.waitpid(child, 0)


def reaches_sockets() -> None:
    """Be allowed to connect to a Unix socket, even if none is at the path."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as unix, contextlib.suppress(FileNotFoundError):
        unix.connect(str(Path(tempfile.gettempdir(), "no-such-socket")))


def succeeded(attempt: Callable[[], None]) -> bool:
    """Return whether the attempt succeeded."""
    try:
        attempt()
    except OSError:
        return False
    return True


def main() -> None:
    """Try everything and print the results."""
    secret, outside, slot = Path(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3])
    list(slot.iterdir())
    for name in LIBRARIES:
        importlib.import_module(name)
    thorough = sys.argv[4:] == ["thorough"]
    results = {
        "network": succeeded(reaches_network),
        "files": succeeded(lambda: reaches_files(secret)),
        "environment": succeeded(lambda: reaches_environment(outside)),
        "processes": succeeded(lambda: reaches_processes(outside)),
        "children": succeeded(reaches_children),
        "sockets": succeeded(reaches_sockets),
        "accelerator": thorough and bool(importlib.import_module("torch").cuda.is_available()),
    }
    print(json.dumps(results))  # noqa: T201 - the result


if __name__ == "__main__":
    main()
