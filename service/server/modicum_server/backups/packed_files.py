"""Compressed files of a backup: written piece by piece, and read only where they are what the manifest says."""

import asyncio
import gzip
import hashlib
import os
import zlib
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing, contextmanager
from pathlib import Path
from typing import IO

from modicum_server.domain.backups import WrittenFile
from modicum_server.errors import DependencyUnavailable, DiskFull
from modicum_server.processes.durable_files import synchronise
from modicum_server.processes.full_disks import is_disk_full
from modicum_server.usecases.backup_errors import BackupDamaged

#: What is compressed at once, and what is read at once.
PACKED_BYTES, READ_BYTES = 1024 * 1024, 64 * 1024
#: Rows of JSON and masks shrink to about a tenth at this level, about as fast as a disk takes them.
COMPRESSION = 3
#: zlib's window, with gzip's head and end.
GZIP_WINDOW = 16 + zlib.MAX_WBITS


async def write_packed(folder: Path, name: str, pieces: AsyncGenerator[bytes]) -> WrittenFile:
    """Write pieces to a compressed file, durably.

    Raises:
        DiskFull, DependencyUnavailable
    """
    path = folder / name
    with disk_errors(path):
        file = await asyncio.to_thread(_created, path)
        with file, gzip.GzipFile("", "wb", COMPRESSION, file, mtime=0) as packed:
            async with aclosing(_gathered(pieces)) as larger:
                async for piece in larger:
                    await asyncio.to_thread(packed.write, piece)
        return WrittenFile(name, path.stat().st_size, await asyncio.to_thread(_synchronised_digest, path))


async def read_packed(folder: Path, file: WrittenFile) -> AsyncGenerator[bytes]:
    """Yield what a compressed file holds.

    Raises:
        BackupDamaged: at the latest after the last piece.
    """
    path = folder / file.path
    hashed, unpacking = hashlib.sha256(), zlib.decompressobj(GZIP_WINDOW)
    with disk_errors(path):
        if not path.is_file() or path.stat().st_size != file.size_bytes:
            raise damaged(file.path, f"expected {file.size_bytes:,} bytes, got {_size(path)}")
        with path.open("rb") as packed:
            while raw := await asyncio.to_thread(packed.read, READ_BYTES):
                hashed.update(raw)
                try:
                    piece = unpacking.decompress(raw)
                except zlib.error as error:
                    raise damaged(file.path, "it cannot be decompressed") from error
                if piece:
                    yield piece
    if hashed.hexdigest() != file.sha256:
        raise damaged(file.path, f"expected the SHA-256 {file.sha256}, got {hashed.hexdigest()}")


def write_whole(path: Path, data: bytes) -> None:
    """Write a small file durably: it is there as a whole, or not. Blocks."""
    fresh = path.with_name(f"{path.name}.new")
    with disk_errors(path):
        with _created(fresh) as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        fresh.replace(path)
        synchronise(path.parent)


def damaged(name: str, how: str) -> BackupDamaged:
    """Return the error of a file that is not what the manifest says."""
    return BackupDamaged(f"the backup is damaged: {name}: {how}; restore another copy of it")


@contextmanager
def disk_errors(path: Path) -> Iterator[None]:
    """Turn errors of the backup's disk into the domain's.

    Raises:
        DiskFull, DependencyUnavailable
    """
    try:
        yield
    except OSError as error:
        if is_disk_full(error):
            raise DiskFull(
                f"the disk of the backup is full ({path.parent}); free some space, then try again"
            ) from error
        raise DependencyUnavailable(f"the file {path} of the backup cannot be used: {error.strerror}") from error


async def _gathered(pieces: AsyncGenerator[bytes]) -> AsyncGenerator[bytes]:
    """Yield the same bytes in larger pieces: each costs a thread."""
    held = bytearray()
    async with aclosing(pieces):
        async for piece in pieces:
            held += piece
            if len(held) >= PACKED_BYTES:
                yield bytes(held)
                held.clear()
    yield bytes(held)


def _created(path: Path) -> IO[bytes]:
    """Open a new file that only its owner may read."""
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb")


def _synchronised_digest(path: Path) -> str:
    with path.open("rb") as file:
        os.fsync(file.fileno())
        return hashlib.file_digest(file, "sha256").hexdigest()


def _size(path: Path) -> str:
    return f"{path.stat().st_size:,}" if path.is_file() else "no file"
