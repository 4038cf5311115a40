"""The two artifact stores: a local folder, and any fsspec URL. `open_artifact_store` chooses by the URL.

The root has `sha256/ab/abcd...` for complete files, `store-id`, and `uploads/` and `scratch/` for incomplete files. A
remote store has only the first two; its incomplete files are in a local folder.
"""

import asyncio
import hashlib
import tempfile
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, AbstractContextManager, contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import IO, Any, ParamSpec
from urllib.parse import unquote, urlsplit

import fsspec  # type: ignore[import-untyped]

from modicum_server.artifacts.files import (
    copy_in,
    digest_of,
    disk_errors,
    driver_errors,
    folder_names,
    hash_first,
    hash_rest,
    link_or_copy,
    move_in,
    place_of,
    read_and_hash,
    stage,
    write_in,
)
from modicum_server.artifacts.opening import closed, opened
from modicum_server.artifacts.uploads import Uploads
from modicum_server.domain.digests import is_digest
from modicum_server.errors import ArtifactCorrupt, ArtifactNotFound, DependencyUnavailable, OffsetInvalid
from modicum_server.ports import ArtifactStore, Upload

P = ParamSpec("P")
Errors = Callable[[], AbstractContextManager[None]]
#: The file that says to which store this one belongs; the database has the same id.
STORE_ID = "store-id"


def open_artifact_store(url: str, *, spool: Path | None = None) -> ArtifactStore:
    """Return the store of a folder, or of a URL such as `s3://bucket/prefix`.

    A remote store keeps unfinished uploads in `spool`, by default a temporary folder. They can be resumed only on this
    machine, until that folder is emptied.
    """
    parts = urlsplit(url)
    if parts.scheme in {"", "file"}:
        return FolderArtifactStore(Path(unquote(parts.path) if parts.scheme else url))
    return RemoteArtifactStore(url, spool or Path(tempfile.gettempdir()) / "modicum-uploads")


class FolderArtifactStore:
    """`ports.ArtifactStore` over a local folder. Many processes may share it."""

    def __init__(self, root: Path) -> None:
        """Take the folder. A missing one is created, for its owner alone."""
        self._root = root.absolute()
        self._uploads = Uploads(self._root / "uploads")
        self._scratch = self._root / "scratch"
        with disk_errors():
            if not self._root.exists():
                self._root.mkdir(parents=True, mode=0o700)
            self._scratch.mkdir(exist_ok=True)
            self._uploads.forget_old()

    async def received(self, project: str, digest: str) -> int:
        """Return how many bytes a broken upload of this project left."""
        return await self._uploads.received(project, digest)

    def upload(self, project: str, digest: str, *, size_bytes: int, offset: int) -> AbstractAsyncContextManager[Upload]:
        """Begin or resume; raises UploadInvalid when `offset` is not what was received, UploadBusy beside another."""

        async def deliver(path: Path) -> None:
            await asyncio.to_thread(_guarded, move_in, path, self._path(digest))

        return self._uploads.open(project, digest, size_bytes=size_bytes, offset=offset, deliver=deliver)

    def read(self, digest: str, *, offset: int = 0) -> AsyncGenerator[bytes]:
        """Yield the bytes from `offset` in pieces of 256 KiB; the last comes once the whole has its digest.

        Raises:
            ArtifactNotFound, ArtifactCorrupt, OffsetInvalid
        """
        return _pieces(digest, self._path(digest).open, offset, self._errors)

    async def put(self, data: bytes) -> str:
        """Store whole bytes and return their digest. Damaged ones that are there are replaced."""
        digest = hashlib.sha256(data).hexdigest()
        path = self._path(digest)
        if not await asyncio.to_thread(_is_whole, path.open, digest):
            await asyncio.to_thread(_guarded, write_in, data, path, self._scratch)
        return digest

    async def put_file(self, path: Path) -> str:
        """Store a local file and return its digest. Damaged bytes that are there are replaced."""
        digest = await asyncio.to_thread(digest_of, path)
        place = self._path(digest)
        if not await asyncio.to_thread(_is_whole, place.open, digest):
            await asyncio.to_thread(_guarded, copy_in, path, place, self._scratch)
        return digest

    async def fetch(self, digest: str, destination: Path) -> None:
        """Put the bytes at a local path, by hard link where that can be; nobody may write to them there.

        Raises:
            ArtifactNotFound, ArtifactCorrupt, DiskFull
        """
        with _not_found(digest, self._errors):
            await asyncio.to_thread(stage, digest, partial(link_or_copy, self._path(digest)), destination)

    async def delete(self, digest: str) -> None:
        """Delete the bytes, if they exist."""
        await asyncio.to_thread(_guarded, self._path(digest).unlink, True)

    async def stored(self, after: str) -> AsyncGenerator[str]:
        """Yield the digests of all stored bytes behind `after`, rising.

        Raises:
            DependencyUnavailable
        """
        async for digest in _digests(self._names, after, self._errors):
            yield digest

    async def store_id(self) -> str | None:
        """Return the id that the folder was given; None where it was given none.

        Raises:
            DependencyUnavailable
        """
        with self._errors():
            return await asyncio.to_thread(self._read_id)

    async def set_store_id(self, store_id: str) -> None:
        """Give the folder an id."""
        await asyncio.to_thread(_guarded, write_in, store_id.encode(), self._root / STORE_ID, self._scratch)

    async def ping(self) -> None:
        """Check that the folder exists and that a file can be created in it.

        Raises:
            DependencyUnavailable; DiskFull: there is not even room for an empty file.
        """
        await asyncio.to_thread(self._require_there)
        await asyncio.to_thread(_guarded, _make_a_file, self._scratch)

    def _path(self, digest: str) -> Path:
        return self._root / "sha256" / place_of(digest)

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


