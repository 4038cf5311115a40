"""Weights that a worker keeps on its disk: each shard needs those of its version, and a remote store takes long.

They are in a private folder that is empty at the start. Like all staged files, they are hashed before each task.
"""

import asyncio
import os
from collections import defaultdict
from contextlib import suppress
from functools import partial
from pathlib import Path

from modicum_server.artifacts.files import STORED_MODE, link_or_copy, stage
from modicum_server.errors import ArtifactCorrupt
from modicum_server.ports import ArtifactSource


class KeptWeights:
    """`ports.ArtifactSource` over another one: it takes weights that it kept, or fetches them.

    It keeps those that were used last, and at most so many bytes.
    """

    def __init__(self, store: ArtifactSource, folder: Path, most_bytes: int) -> None:
        """Take the store and a folder that nobody else writes to; it is made when it is needed."""
        self._store = store
        self._folder = folder
        self._most_bytes = most_bytes
        self._turns: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def fetch(self, digest: str, destination: Path) -> None:
        """Put the weights at a local path. Tasks that need the same weights at once fetch them once.

        Raises:
            ArtifactNotFound, ArtifactCorrupt, DiskFull
        """
        async with self._turns[digest]:
            if not await asyncio.to_thread(self._take, digest, destination):
                await self._store.fetch(digest, destination)
                await asyncio.to_thread(self._keep, digest, destination)

    def _take(self, digest: str, destination: Path) -> bool:
        """Put kept weights at the path; return False where there are none, or damaged ones, which are deleted."""
        kept = self._folder / digest
        try:
            stage(digest, partial(link_or_copy, kept), destination)
            os.utime(kept)
        except FileNotFoundError:
            return False
        except ArtifactCorrupt:
            kept.unlink(missing_ok=True)
            return False
        return True

    def _keep(self, digest: str, staged: Path) -> None:
        """Keep staged weights if they fit. A disk that is full keeps none; the task has its own."""
        if staged.stat().st_size > self._most_bytes:
            return
        with suppress(OSError):
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            staged.chmod(STORED_MODE)
            os.link(staged, self._folder / digest)
            self._make_room()

    def _make_room(self) -> None:
        """Delete those that were not used for the longest time, until the rest fits."""
        files = sorted(self._folder.iterdir(), key=lambda path: path.stat().st_mtime, reverse=True)
        room = self._most_bytes
        for file in files:
            room -= file.stat().st_size
            if room < 0:
                file.unlink()
