"""Bytes that can be read repeatedly, with their digest. The bytes of files are not held in memory."""

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
    """Bytes and their SHA-256. `label` names them in messages. `open` returns a stream from the first byte on."""

    digest: str
    size_bytes: int
    label: str
    open: Callable[[], BinaryIO] = field(repr=False)


def file_content(path: Path) -> Content:
    """The content of a file. It is hashed in blocks.

    Raises:
        InvalidSource: the file cannot be read.
    """
    require_file(path)
    return stream_content(lambda: path.open("rb"), str(path))


def stream_content(open_: Callable[[], BinaryIO], label: str) -> Content:
    """The content of a stream that can be opened again. It is hashed in blocks.

    Raises:
        InvalidSource: the stream cannot be read.
    """
    try:
        return hashed_content(open_, label)
    except OSError as error:
        raise InvalidSource(f"{label}: cannot be read: {reason_of(error)}") from error


def hashed_content(open_: Callable[[], BinaryIO], label: str) -> Content:
    """As `stream_content`, but errors of the system are not translated."""
    digest = hashlib.sha256()
    size_bytes = 0
    with open_() as stream:
        while block := stream.read(BLOCK_BYTES):
            digest.update(block)
            size_bytes += len(block)
    return Content(digest.hexdigest(), size_bytes, label, open_)


def whole_file(path: Path) -> bytes:
    """Read a small file, or a pipe, such as a key that a shell passes.

    Raises:
        InvalidSource: it cannot be read.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise InvalidSource(f"{path}: cannot be read: {error.strerror}") from error


def require_file(path: Path) -> None:
    """Refuse pipes, sockets and devices before they are opened: reading one may never end.

    Raises:
        InvalidSource: the path does not exist, or is not a file.
    """
    try:
        kind = path.stat().st_mode
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        raise InvalidSource(f"{path}: cannot be read: {reason_of(error)}") from error
    if not stat.S_ISREG(kind) and not stat.S_ISDIR(kind):
        raise InvalidSource(
            f"{path}: expected a file, got a pipe, a socket or a device; copy its content into a file first"
        )


def reason_of(error: OSError | ValueError) -> str:
    """The system's reason for an error of a file or its name."""
    return (error.strerror if isinstance(error, OSError) else None) or str(error)


def bytes_content(data: bytes, label: str) -> Content:
    """The content of bytes in memory."""
    return made_content(lambda: data, label)


def made_content(make: Callable[[], bytes], label: str) -> Content:
    """The content of bytes that are made each time they are needed. They must be the same each time."""
    data = make()
    return Content(hashlib.sha256(data).hexdigest(), len(data), label, lambda: io.BytesIO(make()))