class RemoteArtifactStore:
    """`ports.ArtifactStore` over fsspec. Uploads are collected in a local folder, and then stored as a whole."""

    def __init__(self, url: str, spool: Path) -> None:
        """Take the URL (fsspec finds the credentials itself) and the folder of unfinished uploads."""
        self._files: Any
        # Other processes store files too, so no listing may be kept.
        self._files, root = fsspec.url_to_fs(url, use_listings_cache=False)
        self._root = f"{root.rstrip('/')}/sha256"
        self._id_place = f"{root.rstrip('/')}/{STORE_ID}"
        self._uploads = Uploads(spool)
        with disk_errors():
            spool.mkdir(parents=True, exist_ok=True, mode=0o700)
            self._uploads.forget_old()

    async def received(self, project: str, digest: str) -> int:
        """Return how many bytes a broken upload of this project left on this machine."""
        return await self._uploads.received(project, digest)

    def upload(self, project: str, digest: str, *, size_bytes: int, offset: int) -> AbstractAsyncContextManager[Upload]:
        """Begin or resume; raises UploadInvalid when `offset` is not what was received, UploadBusy beside another."""

        async def deliver(path: Path) -> None:
            await asyncio.to_thread(_driven, self._send, path, digest)

        return self._uploads.open(project, digest, size_bytes=size_bytes, offset=offset, deliver=deliver)

    def read(self, digest: str, *, offset: int = 0) -> AsyncGenerator[bytes]:
        """Yield the bytes from `offset` in pieces of 256 KiB; the last comes once the whole has its digest.

        Raises:
            ArtifactNotFound, ArtifactCorrupt, OffsetInvalid
        """
        return _pieces(digest, partial(self._files.open, self._path(digest)), offset, driver_errors)

    async def put(self, data: bytes) -> str:
        """Store whole bytes and return their digest. Damaged ones that are there are replaced."""
        digest = hashlib.sha256(data).hexdigest()
        if not await asyncio.to_thread(self._has_whole, digest):
            await asyncio.to_thread(_driven, self._store, data, self._path(digest))
        return digest

    async def put_file(self, path: Path) -> str:
        """Store a local file and return its digest. Damaged bytes that are there are replaced."""
        digest = await asyncio.to_thread(digest_of, path)
        if not await asyncio.to_thread(self._has_whole, digest):
            await asyncio.to_thread(_driven, self._store_file, path, self._path(digest))
        return digest

    async def fetch(self, digest: str, destination: Path) -> None:
        """Put a copy of the bytes at a local path.

        Raises:
            ArtifactNotFound, ArtifactCorrupt, DiskFull
        """
        with _not_found(digest, driver_errors):
            await asyncio.to_thread(self._get, digest, destination)

    async def delete(self, digest: str) -> None:
        """Delete the bytes, if they exist."""
        await asyncio.to_thread(_driven, self._remove, self._path(digest))

    async def stored(self, after: str) -> AsyncGenerator[str]:
        """Yield the digests of all stored bytes behind `after`, rising.

        Raises:
            DependencyUnavailable
        """
        async for digest in _digests(self._names, after, driver_errors):
            yield digest

    async def store_id(self) -> str | None:
        """Return the id that the store was given; None where it was given none.

        Raises:
            DependencyUnavailable
        """
        with driver_errors():
            return await asyncio.to_thread(self._read_id)

    async def set_store_id(self, store_id: str) -> None:
        """Give the store an id."""
        await asyncio.to_thread(_driven, self._store, store_id.encode(), self._id_place)

    async def ping(self) -> None:
        """Check that the store replies.

        Raises:
            DependencyUnavailable
        """
        await asyncio.to_thread(_driven, self._files.exists, self._root)

    def _path(self, digest: str) -> str:
        return f"{self._root}/{place_of(digest)}"

    def _send(self, path: Path, digest: str) -> None:
        target = self._path(digest)
        self._files.makedirs(target.rpartition("/")[0], exist_ok=True)
        self._files.put_file(str(path), target)
        path.unlink()

    def _has_whole(self, digest: str) -> bool:
        return _is_whole(partial(self._files.open, self._path(digest)), digest)

    def _store(self, data: bytes, target: str) -> None:
        self._files.makedirs(target.rpartition("/")[0], exist_ok=True)
        self._files.pipe_file(target, data)

    def _store_file(self, path: Path, target: str) -> None:
        self._files.makedirs(target.rpartition("/")[0], exist_ok=True)
        self._files.put_file(str(path), target)

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


