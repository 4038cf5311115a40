"""Uploads in progress: one file for each project and digest, hashed as it grows, and kept for a resume."""

import fcntl
import hashlib
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping
from contextlib import asynccontextmanager, suppress
from functools import partial
from io import FileIO
from pathlib import Path
from urllib.parse import quote

from modicum_server.artifacts.files import checked, disk_errors, hash_rest
from modicum_server.artifacts.opening import opened
from modicum_server.artifacts.threads import in_thread
from modicum_server.errors import DigestMismatch, UploadBusy, UploadInvalid, UploadTruncated
from modicum_server.ports import FORGOTTEN_SECONDS

Deliver = Callable[[Path], Awaitable[None]]


class PartialUpload:
    """`ports.Upload` over an open, locked file. It is unbuffered, so that no byte can fail at a later flush."""

    def __init__(self, path: Path, file: FileIO, hashed: "hashlib._Hash", *, digest: str, size_bytes: int) -> None:
        self._path = path
        self._file = file
        self._hashed = hashed
        self._digest = digest
        self._size_bytes = size_bytes
        self._received = file.tell()
        self.complete = False

    async def write(self, data: bytes) -> None:
        """Append bytes; returns when the operating system has them.

        Raises:
            UploadInvalid: there are more bytes than were announced. Nothing of `data` is kept.
            DiskFull
        """
        if self._received + len(data) > self._size_bytes:
            raise UploadInvalid(f"expected {self._size_bytes:,} bytes, got more; announce the artifact's whole length")
        await in_thread(self._append, data)

    async def commit(self) -> None:
        """Check that all bytes came, and that their digest is the announced one.

        Raises:
            UploadTruncated: the bytes so far are kept for a resume.
            DigestMismatch: all bytes are deleted.
            DiskFull
        """
        if self._received < self._size_bytes:
            raise UploadTruncated(
                f"the upload ended after {self._received:,} of {self._size_bytes:,} bytes; resume it there",
                received_bytes=str(self._received),
            )
        if self._hashed.hexdigest() != self._digest:
            self._path.unlink(missing_ok=True)
            raise DigestMismatch(digest=self._digest, received_digest=self._hashed.hexdigest())
        await in_thread(self._synchronise)
        self.complete = True

    def _append(self, data: bytes) -> None:
        with disk_errors():
            try:
                left = memoryview(data)
                while left:
                    left = left[self._file.write(left) :]
            except OSError:
                with suppress(OSError):  # what cannot be cut off will be hashed at a resume
                    self._file.truncate(self._received)  # so that the file holds exactly what was hashed
                raise
        self._hashed.update(data)
        self._received += len(data)

    def _synchronise(self) -> None:
        with disk_errors():
            os.fsync(self._file.fileno())


class Uploads:
    """The uploads in progress below one folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def received(self, project: str, digests: Collection[str]) -> Mapping[str, int]:
        """How many bytes of these a broken upload of this project left, where there was one."""
        return await in_thread(self._received, project, frozenset(digests))

    @asynccontextmanager
    async def open(
        self, project: str, digest: str, *, size_bytes: int, offset: int, deliver: Deliver
    ) -> AsyncIterator[PartialUpload]:
        """Begin (offset 0) or resume an upload. When it was committed, it goes to `deliver` at the end.

        Raises:
            UploadInvalid: the offset is neither 0 nor the number of bytes that were received.
            UploadBusy: another upload of the same bytes is in progress.
            DiskFull
        """
        path = self._path(project, digest)
        file = await opened(partial(_open, path, offset), partial(_close, path))
        try:
            hashed = await in_thread(hash_rest, file)
            upload = PartialUpload(path, file, hashed, digest=digest, size_bytes=size_bytes)
            yield upload
            if upload.complete:
                await deliver(path)
        finally:
            _close(path, file)  # not in a thread: a cancelled call must not return before its lock is released

    def forget_old(self) -> int:
        """Delete uploads that were not continued; return how many. Blocks."""
        oldest = time.time() - FORGOTTEN_SECONDS
        old = [path for path in self._folder.glob("*/*") if path.is_file() and path.stat().st_mtime < oldest]
        for path in old:
            path.unlink(missing_ok=True)
        return len(old)

    def _received(self, project: str, digests: Collection[str]) -> dict[str, int]:
        return {path.name: _size(path) for path in self._of(project).glob("*") if path.name in digests}

    def _path(self, project: str, digest: str) -> Path:
        return self._of(project) / checked(digest)

    def _of(self, project: str) -> Path:
        return self._folder / quote(project, safe="")


def _open(path: Path, offset: int) -> FileIO:
    """Open and lock the file, positioned at its start. It is emptied when an upload begins anew."""
    with disk_errors():
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.open("a+b", buffering=0)
    if not _locked(path, file):
        received = os.fstat(file.fileno()).st_size
        file.close()
        raise UploadBusy(received_bytes=str(received))
    if offset == 0:
        file.truncate(0)
    received = os.fstat(file.fileno()).st_size
    if offset != received:
        _close(path, file)
        known = f"0 or {received:,}, the number of bytes" if received else "0, as no bytes were"
        raise UploadInvalid(
            f"expected the offset {known} received so far, got {offset:,}",
            received_bytes=str(received),
        )
    file.seek(0)
    return file


def _locked(path: Path, file: FileIO) -> bool:
    """Lock the file; False when another upload holds it, or finished it after we opened it."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return path.stat().st_ino == os.fstat(file.fileno()).st_ino
    except (BlockingIOError, FileNotFoundError):
        return False


def _close(path: Path, file: FileIO) -> None:
    """Close the file, and delete it if it is empty."""
    with suppress(OSError):
        if os.fstat(file.fileno()).st_size == 0:
            path.unlink(missing_ok=True)
    with disk_errors():
        file.close()


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0
