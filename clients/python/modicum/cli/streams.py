"""The three streams of a process, whatever its caller made of them. Imports nothing that takes time."""

import io
import os
import sys

_MODES = ("r", "w", "w")


def open_absent() -> None:
    """Put /dev/null where a stream is closed, and write what a stream's encoding lacks as escapes.

    A closed descriptor would be taken by the next file or connection, which then gets what is printed.
    """
    for descriptor in range(len(_MODES)):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # the lowest free descriptor, which is this one
    sys.stdin, sys.stdout, sys.stderr = (
        stream or os.fdopen(descriptor, mode, encoding="utf-8", closefd=False)
        for descriptor, (stream, mode) in enumerate(zip((sys.stdin, sys.stdout, sys.stderr), _MODES, strict=True))
    )
    for output in (sys.stdout, sys.stderr):
        if isinstance(output, io.TextIOWrapper):
            output.reconfigure(errors="backslashreplace")
