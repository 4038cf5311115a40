"""Bytes: the artifact store, uploads, and the check of boxes and masks."""

from collections.abc import AsyncGenerator, Collection, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol


class Upload(Protocol):
    """An upload in progress."""

    async def write(self, data: bytes) -> None: ...
    async def commit(self) -> None:
        """Raises UploadTruncated (the bytes so far are kept for a resume) or DigestMismatch (they are deleted)."""


class ObjectsCheck(Protocol):
    """Checks that boxes, or a mask, fit a picture. A picture that cannot be read is skipped."""

    def __call__(self, image: bytes, *, boxes: bytes | None = None, mask: bytes = b"", max_pixels: int = ...) -> None:
        """Raises ObjectsInvalid, with what was expected and what came."""


class ArtifactSource(Protocol):
    """Where a worker gets the bytes of a digest from."""

    async def fetch(self, digest: str, destination: Path) -> None:
        """Put the bytes at a local path, by hard link if possible; raises ArtifactCorrupt, and puts nothing there."""


@dataclass(frozen=True, slots=True)
class KeptUse:
    """How often artifacts were kept (hits) or had to be fetched (misses), and how many bytes are kept now."""

    hits: int = 0
    misses: int = 0
    size_bytes: int = 0


class KeptArtifacts(ArtifactSource, Protocol):
    """What a worker keeps on its disk between shards, in front of a store that is far away."""

    @property
    def use(self) -> KeptUse: ...
    async def prepare(self, digest: str) -> None:
        """Fetch and keep a file that a task will need, unless it is kept already; raises as `fetch` does."""

    async def forget(self, digests: Iterable[str]) -> None:
        """Delete these, if they are kept. One that is being fetched now may be kept afterwards."""

    async def clear(self) -> None:
        """Delete all that is kept, which makes room on the disk."""


class ArtifactStore(ArtifactSource, Protocol):
    """Bytes by SHA-256, in a folder or at any fsspec URL. The Store knows who may see which digest."""

    async def received(self, project: str, digests: Collection[str]) -> Mapping[str, int]:
        """How many bytes of these a broken upload of this project left, where there was one."""

    def upload(self, project: str, digest: str, *, size_bytes: int, offset: int) -> AbstractAsyncContextManager[Upload]:
        """Begin or resume; raises UploadInvalid when `offset` is not what was received, UploadBusy beside another."""

    def read(self, digest: str, *, offset: int = 0) -> AsyncGenerator[bytes]:
        """Yield the bytes from `offset`, the last of them once the whole has its digest; else raises ArtifactCorrupt.

        A reader that stops early closes the generator, which closes the file.
        """

    def read_part(self, digest: str, *, first: int, end: int) -> AsyncGenerator[bytes]:
        """Yield the bytes from `first` to before `end`; raises ArtifactCorrupt before the first where the whole is.

        For that it reads the whole once a process, and again when the file was changed.
        """

    async def put(self, data: bytes) -> str:
        """Store bytes and return their digest."""

    async def put_all(self, contents: Sequence[bytes]) -> list[str]:
        """Store some bytes and return their digests. An error is raised once nothing is being stored any more."""

    async def put_file(self, path: Path) -> str:
        """Store a local file of any size and return its digest."""

    async def delete(self, digest: str) -> None: ...
    def stored(self, after: str) -> AsyncGenerator[str]:
        """Yield the digests of all stored bytes behind `after`, rising. Raises DependencyUnavailable."""

    async def store_id(self) -> str | None:
        """The id that it was given; None where it was given none. Raises DependencyUnavailable."""

    async def set_store_id(self, store_id: str) -> None:
        """Give it an id."""

    async def ping(self) -> None:
        """Raises DependencyUnavailable."""