def _make_a_file(folder: Path) -> None:
    with tempfile.TemporaryFile(dir=folder, prefix="ping-"):
        """Made, and gone again: permissions alone say nothing of a disk that is mounted read-only."""


def _is_whole(open_file: Callable[[str], IO[bytes]], digest: str) -> bool:
    """Whether the store has the bytes of a digest. What cannot be read is stored again, and that says what is wrong."""
    with suppress(Exception), open_file("rb") as file:
        return hash_rest(file).hexdigest() == digest
    return False


def _guarded(work: Callable[P, object], *args: P.args, **kwargs: P.kwargs) -> None:
    """Do blocking work in a thread. Errors of the disk become the domain's."""
    with disk_errors():
        work(*args, **kwargs)


def _driven(work: Callable[P, object], *args: P.args, **kwargs: P.kwargs) -> None:
    """Do blocking work of a driver in a thread. Its errors become the domain's."""
    with driver_errors():
        work(*args, **kwargs)


@contextmanager
def _not_found(digest: str, errors: Errors) -> Iterator[None]:
    try:
        with errors():
            yield
    except DependencyUnavailable as error:
        if isinstance(error.__cause__, FileNotFoundError):
            raise ArtifactNotFound(
                f"the artifact store has no bytes for {digest}; upload them again", digest=digest
            ) from error
        raise


async def _digests(names: Callable[[str], list[str]], after: str, errors: Errors) -> AsyncGenerator[str]:
    """Yield digests, rising, folder by folder. `names` lists the root ("") or a folder in it, in a thread."""
    with errors():
        for part in sorted(await asyncio.to_thread(names, "")):
            if part >= after[:2]:
                for digest in sorted(await asyncio.to_thread(names, part)):
                    if digest > after and is_digest(digest):
                        yield digest


async def _pieces(
    digest: str, open_file: Callable[[str], IO[bytes]], offset: int, errors: Errors
) -> AsyncGenerator[bytes]:
    """Yield a file from `offset` on, read and hashed in threads. `open_file` takes the mode.

    Each piece is held back until the next one was read, and the last until all bytes were hashed, those before `offset`
    too. So a reader never has the whole of a damaged file.
    """
    with _not_found(digest, errors):
        file = await opened(partial(open_file, "rb"), lambda unwanted: unwanted.close())
        try:
            size = await asyncio.to_thread(file.seek, 0, 2)
            if not 0 <= offset <= size:
                raise OffsetInvalid(f"expected an offset of at most {size:,}, the length of {digest}, got {offset:,}")
            await asyncio.to_thread(file.seek, 0)
            hashed = await asyncio.to_thread(hash_first, file, offset)
            held = b""
            while piece := await asyncio.to_thread(read_and_hash, file, hashed):
                if held:
                    yield held
                held = piece
            if hashed.hexdigest() != digest:
                raise ArtifactCorrupt.of(digest, hashed.hexdigest())
            if held:
                yield held
        finally:
            await closed(file.close)
