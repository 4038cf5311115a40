"""The artifact store in a local folder."""

import hashlib
import os
import tempfile
from collections.abc import AsyncGenerator, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, contextmanager
from functools import partial
from pathlib import Path
from typing import IO

from modicum_server.artifacts.files import (
    copy_in,
    digest_of,
    disk_errors,
    folder_names,
    link_or_copy,
    move_in,
    place_of,
    stage,
    write_all_in,
    write_in,
)
from modicum_server.artifacts.stored_bytes import STORE_ID, digests_behind, is_whole, not_found, part, pieces
from modicum_server.artifacts.threads import in_thread
from modicum_server.artifacts.uploads import Uploads
from modicum_server.artifacts.verified_files import VerifiedFiles
from modicum_server.errors import DependencyUnavailable
from modicum_server.ports import Upload


class FolderArtifactStore:
    """`ports.ArtifactStore` over a local folder. Many processes may share it."""

    def __init__(self, root: Path) -> None:
        """Take the folder. A missing one is created, for its owner alone."""
        self._root = root.absolute()
        self._uploads = Uploads(self._root / "uploads")
        self._scratch = self._root / "scratch"
        self._verified = VerifiedFiles()
        with disk_errors():
            if not self._root.exists():
                self._root.mkdir(parents=True, mode=0o700)
            self._scratch.mkdir(exist_ok=True)
            self._uploads.forget_old()

    async def received(self, project: str, digests: Collection[str]) -> Mapping[str, int]:
        """Return how many bytes of these a broken upload of this project left, where there was one."""
        return await self._uploads.received(project, digests)

    def upload(self, project: str, digest: str, *, size_bytes: int, offset: int) -> AbstractAsyncContextManager[Upload]:
        """Begin or resume; raises UploadInvalid when `offset` is not what was received, UploadBusy beside another."""

        async def deliver(path: Path) -> None:
            with disk_errors():
                await in_thread(move_in, path, self._path(digest))

        return self._uploads.open(project, digest, size_bytes=size_bytes, offset=offset, deliver=deliver)

    def read(self, digest: str, *, offset: int = 0) -> AsyncGenerator[bytes]:
        """Yield the bytes from `offset` in pieces of 64 KiB; the last comes once the whole has its digest.

        Raises:
            ArtifactNotFound, ArtifactCorrupt, OffsetInvalid
        """
        return pieces(digest, self._path(digest).open, offset, self._errors)

    def read_part(self, digest: str, *, first: int, end: int) -> AsyncGenerator[bytes]:
        """Yield the bytes from `first` to before `end`, once this process has read the whole as it is now.

        Raises:
            ArtifactNotFound, ArtifactCorrupt
        """
        return part(
            digest,
            self._path(digest).open,
            (first, end),
            self._errors,
            stamp=_stamp,
            verified=self._verified,
        )

    async def put(self, data: bytes) -> str:
        """Store whole bytes and return their digest, as `put_all` does."""
        return (await self.put_all([data]))[0]

    async def put_all(self, contents: Sequence[bytes]) -> list[str]:
        """Store some whole bytes and return their digests. They are written though they may be there.

        So damaged ones are replaced, and the time does not tell an uploader that another project holds them.
        """
        with disk_errors():
            return await in_thread(self._put_all, contents)

    async def put_file(self, path: Path) -> str:
        """Store a local file and return its digest. Damaged bytes that are there are replaced."""
        digest = await in_thread(digest_of, path)
        place = self._path(digest)
        if not await in_thread(is_whole, place.open, digest):
            with disk_errors():
                await in_thread(copy_in, path, place, self._scratch)
        return digest

    async def fetch(self, digest: str, destination: Path) -> None:
        """Put the bytes at a local path, by hard link where that can be; nobody may write to them there.

        Raises:
            ArtifactNotFound, ArtifactCorrupt, DiskFull
        """
        with not_found(digest, self._errors):
            await in_thread(stage, digest, partial(link_or_copy, self._path(digest)), destination)

    async def delete(self, digest: str) -> None:
        """Delete the bytes, if they exist."""
        with disk_errors():
            await in_thread(self._path(digest).unlink, missing_ok=True)

    async def stored(self, after: str) -> AsyncGenerator[str]:
        """Yield the digests of all stored bytes behind `after`, rising.

        Raises:
            DependencyUnavailable
        """
        async for digest in digests_behind(self._names, after, self._errors):
            yield digest

    async def store_id(self) -> str | None:
        """Return the id that the folder was given; None where it was given none.

        Raises:
            DependencyUnavailable
        """
        with self._errors():
            return await in_thread(self._read_id)

    async def set_store_id(self, store_id: str) -> None:
        """Give the folder an id."""
        with disk_errors():
            await in_thread(write_in, store_id.encode(), self._root / STORE_ID, self._scratch)

    async def ping(self) -> None:
        """Check that the folder exists and that a file can be created in it.

        Raises:
            DependencyUnavailable; DiskFull: there is not even room for an empty file.
        """
        await in_thread(self._require_there)
        with disk_errors():
            await in_thread(_make_a_file, self._scratch)

    def _path(self, digest: str) -> Path:
        return self._root / "sha256" / place_of(digest)

    def _put_all(self, contents: Sequence[bytes]) -> list[str]:
        digests = [hashlib.sha256(data).hexdigest() for data in contents]
        places = {self._path(digest): data for digest, data in zip(digests, contents, strict=True)}
        write_all_in(places, self._scratch)
        return digests

    @contextmanager
    def _errors(self) -> Iterator[None]:
        """Turn errors of the disk into the domain's. Where the whole folder is gone, no file of it is said to be."""
        try:
            with disk_errors():
                yield
        except DependencyUnavailable as error:
            if isinstance(error.__cause__, FileNotFoundError):
                self._require_there()
            raise

    def _require_there(self) -> None:
        if not self._scratch.is_dir():
            raise DependencyUnavailable("the folder of the artifact store does not exist; mount it, then try again")

    def _read_id(self) -> str | None:
        self._require_there()
        place = self._root / STORE_ID
        return place.read_text().strip() if place.exists() else None

    def _names(self, part: str) -> list[str]:
        self._require_there()
        return folder_names(self._root / "sha256" / part)


def _stamp(file: IO[bytes]) -> tuple[int, ...]:
    """Return what tells a file from another one at its place."""
    facts = os.fstat(file.fileno())
    return facts.st_dev, facts.st_ino, facts.st_size, facts.st_mtime_ns


def _make_a_file(folder: Path) -> None:
    with tempfile.TemporaryFile(dir=folder, prefix="ping-"):
        """Made, and gone again: permissions alone say nothing of a disk that is mounted read-only."""
