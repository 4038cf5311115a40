"""Standard input, output and error, which the parent may have closed. Imports nothing that takes time."""

import io
import os
import sys

_MODES = ("r", "w", "w")


class Messages(io.TextIOWrapper):
    """stderr on a disk that may be full: then messages are lost, and the exit code is not."""

    def write(self, text: str) -> int:
        """Write what can be written."""
        try:
            return super().write(text)
        except BrokenPipeError:
            raise
        except OSError:
            return len(text)

    def flush(self) -> None:
        """Flush what can be flushed."""
        try:
            super().flush()
        except BrokenPipeError:
            raise
        except OSError:
            """The disk is full. What it holds is tried again with the next message."""


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
    if type(sys.stderr) is io.TextIOWrapper:
        encoding, buffered = sys.stderr.encoding, sys.stderr.line_buffering
        sys.stderr = Messages(sys.stderr.detach(), encoding, line_buffering=buffered)
    for output in (sys.stdout, sys.stderr):
        if isinstance(output, io.TextIOWrapper):
            output.reconfigure(errors="backslashreplace")
