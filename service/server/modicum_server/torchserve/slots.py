"""A slot: the folder through which a task reaches a model's process, with two marker files, `lease` and `cancel`."""

import asyncio
import contextlib
import os
import shutil
import stat
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from modicum_server.domain.models import Executable, Weights
from modicum_server.domain.tasks import ScoreWork, SearchWork, SpotWork, Task
from modicum_server.ports import ArtifactSource
from modicum_server.torchserve.messages import task_message

LEASE_SECONDS = 2.0
FETCHES_AT_ONCE = 8


@dataclass(frozen=True, slots=True)
class Slot:
    """One slot. Its folder is never replaced, because the confinement refers to it by its inode.

    `owner` is the user of the model process, where that has one of its own. It may read the folder, and nobody else.
    """

    name: str
    folder: Path
    threads: int
    owner: int | None = None

    def make(self) -> None:
        """Create the folder, or empty it. Every user may enter the folder above it if the slot has an owner.

        Raises:
            OSError: we may not give it to the owner.
        """
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.clear()
        if self.owner is None:
            self._take_back()
            return
        os.chown(self.folder, self.owner, -1)
        self.folder.chmod(0o500)
        above = self.folder.parent
        above.chmod(stat.S_IMODE(above.stat().st_mode) | 0o011)

    def _take_back(self) -> None:
        """Make the folder ours again, which may be of an earlier worker with another user."""
        if self.folder.stat().st_uid != os.geteuid():
            os.chown(self.folder, os.geteuid(), -1)
            self.folder.chmod(0o700)

    def clear(self) -> None:
        """Delete what the last task left."""
        for path in self.folder.iterdir():
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path, ignore_errors=True)
            else:
                path.unlink(missing_ok=True)

    def ask_to_stop(self) -> None:
        """Create the file that the handler looks for between steps."""
        (self.folder / "cancel").touch()

    @asynccontextmanager
    async def staged(self, task: Task, artifacts: ArtifactSource) -> AsyncIterator[None]:
        """Put the task and its artifacts into the folder, renew its lease, and clear the folder at the end."""
        await asyncio.to_thread(self.make)
        lease = self.folder / "lease"
        lease.touch()
        beating = asyncio.create_task(_touch(lease), name=f"lease-{self.name}")
        try:
            await self._fetch(task, artifacts)
            await asyncio.to_thread(self._write, task_message(task, self.threads).SerializeToString())
            yield
        finally:
            beating.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await beating
            await asyncio.to_thread(self.clear)

    def _write(self, message: bytes) -> None:
        place = self.folder / "task.binpb"
        place.write_bytes(message)
        self._let_read(place)

    def _let_read(self, path: Path) -> None:
        """Let every user read what is in the folder, which only its owner can enter."""
        if self.owner is not None and not path.stat().st_mode & 0o004:
            path.chmod(0o755 if path.is_dir() else 0o444)

    async def _fetch(self, task: Task, artifacts: ArtifactSource) -> None:
        place = self.folder / "artifacts"
        place.mkdir(mode=0o700)
        room = asyncio.Semaphore(FETCHES_AT_ONCE)

        async def fetch(digest: str) -> None:
            async with room:
                await artifacts.fetch(digest, place / digest)
                await asyncio.to_thread(self._let_read, place / digest)

        try:
            async with asyncio.TaskGroup() as group:
                for digest in (*sorted(weights_of(task)), *sorted(pictures_of(task))):
                    group.create_task(fetch(digest))
        except BaseExceptionGroup as errors:
            raise errors.exceptions[0] from errors
        self._let_read(place)


def weights_of(task: Task) -> frozenset[str]:
    """Return the digests of the weights and programs that a task loads."""
    versions = (task.model_version, *task.parts)
    return frozenset(version.source.digest for version in versions if isinstance(version.source, Weights | Executable))


def pictures_of(task: Task) -> frozenset[str]:
    """Return the digests of the images that a task needs, with their boxes and masks."""
    digests: set[str] = set()
    if isinstance(task.work, SearchWork | ScoreWork):
        digests |= {item.image_digest for item in task.work.donors}
    if isinstance(task.work, SearchWork | ScoreWork | SpotWork):
        digests |= {item.image_digest for item in task.work.items}
        digests |= {digest for item in task.work.items for digest in (item.boxes_digest, item.mask_digest) if digest}
    return frozenset(digests)


async def _touch(lease: Path) -> None:
    while True:
        await asyncio.sleep(LEASE_SECONDS)
        # The disk may be full, or the folder gone: the model's process then ends by itself.
        with contextlib.suppress(OSError):
            os.utime(lease)
