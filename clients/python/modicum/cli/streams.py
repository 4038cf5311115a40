"""Standard input, output and error, which the parent may have closed. Imports nothing that takes time."""

import io
import os
import sys

_MODES = ("r", "w", "w")


def open_closed() -> None:
    """Open /dev/null in place of a closed stream. Escape characters that the encoding of a stream lacks.

    The next file or connection would get the number of a closed descriptor, and then everything that is printed.
    """
    for descriptor in range(len(_MODES)):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest free descriptor, which is this one
    sys.stdin, sys.stdout, sys.stderr = (
        stream or os.fdopen(descriptor, mode, encoding="utf-8", closefd=False)
        for descriptor, (stream, mode) in enumerate(zip((sys.stdin, sys.stdout, sys.stderr), _MODES, strict=True))
    )
    for output in (sys.stdout, sys.stderr):
        if isinstance(output, io.TextIOWrapper):
            output.reconfigure(errors="backslashreplace")
