"""Tries what a hostile model would: `python -m ...probing SECRET_FILE OUTSIDE_PID [thorough]`, run through the wrapper.

Prints one JSON object: for each name whether it could be done. With the word `thorough` it also imports torch, since a
confinement in which it does not load is of no use, and says whether it sees an accelerator.
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
    """Make a UDP socket and send to loopback, or let a TCP connection to it be refused by the other side."""
    with contextlib.suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        udp.sendto(b"", ("127.0.0.1", 9))
        return
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as tcp, contextlib.suppress(ConnectionRefusedError):
        tcp.connect(("127.0.0.1", 9))


def reaches_files(secret: Path) -> None:
    """Read a file beside the slot, or write beside the private tmp."""
    with contextlib.suppress(OSError):
        secret.read_bytes()
        return
    (secret.parent / "probe.written").write_bytes(b"")


def reaches_environment(outside: int) -> None:
    """Find a variable that should have been removed, here or in the process that started us."""
    if any(name.startswith("MODICUM_") for name in os.environ):
        return
    Path(f"/proc/{outside}/environ").read_bytes()


def reaches_processes(outside: int) -> None:
    """Signal a process that is not ours."""
    os.kill(outside, 0)


def reaches_children() -> None:
    """Start a process, which could outlive the one that it came from."""
    child = os.fork()
    if not child:
        os._exit(0)
    os.waitpid(child, 0)


def reaches_sockets() -> None:
    """Be able to ask for a connection to a Unix socket; that there is none at this path comes later."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as unix, contextlib.suppress(FileNotFoundError):
        unix.connect(str(Path(tempfile.gettempdir(), "no-such-socket")))


def succeeded(attempt: Callable[[], None]) -> bool:
    """Whether the attempt came through."""
    try:
        attempt()
    except OSError:
        return False
    return True


def main() -> None:
    """Try everything and print the results."""
    secret, outside = Path(sys.argv[1]), int(sys.argv[2])
    for name in LIBRARIES:
        importlib.import_module(name)
    thorough = sys.argv[3:] == ["thorough"]
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
