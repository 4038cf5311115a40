"""Files that are written completely or not at all."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from modicum.errors import OutputNotWritten


@contextmanager
def refusing_writes(path: Path) -> Iterator[None]:
    """Turn an error of the disk into one that names the output.

    Raises:
        OutputNotWritten: the disk is full, or permissions are missing.
    """
    try:
        yield
    except OSError as error:
        raise OutputNotWritten(f"output {path}: could not be written: {error.strerror or error}") from error


@contextmanager
def replacing(path: Path) -> Iterator[BinaryIO]:
    """Yield a file that takes the place of `path` at the end of the block; devices and pipes are written directly.

    An error within the block leaves the folder as it was.

    Raises:
        OSError: the disk is full, or permissions are missing.
    """
    if path.exists() and not path.is_file():
        with path.open("wb") as file:
            yield file
        return
    beside = path.absolute().parent / f".{path.name}.{secrets.token_hex(4)}"
    try:
        with beside.open("xb") as file:
            yield file
        beside.replace(path)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise
