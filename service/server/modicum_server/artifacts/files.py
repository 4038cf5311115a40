"""Files by digest in a folder: their paths, atomic writes, and the errors of the disk.

Everything here blocks; the stores call it in threads.
"""

import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from modicum_server.domain.digests import is_digest
from modicum_server.errors import ArtifactCorrupt, DependencyUnavailable, DiskFull, FieldInvalid, ModicumError
from modicum_server.processes.durable_files import synchronise
from modicum_server.processes.full_disks import is_disk_full

PIECE_BYTES = 256 * 1024
SERVED_BYTES = 64 * 1024
"""As large are the pieces of a file that is served. Each open download holds a few of them."""
HASHED_AT_ONCE_BYTES = 16 * 1024 * 1024
#: Readable for all who may enter the folder and writable for none, because a file is linked into a model's slot.
STORED_MODE = 0o444


def folder_names(folder: Path) -> list[str]:
    """Return the names in a folder; none where there is no such folder."""
    return os.listdir(folder) if folder.is_dir() else []  # noqa: PTH208 - only names are wanted


def checked(digest: str) -> str:
    """Return the digest, which becomes a part of a path.

    Raises:
        FieldInvalid
    """
    if not is_digest(digest):
        raise FieldInvalid(
            "digest", f"expected a SHA-256 digest of 64 lower-case hexadecimal digits, got {digest[:80]!r}"
        )
    return digest


def place_of(digest: str) -> str:
    """Return the path of a digest below the root: `ab/abcd...`, so that no single folder holds everything."""
    return f"{checked(digest)[:2]}/{digest}"


@contextmanager
def disk_errors() -> Iterator[None]:
    """Turn errors of the operating system into the domain's.

    Raises:
        DiskFull, DependencyUnavailable
    """
    try:
        yield
    except OSError as error:
        if is_disk_full(error):
            raise DiskFull("the artifact store is full; free some space, then send the rest again") from error
        raise DependencyUnavailable("the artifact store cannot be reached; try again") from error


@contextmanager
def driver_errors() -> Iterator[None]:
    """Turn errors of a remote store's driver into the domain's: its own kinds, too, which are no OSError.

    Raises:
        DiskFull, DependencyUnavailable
    """
    try:
        with disk_errors():
            yield
    except ModicumError:
        raise
    except Exception as error:
        raise DependencyUnavailable("the artifact store cannot be reached; try again") from error


def move_in(source: Path, destination: Path) -> None:
    """Move a file that is complete and on the disk to its place, durably. A file that is there already is replaced."""
    _move_all_in({source: destination})


def write_in(data: bytes, destination: Path, scratch: Path) -> None:
    """Write bytes to their place, durably, through a file in `scratch` on the same disk."""
    write_all_in({destination: data}, scratch)


def write_all_in(contents: Mapping[Path, bytes], scratch: Path) -> None:
    """Write bytes to their places, durably, through files in `scratch` on the same disk.

    All are written before the first is synchronised, so that the file system takes them to the disk together.
    """
    with tempfile.TemporaryDirectory(dir=scratch, prefix="put-") as folder:
        written = {Path(folder) / str(number): place for number, place in enumerate(contents)}
        for file, place in written.items():
            file.write_bytes(contents[place])
        for file in written:
            synchronise(file)
        _move_all_in(written)


def copy_in(source: Path, destination: Path, scratch: Path) -> None:
    """Copy a file to its place, durably, through a file in `scratch` on the same disk."""
    with tempfile.TemporaryDirectory(dir=scratch, prefix="put-") as folder:
        written = Path(folder) / source.name
        shutil.copyfile(source, written)
        synchronise(written)
        move_in(written, destination)


def _move_all_in(places: Mapping[Path, Path]) -> None:
    """Move files, which are on the disk, to their places. The new names are on the disk before this returns."""
    for source, destination in places.items():
        destination.parent.mkdir(parents=True, exist_ok=True)
        source.chmod(STORED_MODE)
        source.replace(destination)
    folders = {destination.parent for destination in places.values()}
    for folder in folders | {folder.parent for folder in folders}:
        with suppress(OSError):  # some file systems cannot synchronise folders
            synchronise(folder)


def link_or_copy(source: Path, fresh: Path) -> None:
    """Put a stored file at a local path where nothing is: by hard link if possible."""
    try:
        os.link(source, fresh)
    except FileNotFoundError:
        raise
    except OSError:  # another disk, or a file system without links
        shutil.copyfile(source, fresh)
        fresh.chmod(STORED_MODE)


def stage(digest: str, bring: Callable[[Path], object], destination: Path) -> None:
    """Let `bring` put a file beside a local path, hash it there, and move it to the path, replacing what is there.

    The file that is hashed is the one that is used: no write to the store's own name comes between.

    Raises:
        ArtifactCorrupt: nothing was put there.
    """
    destination.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=destination.parent, prefix=".fetch-") as folder:
        fresh = Path(folder) / digest
        bring(fresh)
        found = digest_of(fresh)
        if found != digest:
            raise ArtifactCorrupt.of(digest, found)
        fresh.replace(destination)


def digest_of(path: Path) -> str:
    """Return the SHA-256 of a file, in hexadecimal digits."""
    with path.open("rb") as file:
        return hash_rest(file).hexdigest()


def hash_rest(file: IO[bytes]) -> "hashlib._Hash":
    """Hash an open file from its position to its end."""
    digest = hashlib.sha256()
    while piece := file.read(PIECE_BYTES):
        digest.update(piece)
    return digest


def hash_first(file: IO[bytes], size_bytes: int) -> "hashlib._Hash":
    """Hash the first bytes of an open file that stands at its beginning; it then stands behind them."""
    digest = hashlib.sha256()
    while size_bytes and (piece := file.read(min(size_bytes, PIECE_BYTES))):
        digest.update(piece)
        size_bytes -= len(piece)
    return digest


def hash_some(file: IO[bytes], hashed: "hashlib._Hash") -> bool:
    """Hash the next bytes of an open file; whether there were any."""
    left = HASHED_AT_ONCE_BYTES
    while left > 0 and (piece := file.read(PIECE_BYTES)):
        hashed.update(piece)
        left -= len(piece)
    return left < HASHED_AT_ONCE_BYTES


def read_and_hash(file: IO[bytes], hashed: "hashlib._Hash") -> bytes:
    """Return the next piece of an open file that is served, empty at its end, and hash it."""
    piece = file.read(SERVED_BYTES)
    hashed.update(piece)
    return piece
