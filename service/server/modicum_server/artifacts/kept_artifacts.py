"""Artifacts that a worker keeps on its disk: shards need the same weights and donors, and often the same images.

They are in a private folder that is empty at the start. Like all staged files, they are hashed before each task.
"""

import asyncio
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from weakref import WeakValueDictionary

from modicum_server.artifacts.kept_folder import KeptFolder
from modicum_server.artifacts.threads import in_thread
from modicum_server.ports import ArtifactSource, KeptUse


class FolderKeptArtifacts:
    """`ports.KeptArtifacts` in a folder, in front of a store from which it fetches what it did not keep."""

    def __init__(self, store: ArtifactSource, folder: Path, most_bytes: int) -> None:
        """Take the store, and a folder that does not exist yet and that nobody else writes to."""
        self._store = store
        self._kept = KeptFolder(folder, most_bytes)
        #: Where a file is until it is kept.
        self._coming = folder.with_name(f"{folder.name}-coming")
        self._use = KeptUse()
        #: A lock goes when no task holds it or waits for it.
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    @property
    def use(self) -> KeptUse:
        """How often it was asked, and how much it holds now."""
        return replace(self._use, size_bytes=self._kept.size_bytes)

    async def fetch(self, digest: str, destination: Path) -> None:
        """Put the bytes at a local path. Tasks that need the same ones at once fetch them once.

        Raises:
            ArtifactNotFound, ArtifactCorrupt, DiskFull
        """
        async with self._turns.setdefault(digest, asyncio.Lock()):
            if await in_thread(self._kept.take, digest, destination):
                self._use = replace(self._use, hits=self._use.hits + 1)
                return
            await self._store.fetch(digest, destination)
            self._use = replace(self._use, misses=self._use.misses + 1)
            await in_thread(self._kept.keep, digest, destination)

    async def prepare(self, digest: str) -> None:
        """Fetch and keep a file that a task will need, unless it is kept already.

        Raises:
            ArtifactNotFound, ArtifactCorrupt, DiskFull
        """
        async with self._turns.setdefault(digest, asyncio.Lock()):
            if self._kept.has(digest):
                return
            self._coming.mkdir(mode=0o700, parents=True, exist_ok=True)
            place = self._coming / digest
            try:
                await self._store.fetch(digest, place)
                await in_thread(self._kept.keep, digest, place)
            finally:
                place.unlink(missing_ok=True)

    async def forget(self, digests: Iterable[str]) -> None:
        """Delete these, if they are kept. One that is being fetched now may be kept afterwards."""
        await in_thread(self._kept.drop, digests)

    async def clear(self) -> None:
        """Delete all that is kept."""
        await in_thread(self._kept.clear)
