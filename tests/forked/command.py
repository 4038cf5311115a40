"""The `modicum` command for a shell, without the time that its imports take."""

import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

HERE = Path(__file__).parent
FRESH = shlex.join([sys.executable, "-c", "from modicum.cli import main; main()"])
"""The command in a process of its own, from the start of Python on: 0.6 s of CPU."""


@contextmanager
def forked_command() -> Iterator[str]:
    """The words that run the command in a process forked from one that has imported it: 0.1 s of CPU."""
    folder = Path(tempfile.mkdtemp(prefix="mt-"))
    address = folder / "socket"
    words = [sys.executable, HERE / "server.py", address]
    try:
        with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as server:
            assert server.stdout.readline() == b"ready\n"
            yield shlex.join([sys.executable, "-I", "-S", str(HERE / "caller.py"), str(address)])
            server.stdin.close()
    finally:
        shutil.rmtree(folder)
