"""Log files of the local server: readable by their owner alone, and no larger than a limit."""

import asyncio
import os
import shutil
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

LARGEST_BYTES = 50 * 1024 * 1024
LOOK_SECONDS = 10.0
OWNER_ONLY = 0o600


def open_log(path: Path) -> BinaryIO:
    """Open a log to append to. Others may not read it, also if it is there already."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, OWNER_ONLY)
    with suppress(PermissionError):  # another user's log stays as it is
        os.fchmod(descriptor, OWNER_ONLY)
    return os.fdopen(descriptor, "ab")


async def keep_small(paths: Sequence[Path]) -> None:
    """Look at the logs again and again; never returns."""
    while True:
        await asyncio.sleep(LOOK_SECONDS)
        for path in paths:
            with suppress(OSError):  # a full disk must not end the server
                await asyncio.to_thread(rotate, path)


def rotate(path: Path, largest_bytes: int = LARGEST_BYTES) -> None:
    """Move what is in a log that is too large to `NAME.1`, in place of what was there. Its writer goes on writing.

    Lines that come in the same moment may be lost: the writer appends to the same open file, which is emptied.
    """
    if path.stat().st_size <= largest_bytes:
        return
    old = path.with_name(f"{path.name}.1")
    fresh = path.with_name(f"{path.name}.new")
    fresh.unlink(missing_ok=True)  # of a rotation that failed
    with path.open("rb") as source, open_log(fresh) as copy:
        shutil.copyfileobj(source, copy)
    fresh.replace(old)
    os.truncate(path, 0)
