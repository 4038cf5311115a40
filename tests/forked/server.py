"""Imports the `modicum` command once, and forks a process for each call of `caller.py`, in which the command runs.

The process has the caller's arguments, folder, variables and streams, and ends as any Python program does: a flush that
fails and functions at exit are those of the real command. Two things differ: what Python reads when it starts, such as
PYTHONPATH, and when the process began, which `--budget` counts from. Tests of these start a process of their own.
"""

import contextlib
import gc
import importlib
import io
import marshal
import os
import select
import socket
import struct
import sys
from collections.abc import Mapping, Sequence
from functools import cache

import typer

#: What the commands import when they are called.
IMPORTED = (
    "modicum.attestation.keys",
    "modicum.attestation.model_signature",
    "modicum.attestation.verification",
    "modicum.cli.command",
    "modicum.client",
    "jsonschema",
    "scipy.special",
    "yaml",
)


def serve(address: str) -> None:
    """Fork for each call until our standard input ends. Returns in the forked process, ready to run the command."""
    for name in IMPORTED:
        importlib.import_module(name)
    _join_commands()
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(address)
        listener.listen()
        print("ready", flush=True)  # noqa: T201 - what `command.py` waits for
        gc.freeze()
        while listener in select.select([listener, sys.stdin], [], [])[0]:
            call, _ = listener.accept()
            with call:
                if os.fork() == 0:
                    listener.close()
                    _run(call)
                    return
            _reap()
    sys.exit()


def _join_commands() -> None:
    """Join the subcommands, which each process would do anew."""
    typer.main.get_command = cache(typer.main.get_command)
    typer.main.get_command(sys.modules["modicum.cli.command"].app)


def _reap() -> None:
    """Take the exit codes of processes that have waited for their command."""
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def _run(call: socket.socket) -> None:
    """Wait in this process for the command in another, where this returns."""
    size, passed, _, _ = socket.recv_fds(call, 4, 3)
    request = call.recv(struct.unpack("!I", size)[0], socket.MSG_WAITALL)
    arguments, folder, variables, streams = marshal.loads(request)
    if process := os.fork():
        for descriptor in passed:
            os.close(descriptor)
        code = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
        call.sendall(struct.pack("!ii", max(code, 0), max(-code, 0)))
        os._exit(0)
    _become(arguments, folder, variables)
    _take(dict(zip(streams, passed, strict=True)))


def _become(arguments: Sequence[str], folder: str, variables: Mapping[str, str]) -> None:
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(variables)
    sys.argv = ["-c", *arguments]


def _take(passed: Mapping[int, int]) -> None:
    """Put the caller's streams in place of ours. A closed one becomes None, as when Python starts."""
    for descriptor, name in enumerate(("stdin", "stdout", "stderr")):
        ours, theirs = getattr(sys, name), None
        if descriptor in passed:
            os.dup2(passed[descriptor], descriptor)
            os.close(passed[descriptor])
            theirs = _stream(descriptor, ours)
        else:
            os.close(descriptor)
        setattr(sys, name, theirs)
        setattr(sys, f"__{name}__", theirs)


def _stream(descriptor: int, like: io.TextIOWrapper) -> io.TextIOWrapper:
    binary = os.fdopen(descriptor, "wb" if descriptor else "rb", closefd=False)
    lines = like.line_buffering or binary.isatty()
    return io.TextIOWrapper(binary, like.encoding, like.errors, line_buffering=lines, write_through=like.write_through)


if __name__ == "__main__":
    serve(sys.argv[1])
    from modicum.cli import main

    main()
