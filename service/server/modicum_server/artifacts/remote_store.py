"""The artifact store behind an fsspec URL, such as a bucket."""

import asyncio
import hashlib
from collections.abc import AsyncGenerator, Callable, Collection, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from functools import partial
from pathlib import Path
from typing import Any

import fsspec  # type: ignore[import-untyped]

from modicum_server.artifacts.files import digest_of, disk_errors, driver_errors, place_of, stage
from modicum_server.artifacts.stored_bytes import STORE_ID, digests_behind, is_whole, not_found, part, pieces
from modicum_server.artifacts.threads import in_thread
from modicum_server.artifacts.uploads import Uploads
from modicum_server.artifacts.verified_files import VerifiedFiles
from modicum_server.errors import DependencyUnavailable
from modicum_server.ports import Upload

BLOCK_BYTES = 1024 * 1024
#: By the scheme of a bucket's URL, the extra that brings the driver. All other drivers have folders.
EXTRAS = {
    **dict.fromkeys(("s3", "s3a"), "s3"),
    **dict.fromkeys(("gs", "gcs"), "gcs"),
    **dict.fromkeys(("az", "abfs", "abfss", "adl"), "azure"),
}


class RemoteArtifactStore:
    """`ports.ArtifactStore` over fsspec. Uploads are collected in a local folder, and then stored as a whole."""

    def __init__(self, url: str, spool: Path) -> None:
        """Take the URL (fsspec finds the credentials itself) and the folder of unfinished uploads."""
        self._files: Any
        # Other processes store files too, so no listing may be kept.
        self._files, root = fsspec.url_to_fs(url, use_listings_cache=False)
        self._bucket = root.partition("/")[0] if url.partition("://")[0] in EXTRAS else ""
        self._root = f"{root.rstrip('/')}/sha256"
        self._id_place = f"{root.rstrip('/')}/{STORE_ID}"
        self._uploads = Uploads(spool)
        self._verified = VerifiedFiles()
        with disk_errors():
            spool.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._uploads.forget_old()

    async def received(self, project: str, digests: Collection[str]) -> Mapping[str, int]:
        """Return how many bytes of these a broken upload of this project left, where there was one."""
        return await self._uploads.received(project, digests)

    def upload(self, project: str, digest: str, *, size_bytes: int, offset: int) -> AbstractAsyncContextManager[Upload]:
        """Begin or resume; raises UploadInvalid when `offset` is not what was received, UploadBusy beside another."""

        async def deliver(path: Path) -> None:
            with driver_errors():
                await in_thread(self._send, path, digest)

        return self._uploads.open(project, digest, size_bytes=size_bytes, offset=offset, deliver=deliver)

    def read(self, digest: str, *, offset: int = 0) -> AsyncGenerator[bytes]:
        """Yield the bytes from `offset` in pieces of 64 KiB; the last comes once the whole has its digest.

        Raises:
            ArtifactNotFound, ArtifactCorrupt, OffsetInvalid
        """
        return pieces(digest, self._opener(digest), offset, driver_errors)

    def read_part(self, digest: str, *, first: int, end: int) -> AsyncGenerator[bytes]:
        """Yield the bytes from `first` to before `end`, once this process has read the whole as it is now.

        Raises:
            ArtifactNotFound, ArtifactCorrupt
        """
        return part(
            digest,
            self._opener(digest),
            (first, end),
            driver_errors,
            stamp=lambda _: str(self._files.ukey(self._path(digest))),
            verified=self._verified,
        )

    async def put(self, data: bytes) -> str:
        """Store whole bytes and return their digest. They are written though they may be there.

        So damaged ones are replaced, and its time does not tell an uploader that another project holds them.
        """
        digest = hashlib.sha256(data).hexdigest()
        with driver_errors():
            await in_thread(self._store, data, self._path(digest))
        return digest

    async def put_all(self, contents: Sequence[bytes]) -> list[str]:
        """Store some whole bytes side by side, as `put` does each, and return their digests.

        Of several errors the first is raised, once nothing is being stored any more.
        """
        ended = await asyncio.gather(*map(self.put, contents), return_exceptions=True)
        for error in ended:
            if isinstance(error, BaseException):
                raise error
        return [digest for digest in ended if isinstance(digest, str)]

    async def put_file(self, path: Path) -> str:
        """Store a local file and return its digest. Damaged bytes that are there are replaced."""
        digest = await in_thread(digest_of, path)
        if not await in_thread(self._has_whole, digest):
            with driver_errors():
                await in_thread(self._store_file, path, self._path(digest))
        return digest

    async def fetch(self, digest: str, destination: Path) -> None:
        """Put a copy of the bytes at a local path.

        Raises:
            ArtifactNotFound, ArtifactCorrupt, DiskFull
        """
        with not_found(digest, driver_errors):
            await in_thread(self._get, digest, destination)

    async def delete(self, digest: str) -> None:
        """Delete the bytes, if they exist."""
        with driver_errors():
            await in_thread(self._remove, self._path(digest))

    async def stored(self, after: str) -> AsyncGenerator[str]:
        """Yield the digests of all stored bytes behind `after`, rising.

        Raises:
            DependencyUnavailable
        """
        async for digest in digests_behind(self._names, after, driver_errors):
            yield digest

    async def store_id(self) -> str | None:
        """Return the id that the store was given; None where it was given none.

        Raises:
            DependencyUnavailable
        """
        with driver_errors():
            return await in_thread(self._read_id)

    async def set_store_id(self, store_id: str) -> None:
        """Give the store an id."""
        with driver_errors():
            await in_thread(self._store, store_id.encode(), self._id_place)

    async def ping(self) -> None:
        """Check that the store replies, and that its bucket is there.

        Raises:
            DependencyUnavailable
        """
        with driver_errors():
            await in_thread(self._require_bucket)
            await in_thread(self._files.exists, self._root)

    def _opener(self, digest: str) -> Callable[[str], Any]:
        """What opens a file. The driver of a bucket keeps a block of each open file in memory."""
        return partial(self._files.open, self._path(digest), block_size=BLOCK_BYTES)

    def _path(self, digest: str) -> str:
        return f"{self._root}/{place_of(digest)}"

    def _send(self, path: Path, digest: str) -> None:
        self._store_file(path, self._path(digest))
        path.unlink()

    def _has_whole(self, digest: str) -> bool:
        return is_whole(partial(self._files.open, self._path(digest)), digest)

    def _store(self, data: bytes, target: str) -> None:
        self._make_folder(target)
        self._files.pipe_file(target, data)

    def _store_file(self, path: Path, target: str) -> None:
        self._make_folder(target)
        self._files.put_file(str(path), target)

    def _make_folder(self, target: str) -> None:
        """Make the folder of a file, where the driver has folders. A bucket has none, and must be there."""
        if self._bucket:
            self._require_bucket()
        else:
            self._files.makedirs(target.rpartition("/")[0], exist_ok=True)

    def _require_bucket(self) -> None:
        """Raise where there is no bucket: drivers would make one, of which nobody knows."""
        if self._bucket and not self._files.exists(self._bucket):
            raise DependencyUnavailable(
                f"the bucket {self._bucket} of the artifact store does not exist, or may not be listed with these "
                "credentials; create it, or set MODICUM_ARTIFACTS_URL to another"
            )

    def _get(self, digest: str, destination: Path) -> None:
        stage(digest, lambda fresh: self._files.get_file(self._path(digest), str(fresh)), destination)

    def _names(self, part: str) -> list[str]:
        """Return the names in a part of the store; none where there is no such part."""
        try:
            names = self._files.ls(f"{self._root}/{part}".rstrip("/"), detail=False)
        except FileNotFoundError:
            return []
        return [name.rstrip("/").rpartition("/")[2] for name in names]

    def _read_id(self) -> str | None:
        """Return the id. Many drivers' `exists` says False of a store that is away, so the file itself is read."""
        try:
            found: bytes = self._files.cat_file(self._id_place)
        except FileNotFoundError:
            return None
        return found.decode().strip()

    def _remove(self, path: str) -> None:
        if self._files.exists(path):
            self._files.rm_file(path)
