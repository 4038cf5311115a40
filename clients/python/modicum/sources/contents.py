"""Bytes that can be read again and again, with their digest. Holds no bytes of files."""

import hashlib
import io
import stat
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from modicum.errors import InvalidSource

BLOCK_BYTES = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Content:
    """Bytes by SHA-256. `label` is what to call them in messages; `open` begins at the first byte."""

    digest: str
    size_bytes: int
    label: str
    open: Callable[[], BinaryIO] = field(repr=False)


def file_content(path: Path) -> Content:
    """The content of a file, hashed without holding it.

    Raises:
        InvalidSource: it is no readable file.
    """
    require_file(path)
    try:
        with path.open("rb") as stream:
            digest = hashlib.sha256()
            size_bytes = 0
            while block := stream.read(BLOCK_BYTES):
                digest.update(block)
                size_bytes += len(block)
    except OSError as error:
        raise InvalidSource(f"{path}: expected a readable file, but: {error.strerror}") from error
    return Content(digest.hexdigest(), size_bytes, str(path), lambda: path.open("rb"))


def require_file(path: Path) -> None:
    """Refuse what is no file before it is opened: a pipe would be waited for, a device has no end.

    Raises:
        InvalidSource
    """
    try:
        kind = path.stat().st_mode
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        raise InvalidSource(f"{path}: expected a readable file, but: {reason_of(error)}") from error
    if not stat.S_ISREG(kind) and not stat.S_ISDIR(kind):
        raise InvalidSource(f"{path}: expected a file; it is a pipe, a socket or a device. Copy it into a file first")


def reason_of(error: OSError | ValueError) -> str:
    """What the system says is wrong with a name or a file."""
    return (error.strerror if isinstance(error, OSError) else None) or str(error)


def bytes_content(data: bytes, label: str) -> Content:
    """The content of bytes at hand."""
    return made_content(lambda: data, label)


def made_content(make: Callable[[], bytes], label: str) -> Content:
    """The content of bytes that are made whenever they are needed, always the same."""
    data = make()
    return Content(hashlib.sha256(data).hexdigest(), len(data), label, lambda: io.BytesIO(make()))
